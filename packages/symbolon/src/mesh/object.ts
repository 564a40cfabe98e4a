/** The kinds of object that the mesh is made of. */
export const MESH_KINDS = [
  "Namespace",
  "ServiceAccount",
  "Service",
  "Deployment",
  "Pod",
  "PeerAuthentication",
  "AuthorizationPolicy",
  "RequestAuthentication",
  "ConfigMap",
  "ClusterStaticEntry",
] as const;
export type MeshKind = (typeof MESH_KINDS)[number];

/** What makes an object one object; `namespace` is empty for cluster-scoped kinds. */
export interface ObjectKey {
  readonly kind: MeshKind;
  readonly namespace: string;
  readonly name: string;
}

export interface ObjectMeta {
  readonly name: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export type Labels = Readonly<Record<string, string>>;

/** "Deployment foo/httpbin", "Namespace foo": how messages name an object. */
export function objectKeyText(key: ObjectKey): string {
  return key.namespace === "" ? `${key.kind} ${key.name}` : `${key.kind} ${key.namespace}/${key.name}`;
}

export function isClusterScoped(kind: MeshKind): boolean {
  return kind === "Namespace" || kind === "ClusterStaticEntry";
}

/** Subset test: every pair of `matchLabels` is among `labels`. */
export function labelsMatch(matchLabels: Labels, labels: Labels): boolean {
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
}
