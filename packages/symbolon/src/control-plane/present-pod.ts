import type { Container, ContainerStatus, PodStatus, PresentedObject, ReadinessProbe } from "../mesh/index.ts";
import type { PodRecord } from "./pod-record.ts";
import { labelFields, wholeSeconds } from "./present-object.ts";

type Fields = Readonly<Record<string, unknown>>;

const PHASES = { pending: "Pending", running: "Running", failed: "Failed" } as const;

/** A pod as `kubectl get -o json` shows it; `containerStatuses[].pid` is ours: where `exec` enters. */
export function presentPod(
  record: PodRecord,
  node: { readonly name: string; readonly address: string },
): PresentedObject {
  const { pod, status, owner } = record;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: pod.name,
      namespace: pod.namespace,
      uid: pod.uid,
      creationTimestamp: wholeSeconds(record.createdAt),
      ...(record.terminatingSince === undefined ? {} : { deletionTimestamp: wholeSeconds(record.terminatingSince) }),
      resourceVersion: "1",
      ...labelFields(pod.labels, record.annotations),
      ...(owner.kind === "Deployment"
        ? { ownerReferences: [{ apiVersion: "apps/v1", kind: owner.kind, name: owner.name }] }
        : {}),
    },
    spec: {
      containers: pod.containers.map(presentContainer),
      nodeName: node.name,
      serviceAccountName: pod.serviceAccount,
      terminationGracePeriodSeconds: pod.terminationGracePeriodSeconds,
    },
    status: {
      phase: PHASES[status?.phase ?? "pending"],
      conditions: [readyCondition(status)],
      hostIP: node.address,
      podIP: pod.address,
      ...(status?.startTime === undefined ? {} : { startTime: wholeSeconds(status.startTime) }),
      containerStatuses: status?.containers.map((each) => presentStatus(each, pod.containers)) ?? [],
    },
  };
}

function presentContainer({ readinessProbe, workingDirectory, ports, ...container }: Container): Fields {
  return {
    ...container,
    ...(workingDirectory === undefined ? {} : { workingDir: workingDirectory }),
    ports: ports.map((port) => ({ ...port, protocol: port.protocol.toUpperCase() })),
    ...(readinessProbe === undefined ? {} : { readinessProbe: presentProbe(readinessProbe) }),
  };
}

function presentProbe({ action, ...times }: ReadinessProbe): Fields {
  switch (action.kind) {
    case "http":
      return { httpGet: { path: action.path, port: action.port }, ...times };
    case "tcp":
      return { tcpSocket: { port: action.port }, ...times };
    case "exec":
      return { exec: { command: action.command }, ...times };
  }
}

function readyCondition(status: PodStatus | undefined): Fields {
  if (status?.ready) return { type: "Ready", status: "True" };
  return { type: "Ready", status: "False", message: status?.reason ?? "not started yet" };
}

function presentStatus(status: ContainerStatus, containers: readonly Container[]): Fields {
  const { name, ready, restartCount, pid } = status;
  const image = containers.find((container) => container.name === name)?.image;
  return { name, image, ready, restartCount, state: presentState(status), ...(pid === undefined ? {} : { pid }) };
}

function presentState({ state, reason, exitCode }: ContainerStatus): Fields {
  switch (state) {
    case "running":
      return { running: {} };
    case "waiting":
      return { waiting: { reason: reason ?? "ContainerCreating" } };
    case "terminated":
      return { terminated: { exitCode: exitCode ?? 0, ...(reason === undefined ? {} : { reason }) } };
  }
}
