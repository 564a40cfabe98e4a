import { isClusterScoped, type MeshKind } from "./object.ts";

/** Names of a kind as kubectl knows them. */
export interface KindNames {
  readonly kind: MeshKind;
  readonly apiVersion: string;
  readonly group: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
}

const KINDS: readonly KindNames[] = [
  names("Namespace", "v1", "namespaces", ["ns"]),
  names("ServiceAccount", "v1", "serviceaccounts", ["sa"]),
  names("Service", "v1", "services", ["svc"]),
  names("Deployment", "apps/v1", "deployments", ["deploy"]),
  names("Pod", "v1", "pods", ["po"]),
  names("PeerAuthentication", "security.istio.io/v1", "peerauthentications", ["pa"]),
  names("AuthorizationPolicy", "security.istio.io/v1", "authorizationpolicies", ["ap"]),
  names("RequestAuthentication", "security.istio.io/v1", "requestauthentications", ["ra"]),
  names("ConfigMap", "v1", "configmaps", ["cm"]),
  names("ClusterStaticEntry", "spire.spiffe.io/v1alpha1", "clusterstaticentries", ["entry", "entries"]),
];

const BY_ALIAS: ReadonlyMap<string, KindNames> = new Map(
  KINDS.flatMap((entry) => aliasesOf(entry).map((alias) => [alias, entry] as const)),
);

export function kindNames(kind: MeshKind): KindNames {
  const found = KINDS.find((entry) => entry.kind === kind);
  if (!found) throw new TypeError(`kind ${kind} has no names`);
  return found;
}

/** `po`, `pods`, `pod`, `Pod`, `deployments.apps`; `undefined` for anything else. */
export function findKind(alias: string): KindNames | undefined {
  return BY_ALIAS.get(alias.toLowerCase());
}

/** For "did you mean" and for help. */
export function kindAliases(): readonly string[] {
  return KINDS.flatMap(({ plural, singular, shortNames }) => [plural, singular, ...shortNames]);
}

function names(kind: MeshKind, apiVersion: string, plural: string, shortNames: readonly string[]): KindNames {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return {
    kind,
    apiVersion,
    group,
    plural,
    singular: kind.toLowerCase(),
    shortNames,
    namespaced: !isClusterScoped(kind),
  };
}

function aliasesOf({ plural, singular, shortNames, group }: KindNames): readonly string[] {
  const withGroup = group === "" ? [] : [`${plural}.${group}`, `${singular}.${group}`];
  return [plural, singular, ...shortNames, ...withGroup];
}
