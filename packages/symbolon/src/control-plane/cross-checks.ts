import {
  createPeerAuthenticationIndex,
  type Finding,
  findPeerAuthenticationConflicts,
  type PeerAuthentication,
} from "@symbolon/policy";
import {
  type DeploymentObject,
  labelsMatch,
  locate,
  meshFinding,
  type ObjectKey,
  objectKeyText,
  type ParsedObject,
  type PodObject,
  type PodTemplate,
  type ServiceObject,
} from "../mesh/index.ts";
import { checkInjection } from "./check-injection.ts";
import { checkAnnotatedIdentities } from "./service-identities.ts";

export interface CrossCheckInput {
  readonly objects: readonly ParsedObject[];
  /** With the creation times that decide between them. */
  readonly policies: readonly PeerAuthentication[];
  readonly rootNamespace: string;
}

/** What is wrong between objects that are each valid. */
export function crossCheck(input: CrossCheckInput): readonly Finding[] {
  const { objects, policies, rootNamespace } = input;
  const workloads = objects.flatMap((entry) => (isWorkload(entry.object) ? [{ entry, workload: entry.object }] : []));
  return [
    ...workloads.flatMap(({ entry, workload }) => checkServiceAccount(entry, workload, objects)),
    ...workloads.flatMap(({ entry, workload }) => checkInjection(entry, workload, objects)),
    ...objects.flatMap((entry) =>
      entry.object.kind === "Service"
        ? [
            ...checkAnnotatedIdentities(entry, entry.object),
            ...checkService(
              entry,
              entry.object,
              workloads.map(({ workload }) => workload),
            ),
          ]
        : [],
    ),
    ...checkNamespaces(objects, rootNamespace),
    ...findPeerAuthenticationConflicts(policies, rootNamespace),
    ...checkPolicies(
      input,
      workloads.map(({ workload }) => workload),
    ),
  ];
}

type Workload = DeploymentObject | PodObject;

function isWorkload(object: ParsedObject["object"]): object is Workload {
  return object.kind === "Deployment" || object.kind === "Pod";
}

/** Kubernetes' admission, in its words: a pod whose ServiceAccount is missing would have no identity. */
function checkServiceAccount(
  entry: ParsedObject,
  workload: Workload,
  objects: readonly ParsedObject[],
): readonly Finding[] {
  const { serviceAccount } = workload.template;
  const { namespace } = workload.meta;
  const found =
    serviceAccount === "default" ||
    objects.some(
      ({ key }) => key.kind === "ServiceAccount" && key.namespace === namespace && key.name === serviceAccount,
    );
  if (found) return [];
  const spec = workload.kind === "Deployment" ? ["spec", "template", "spec"] : ["spec"];
  const message = `${objectKeyText(entry.key)}: error looking up service account ${namespace}/${serviceAccount}: serviceaccount "${serviceAccount}" not found`;
  return [meshFinding("SYM2301", message, locate(entry.node, [...spec, "serviceAccountName"]))];
}

function checkService(entry: ParsedObject, service: ServiceObject, workloads: readonly Workload[]): readonly Finding[] {
  if (Object.keys(service.selector).length === 0) return [];
  const selected = selectedTemplates(service, workloads);
  if (selected.length === 0)
    return [
      meshFinding(
        "SYM2203",
        `${objectKeyText(entry.key)} selects no Deployment and no Pod`,
        locate(entry.node, ["spec", "selector"]),
      ),
    ];
  return service.ports.flatMap((port, index) => {
    const { targetPort } = port;
    if (typeof targetPort === "number" || port.protocol !== "tcp") return [];
    if (selected.some((template) => hasPortName(template, targetPort))) return [];
    const names = [...new Set(selected.flatMap(portNames))];
    const known = names.length === 0 ? "they name no port" : `they have ${names.join(", ")}`;
    return [
      meshFinding(
        "SYM2201",
        `no selected container has a port named "${targetPort}" (${known}); the port has no endpoints`,
        locate(entry.node, ["spec", "ports", index, "targetPort"]),
      ),
    ];
  });
}

