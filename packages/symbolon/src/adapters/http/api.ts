import type { ControlPlane } from "../../control-plane/index.ts";
import type { AuditEvent } from "../../core/index.ts";
import type { DenialQuery, FamilySnapshot, PlaintextCaller, StoredDenial } from "../../telemetry/index.ts";

/** What a pod is given at its start, and again before it ends. */
export interface PodSecrets {
  readonly rootCertificatePem: string;
  /** Bound to the pod; audience istio-ca. */
  readonly serviceAccountToken: string;
}

/** What the API serves: the control plane, and the secrets of pods, which are the CA's. */
export interface ApiBackend
  extends Pick<
    ControlPlane,
    | "apply"
    | "connectRuntime"
    | "delete"
    | "desiredPods"
    | "keySets"
    | "list"
    | "reportPodRemoved"
    | "reportPodStatus"
    | "status"
  > {
  /** @throws ERR_OBJECT_NOT_FOUND */
  podSecrets(podUid: string): PodSecrets;
  /** Of the control plane and of every proxy that answers. */
  metrics(): Promise<readonly FamilySnapshot[]>;
  /** What policies denied in the last 24 hours. */
  denials(query: DenialQuery): readonly StoredDenial[];
  /** Callers that came without mutual TLS, the latest first. */
  plaintextCallers(namespace?: string): readonly PlaintextCaller[];
  /** Resolves when the audit log has it; a rejection must keep the command from running. */
  recordCommand(command: AdministrativeCommand): Promise<void>;
}

/** A command of an administrator that is not a change of the configuration. */
export type AdministrativeCommand = Required<Pick<AuditEvent, "actor" | "subject" | "details">>;

/** Body of every answer that is not 2xx. */
export interface ApiError {
  readonly code: string;
  readonly message: string;
}

/** Paths of the API; both ends use these and nothing else. */
export const API_PATHS = {
  status: "/v1/status",
  metrics: "/v1/metrics",
  /** The same as text, for Prometheus. */
  metricsText: "/metrics",
  denials: "/v1/denials",
  plaintextCallers: "/v1/plaintext-callers",
  keySets: "/v1/key-sets",
  commands: "/v1/commands",
  objects: "/v1/objects/:kind",
  apply: "/v1/apply",
  delete: "/v1/delete",
  runtimePods: "/v1/runtime/pods",
  podStatus: "/v1/runtime/pods/:uid/status",
  pod: "/v1/runtime/pods/:uid",
  podSecrets: "/v1/runtime/pods/:uid/secrets",
} as const;

export function fillPath(pattern: string, values: Readonly<Record<string, string>>): string {
  return pattern.replace(/:([a-z]+)/g, (_whole, name: string) => encodeURIComponent(values[name] ?? ""));
}
