import { documentToJson, entryValue } from "@symbolon/policy";
import { kindNames, type Labels, type PresentedMeta, type PresentedObject, type ServiceObject } from "../mesh/index.ts";
import type { KeySetStatus } from "./key-sets.ts";
import type { PodRecord } from "./pod-record.ts";
import { countPods } from "./pods.ts";
import { wantedKeySets } from "./request-authentication-config.ts";
import type { StoredObject } from "./stored-object.ts";

type Fields = Readonly<Record<string, unknown>>;

export interface PresentContext {
  readonly records: readonly PodRecord[];
  /** Cluster IP of a Service; undefined for a headless one. */
  readonly serviceAddress: (key: StoredObject["key"]) => string | undefined;
  readonly keySetStatus: (source: string) => KeySetStatus | undefined;
}

/** An accepted object as `kubectl get -o json` shows it. Pods have their own (`presentPod`): they are made, not declared. */
export function presentObject(stored: StoredObject, context: PresentContext): PresentedObject {
  const { object, identity } = stored;
  const { kind, meta } = object;
  const spec = manifestFields(stored, "spec");
  const presented = {
    apiVersion: kindNames(kind).apiVersion,
    kind,
    metadata: {
      name: meta.name,
      ...(meta.namespace === "" ? {} : { namespace: meta.namespace }),
      uid: identity.uid,
      creationTimestamp: wholeSeconds(identity.createdAt),
      resourceVersion: String(identity.generation),
      ...labelFields(meta.labels, meta.annotations),
    },
  };
  switch (object.kind) {
    case "Namespace":
      return { ...presented, status: { phase: "Active" } };
    case "ServiceAccount":
      return presented;
    case "Service":
      return { ...presented, spec: { ...spec, ...serviceDefaults(object, context.serviceAddress(stored.key)) } };
    case "Deployment": {
      const { total, updated, ready } = countPods(context.records, object);
      const counts = { replicas: total, updatedReplicas: updated, readyReplicas: ready, availableReplicas: ready };
      return {
        ...presented,
        spec: { ...spec, replicas: object.replicas },
        status: { observedGeneration: identity.generation, ...counts },
      };
    }
    case "ConfigMap":
      return { ...presented, data: manifestFields(stored, "data") };
    case "RequestAuthentication": {
      const sources = wantedKeySets([object.policy]);
      const keySets = sources.map(({ source }) => context.keySetStatus(source) ?? { source });
      return { ...presented, spec, ...(keySets.length > 0 ? { status: { keySets } } : {}) };
    }
    default:
      return { ...presented, spec };
  }
}

/** What the manifest says in one of its objects. */
function manifestFields({ node }: StoredObject, name: "data" | "spec"): Fields {
  const field = node?.kind === "map" ? entryValue(node, name) : undefined;
  const json = field === undefined ? {} : documentToJson(field);
  return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Fields) : {};
}

function serviceDefaults(service: ServiceObject, address: string | undefined): Fields {
  return {
    type: service.type,
    clusterIP: address ?? "None",
    ports: service.ports.map((port) => ({ ...port, protocol: port.protocol.toUpperCase() })),
  };
}

/** RFC 3339 without fraction, as Kubernetes writes times. */
export function wholeSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

export function labelFields(labels: Labels, annotations: Labels): Pick<PresentedMeta, "labels" | "annotations"> {
  return {
    ...(Object.keys(labels).length > 0 ? { labels } : {}),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}
