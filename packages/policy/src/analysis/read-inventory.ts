import { type DocumentNode, documentToJson, type JsonValue } from "../document/index.ts";
import type { Labels } from "../object-metadata.ts";
import {
  type AnalysisInput,
  type AnalyzedControlPlane,
  type AnalyzedService,
  type AnalyzedWorkload,
  declaredProtocol,
} from "./analysis-input.ts";

/**
 * Workloads, Services and namespaces of manifests, for `analyze`. Reads what it knows and leaves out what it does not:
 * manifests of any cluster are good enough to judge policies by, and somebody else refuses what is wrong in them.
 */
export function readInventory(documents: readonly DocumentNode[]): Pick<AnalysisInput, "inventory" | "controlPlanes"> {
  const objects = documents.flatMap(readObject);
  const namespaces = new Map(
    objects.filter(({ kind }) => kind === "Namespace").map(({ name, labels }) => [name, labels]),
  );
  const workloads = objects.flatMap((object) => readWorkload(object, namespaces));
  const services = objects.flatMap(readService);
  const controlPlanes = objects.flatMap(readControlPlane);
  const serviceAccounts = objects
    .filter(({ kind }) => kind === "ServiceAccount")
    .map(({ namespace, name }) => ({ namespace, name }));
  if (workloads.length + services.length + namespaces.size === 0) return { controlPlanes };
  const known = new Set([...namespaces.keys(), ...objects.map(({ namespace }) => namespace)]);
  const inventory = {
    workloads,
    services,
    serviceAccounts,
    ...(namespaces.size > 0 ? { namespaces: [...known] } : {}),
  };
  return { inventory, controlPlanes };
}

type JsonObject = Readonly<Record<string, JsonValue | undefined>>;

interface WrittenObject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly isOwned: boolean;
  readonly json: JsonObject;
  readonly node: DocumentNode;
}

function readObject(node: DocumentNode): WrittenObject[] {
  const json = objectOf(documentToJson(node));
  const metadata = objectOf(json.metadata);
  const kind = textOf(json.kind);
  const name = textOf(metadata.name);
  if (kind === "" || name === "") return [];
  const namespace = textOf(metadata.namespace) || (kind === "Namespace" ? name : "default");
  const isOwned = listOf(metadata.ownerReferences).length > 0;
  return [{ kind, namespace, name, labels: labelsOf(metadata.labels), isOwned, json, node }];
}

function readWorkload(object: WrittenObject, namespaces: ReadonlyMap<string, Labels>): AnalyzedWorkload[] {
  const { kind, namespace, name, json, isOwned } = object;
  // The owner stands for its pods.
  if (!WORKLOAD_KINDS.has(kind) || isOwned) return [];
  const spec = objectOf(json.spec);
  const template = kind === "Pod" ? json : objectOf(kind === "CronJob" ? jobTemplateOf(spec) : spec.template);
  const metadata = objectOf(template.metadata);
  const podSpec = objectOf(template.spec);
  const labels = labelsOf(metadata.labels);
  const containerPorts = listOf(podSpec.containers)
    .flatMap((container) => listOf(objectOf(container).ports))
    .map(objectOf)
    .filter(({ containerPort }) => typeof containerPort === "number")
    .map((port) => ({
      ...(typeof port.name === "string" ? { name: port.name } : {}),
      number: Number(port.containerPort),
    }));
  const annotations = labelsOf(metadata.annotations);
  return [
    {
      kind,
      namespace,
      name,
      labels,
      annotations,
      serviceAccount: textOf(podSpec.serviceAccountName) || "default",
      containerPorts,
      inMesh: isInMesh({ ...labels, ...annotations }, namespaces.get(namespace)),
    },
  ];
}

function jobTemplateOf(spec: JsonObject): JsonValue | undefined {
  return objectOf(objectOf(spec.jobTemplate).spec).template;
}

/** A namespace that nobody has described is taken to be of the mesh. */
function isInMesh(marks: Labels, namespace: Labels | undefined): boolean {
  const asked = marks["sidecar.istio.io/inject"];
  if (asked !== undefined) return asked === "true";
  if (marks["ambient.istio.io/redirection"] === "enabled") return true;
  if (!namespace) return true;
  if (namespace["istio-injection"] !== undefined) return namespace["istio-injection"] === "enabled";
  return namespace["istio.io/rev"] !== undefined || namespace["istio.io/dataplane-mode"] === "ambient";
}

function readService({ kind, namespace, name, json }: WrittenObject): AnalyzedService[] {
  if (kind !== "Service") return [];
  const spec = objectOf(json.spec);
  const ports = listOf(spec.ports)
    .map(objectOf)
    .filter(({ port, protocol }) => typeof port === "number" && protocol !== "UDP")
    .map((port) => ({
      port: Number(port.port),
      targetPort:
        typeof port.targetPort === "string" || typeof port.targetPort === "number"
          ? port.targetPort
          : Number(port.port),
      protocol: declaredProtocol({
        ...(typeof port.name === "string" ? { name: port.name } : {}),
        ...(typeof port.appProtocol === "string" ? { appProtocol: port.appProtocol } : {}),
      }),
    }));
  return [{ name, namespace, selector: labelsOf(spec.selector), ports }];
}

/** Istio's control plane by the label that its installation gives it. */
function readControlPlane({ kind, namespace, name, labels, json, node }: WrittenObject): AnalyzedControlPlane[] {
  if (kind !== "Deployment" || labels.app !== "istiod") return [];
  const podSpec = objectOf(objectOf(objectOf(json.spec).template).spec);
  const variables = listOf(podSpec.containers)
    .flatMap((container) => listOf(objectOf(container).env))
    .map(objectOf);
  const blocked = variables.find((variable) => variable.name === "BLOCKED_CIDRS_IN_JWKS_URIS");
  const blocksJwksUris = blocked !== undefined && (textOf(blocked.value) !== "" || blocked.valueFrom !== undefined);
  return [{ kind, namespace, name, position: node.position, blocksJwksUris }];
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !isList(value) ? value : {};
}

function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return value !== undefined && isList(value) ? value : [];
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function labelsOf(value: JsonValue | undefined): Labels {
  return Object.fromEntries(
    Object.entries(objectOf(value)).flatMap(([key, text]) => (typeof text === "string" ? [[key, text]] : [])),
  );
}

const WORKLOAD_KINDS: ReadonlySet<string> = new Set([
  "Pod",
  "Deployment",
  "ReplicaSet",
  "StatefulSet",
  "DaemonSet",
  "Job",
  "CronJob",
]);
