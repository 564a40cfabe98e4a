import type { DocumentNode, Finding, FindingCatalogue, ReadContext, Severity, SourcePosition } from "@symbolon/policy";

/** Findings about the mesh as a whole: SYM20xx kinds and objects, 21xx workloads, 22xx services, 23xx between objects. */
export const MESH_FINDING_CODES = {
  SYM2001: {
    title: "security policy that is not enforced yet",
    severity: "error",
    fix: "remove the object, or run with --allow-unenforced and protect the workload by other means",
  },
  SYM2002: { title: "kind without effect here", severity: "warning", fix: "nothing to do; the object is left out" },
  SYM2003: { title: "unknown kind or API group", severity: "error", fix: "correct kind or apiVersion" },
  SYM2004: { title: "not supported", severity: "error", fix: "remove the field; the message says what it would need" },
  SYM2005: { title: "manifest unreadable", severity: "error", fix: "make the file readable again" },
  SYM2006: { title: "object has two owners", severity: "error", fix: "change the object where it was declared first" },
  SYM2007: { title: "object changed owner", severity: "warning", fix: "nothing to do; the file decides from now on" },
  SYM2101: {
    title: "selector does not match the template",
    severity: "error",
    fix: "give the template the labels that spec.selector asks for",
  },
  SYM2102: { title: "name or port used twice", severity: "error", fix: "rename or remove one of the two" },
  SYM2103: { title: "image unknown", severity: "error", fix: "add a command, or a line to the image map" },
  SYM2104: { title: "volume mount without volume", severity: "error", fix: "declare the volume, or remove the mount" },
  SYM2105: {
    title: "injection wish without effect",
    severity: "warning",
    fix: 'use the pod label sidecar.istio.io/inject with "true" or "false", or the namespace label istio-injection',
  },
  SYM2106: {
    title: "more than one replica in explicit capture",
    severity: "error",
    fix: "set replicas to 1 or 0, or run where namespaces are allowed (--capture transparent)",
  },
  SYM2107: {
    title: "one port of the machine wanted twice in explicit capture",
    severity: "error",
    fix: "give one of the two another port, in its command and as containerPort, or leave its command out and let it take its port from the manifest: --image 'IMAGE=COMMAND {port}'",
  },
  SYM2201: {
    title: "target port has no container port",
    severity: "warning",
    fix: "name a port of the selected containers",
  },
  SYM2202: { title: "service address unusable", severity: "error", fix: "leave clusterIP out, or choose a free one" },
  SYM2203: { title: "service selects nothing", severity: "info", fix: "correct spec.selector if pods were meant" },
  SYM2204: {
    title: "annotation names no identity",
    severity: "error",
    fix: "list names of ServiceAccounts, or SPIFFE IDs, separated by commas; or remove the annotation",
  },
  SYM2301: {
    title: "service account missing",
    severity: "error",
    fix: "declare the ServiceAccount in the workload's namespace, or correct spec.serviceAccountName (without it: default)",
  },
  SYM2302: { title: "namespace not declared", severity: "info", fix: "declare the Namespace to give it labels" },
  SYM2303: {
    title: "clients send plaintext to a STRICT workload",
    severity: "warning",
    fix: "set the namespace's mode to PERMISSIVE or STRICT",
  },
  SYM2304: {
    title: "port-level mode for a port that no pod has",
    severity: "warning",
    fix: "use the pod's port (targetPort), not the Service's",
  },
  SYM2305: {
    title: "MeshConfig of another mesh",
    severity: "error",
    fix: "remove the key, or start the mesh with that trust domain (--trust-domain)",
  },
  SYM2306: {
    title: "MeshConfig outside the root namespace",
    severity: "warning",
    fix: "put the ConfigMap istio into namespace istio-system",
  },
  SYM2307: {
    title: "policies above a limit",
    severity: "error",
    fix: "split the policy, or select fewer workloads with it",
  },
  SYM2308: {
    title: "entry of another trust domain",
    severity: "error",
    fix: "write a SPIFFE ID of the mesh's own trust domain, or start the mesh with the other (--trust-domain)",
  },
  SYM2309: {
    title: "selector that never holds",
    severity: "warning",
    fix: 'write one of those that "symbolon attest explain --pid N" shows for a process',
  },
  SYM2310: {
    title: "federated trust domain without bundle",
    severity: "warning",
    fix: "remove the trust domain, or correct its name; bundles of other trust domains cannot be given to a mesh yet",
  },
} as const satisfies FindingCatalogue;

export type MeshFindingCode = keyof typeof MESH_FINDING_CODES;

export interface MeshFindingOptions {
  readonly path: string;
  readonly position: SourcePosition;
  /** Another severity than the catalogue's. */
  readonly severity?: Severity;
}

export function meshFinding(code: MeshFindingCode, message: string, options: MeshFindingOptions): Finding {
  const { path, position, severity = MESH_FINDING_CODES[code].severity } = options;
  return { code, severity, message, path, position };
}

/** Reports at a place in the document that is being read. */
export function reportMesh(
  context: ReadContext,
  code: MeshFindingCode,
  where: DocumentNode | SourcePosition,
  message: string,
): void {
  const position = "position" in where ? where.position : where;
  context.collector.add(meshFinding(code, message, { path: context.path, position }));
}