function selectedTemplates(service: ServiceObject, workloads: readonly Workload[]): readonly PodTemplate[] {
  return workloads
    .filter(
      ({ meta, template }) =>
        meta.namespace === service.meta.namespace && labelsMatch(service.selector, template.labels),
    )
    .map(({ template }) => template);
}

function hasPortName(template: PodTemplate, name: string): boolean {
  return portNames(template).includes(name);
}

function portNames(template: PodTemplate): readonly string[] {
  return template.containers.flatMap((container) => container.ports.flatMap((port) => port.name ?? []));
}

/** One finding a namespace, at the first object that refers to it. */
function checkNamespaces(objects: readonly ParsedObject[], rootNamespace: string): readonly Finding[] {
  const declared = new Set([
    "default",
    rootNamespace,
    ...objects.filter(({ key }) => key.kind === "Namespace").map(({ key }) => key.name),
  ]);
  const findings: Finding[] = [];
  for (const { key, node } of objects) {
    if (key.namespace === "" || declared.has(key.namespace)) continue;
    declared.add(key.namespace);
    const message = `namespace "${key.namespace}" is not declared and was made without labels: its pods have no sidecars unless they ask for them`;
    findings.push(meshFinding("SYM2302", message, locate(node, ["metadata", "namespace"])));
  }
  return findings;
}

function checkPolicies(
  { objects, policies, rootNamespace }: CrossCheckInput,
  workloads: readonly Workload[],
): readonly Finding[] {
  const index = createPeerAuthenticationIndex(policies, rootNamespace);
  return policies.flatMap((policy) => {
    const entry = objects.find(({ key }) => isKey(key, policy));
    if (!entry || policy.selector === undefined || policy.namespace === rootNamespace) return [];
    const { matchLabels } = policy.selector;
    const selected = workloads.filter(
      ({ meta, template }) => meta.namespace === policy.namespace && labelsMatch(matchLabels, template.labels),
    );
    return [
      ...checkPortKeys(entry, policy, selected, objects),
      ...checkUnreachable(entry, policy, index.namespaceMtlsMode(policy.namespace)),
    ];
  });
}

/** istio-security §11 row 1: the key is the pod's port, and a Service's port there silently does nothing. */
function checkPortKeys(
  entry: ParsedObject,
  policy: PeerAuthentication,
  selected: readonly Workload[],
  objects: readonly ParsedObject[],
): readonly Finding[] {
  const services = objects.flatMap(({ object }) =>
    object.kind === "Service" && selectedTemplates(object, selected).length > 0 ? [object] : [],
  );
  return [...policy.portLevelMtls.keys()].flatMap((port) => {
    const ports = services.flatMap((service) => service.ports);
    const mistaken = ports.find((candidate) => candidate.port === port && candidate.targetPort !== port);
    const containerPorts = selected.flatMap(({ template }) =>
      template.containers.flatMap((container) => container.ports),
    );
    const isPodPort =
      containerPorts.some(({ containerPort }) => containerPort === port) ||
      ports.some(({ targetPort }) => targetPort === port);
    if (!mistaken || isPodPort) return [];
    const message = `${port} is a port of the Service; the pods listen on ${mistaken.targetPort}, and portLevelMtls counts pod ports`;
    return [meshFinding("SYM2304", message, locate(entry.node, ["spec", "portLevelMtls", String(port)]))];
  });
}

/** istio-security §4.3: clients look at the namespace's mode alone and would send plaintext to a STRICT server. */
function checkUnreachable(entry: ParsedObject, policy: PeerAuthentication, namespaceMode: string): readonly Finding[] {
  const strict = policy.mode === "strict" || [...policy.portLevelMtls.values()].includes("strict");
  if (namespaceMode !== "disable" || !strict) return [];
  const message = `namespace "${policy.namespace}" is DISABLE, so clients send plaintext, which these STRICT workloads refuse`;
  return [meshFinding("SYM2303", message, locate(entry.node, ["spec"]))];
}

function isKey(key: ObjectKey, policy: PeerAuthentication): boolean {
  return key.kind === "PeerAuthentication" && key.namespace === policy.namespace && key.name === policy.name;
}
