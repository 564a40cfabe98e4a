import type { Labels } from "./object.ts";

/** Fields of its own pod that an environment variable can name. */
export interface PodFields {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly serviceAccount: string;
  readonly address: string;
  readonly nodeName: string;
  readonly nodeAddress: string;
}

const SIMPLE_FIELDS: Readonly<Record<string, (pod: PodFields) => string>> = {
  "metadata.name": (pod) => pod.name,
  "metadata.namespace": (pod) => pod.namespace,
  "metadata.uid": (pod) => pod.uid,
  "spec.serviceAccountName": (pod) => pod.serviceAccount,
  "spec.nodeName": (pod) => pod.nodeName,
  "status.podIP": (pod) => pod.address,
  "status.podIPs": (pod) => pod.address,
  "status.hostIP": (pod) => pod.nodeAddress,
  "status.hostIPs": (pod) => pod.nodeAddress,
};

const KEYED_FIELD = /^metadata\.(labels|annotations)\['([^']+)'\]$/;

export const DOWNWARD_API_FIELDS: readonly string[] = [
  ...Object.keys(SIMPLE_FIELDS),
  "metadata.labels['KEY']",
  "metadata.annotations['KEY']",
];

export function isDownwardApiField(path: string): boolean {
  return Object.hasOwn(SIMPLE_FIELDS, path) || KEYED_FIELD.test(path);
}

/** Value of a path that `isDownwardApiField` accepts; a label that is absent is empty, as in Kubernetes. */
export function downwardApiValue(path: string, pod: PodFields): string {
  if (Object.hasOwn(SIMPLE_FIELDS, path)) return SIMPLE_FIELDS[path]?.(pod) ?? "";
  const [, map, key = ""] = KEYED_FIELD.exec(path) ?? [];
  const source = map === "labels" ? pod.labels : pod.annotations;
  return Object.hasOwn(source, key) ? (source[key] ?? "") : "";
}
