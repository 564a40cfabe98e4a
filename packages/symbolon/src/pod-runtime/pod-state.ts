import type { ContainerStatus, Pod, PodStatus } from "../mesh/index.ts";

/** One pod. Exactly one of these at a time. */
export type PodState =
  /** Directories and network are being made. */
  | { readonly kind: "creating" }
  /** They could not be made; tried again. */
  | { readonly kind: "blocked"; readonly reason: string }
  /** The proxy is not ready yet and the containers wait for it (Istio's holdApplicationUntilProxyStarts). */
  | { readonly kind: "starting_proxy" }
  /** Containers have been started; each lives its own life. */
  | { readonly kind: "running" }
  /** Containers end first, then the proxy, so that last words still travel. */
  | { readonly kind: "terminating" }
  | { readonly kind: "removed" };

export type ProxyState =
  | { readonly kind: "absent" }
  /** Runs, but has no identity, configuration or listener yet. */
  | { readonly kind: "starting"; readonly pid: number; readonly startTicks: number; readonly restarts: number }
  | { readonly kind: "ready"; readonly pid: number; readonly startTicks: number; readonly restarts: number }
  | { readonly kind: "backing_off"; readonly reason: string; readonly restarts: number };

export type ContainerState =
  | { readonly kind: "waiting"; readonly reason: string; readonly restarts: number }
  | {
      readonly kind: "running";
      readonly pid: number;
      readonly ready: boolean;
      /** Why it is not ready. */
      readonly reason?: string;
      readonly restarts: number;
    }
  /** Starts again after its back-off. */
  | { readonly kind: "backing_off"; readonly reason: string; readonly exitCode?: number; readonly restarts: number }
  | { readonly kind: "terminated"; readonly exitCode?: number; readonly restarts: number };

export interface PodView {
  readonly pod: Pod;
  readonly startTime: string;
  readonly state: PodState;
  readonly proxy: ProxyState;
  readonly containers: ReadonlyMap<string, ContainerState>;
}

export function podStatus(view: PodView): PodStatus {
  const { pod, state, proxy, containers } = view;
  const statuses = pod.containers.map(({ name }) =>
    containerStatus(name, containers.get(name) ?? { kind: "waiting", reason: "pod is being created", restarts: 0 }),
  );
  const reason = unreadyReason(view, statuses);
  const started = state.kind === "running" && statuses.every((status) => status.state !== "waiting");
  return {
    phase: started || state.kind === "terminating" ? "running" : "pending",
    ready: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    startTime: view.startTime,
    ...(proxy.kind === "starting" || proxy.kind === "ready"
      ? { proxy: { pid: proxy.pid, startTicks: proxy.startTicks, restarts: proxy.restarts } }
      : {}),
    containers: statuses,
  };
}

function unreadyReason({ state, proxy }: PodView, statuses: readonly ContainerStatus[]): string | undefined {
  if (state.kind === "creating") return "pod is being created";
  if (state.kind === "blocked") return state.reason;
  if (state.kind === "terminating" || state.kind === "removed") return "pod is being terminated";
  if (proxy.kind === "backing_off") return `proxy ${proxy.reason}`;
  if (proxy.kind !== "ready") return "proxy is not ready yet";
  const unready = statuses.find((status) => !status.ready);
  return unready && `container ${unready.name}: ${unready.reason ?? "not ready"}`;
}

function containerStatus(name: string, state: ContainerState): ContainerStatus {
  const common = { name, restartCount: state.restarts };
  switch (state.kind) {
    case "waiting":
      return { ...common, ready: false, state: "waiting", reason: state.reason };
    case "running":
      return {
        ...common,
        ready: state.ready,
        state: "running",
        pid: state.pid,
        ...(state.reason === undefined ? {} : { reason: state.reason }),
      };
    case "backing_off":
      return {
        ...common,
        ready: false,
        state: "waiting",
        reason: `back-off restarting: ${state.reason}`,
        ...(state.exitCode === undefined ? {} : { exitCode: state.exitCode }),
      };
    case "terminated":
      return {
        ...common,
        ready: false,
        state: "terminated",
        ...(state.exitCode === undefined ? {} : { exitCode: state.exitCode }),
      };
  }
}
