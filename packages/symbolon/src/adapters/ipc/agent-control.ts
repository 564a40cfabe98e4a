import type { Clock, Log, Random } from "@symbolon/spiffe/core";
import { errorText } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import { encodeMessage, parseMessage } from "./frame.ts";
import { connectFrames } from "./frame-client.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { type FrameServer, type ListenPrivately, serveFrames } from "./frame-server.ts";

/** A process that the kernel knows: its id and, because ids are used again, its start time. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTicks: number;
}

/** "This pod is there, and this process is its proxy." */
export interface PodRegistration {
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  readonly serviceAccount: string;
  readonly tokenPath: string;
  /** Where the agent is to hand out the pod's identity to its proxy. */
  readonly socketPath: string;
  /** Where the agent is to serve the Workload API to the pod's processes. */
  readonly workloadSocketPath: string;
  /** Absent: a pod without sidecar. */
  readonly proxy?: ProcessIdentity;
}

export interface AgentControlHandler {
  register(registration: PodRegistration): Promise<void>;
  unregister(podUid: string): Promise<void>;
}

/**
 * The agent's side of the supervisor's orders. Only the agent's parent may give them: it is the one process that
 * knows which process it has started for which pod.
 */
export function serveAgentControl(options: {
  readonly path: string;
  readonly listen: ListenPrivately;
  readonly readPeer: (fd: number) => ProcessIdentity;
  readonly parentPid: number;
  readonly handler: AgentControlHandler;
  readonly log: Log;
}): Promise<FrameServer> {
  const { path, listen, readPeer, parentPid, handler, log } = options;
  return serveFrames({
    path,
    listen,
    log,
    accept(connection) {
      const peer = readPeer(connection.fd);
      if (peer.pid !== parentPid)
        throw productError("ERR_PEER_CREDENTIALS", `process ${peer.pid} is not the supervisor (${parentPid})`);
      return { onFrame: (frame, self) => void obey(frame, self, handler, log), onClose() {} };
    },
  });
}

async function obey(frame: Buffer, connection: FrameConnection, handler: AgentControlHandler, log: Log): Promise<void> {
  let id: unknown;
  try {
    const order = parseMessage(frame);
    id = order.id;
    if (order.type === "register") await handler.register(readRegistration(order.registration));
    else if (order.type === "unregister") await handler.unregister(text(order.podUid, "podUid"));
    else throw productError("ERR_FRAME_INVALID", `"${String(order.type)}" is not an order of the supervisor`);
    connection.send(encodeMessage({ type: "done", id }));
  } catch (error) {
    log.error("order of the supervisor failed", { reason: errorText(error) });
    connection.send(encodeMessage({ type: "failed", id, message: errorText(error) }));
  }
}

export interface AgentControlClient {
  /** Resolves when the agent knows it; repeated by itself after the agent was started again. */
  register(registration: PodRegistration): Promise<void>;
  unregister(podUid: string): Promise<void>;
  close(): void;
}

export function createAgentControlClient(options: {
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): AgentControlClient {
  const { log } = options;
  const registrations = new Map<string, PodRegistration>();
  const waiting = new Map<
    number,
    { readonly resolve: () => void; readonly reject: (error: Error) => void; readonly send: () => void }
  >();
  let connection: FrameConnection | undefined;
  let lastId = 0;

  const client = connectFrames({
    ...options,
    onOpen(opened) {
      connection = opened;
      for (const registration of registrations.values())
        opened.send(encodeMessage({ type: "register", id: 0, registration }));
      for (const order of waiting.values()) order.send();
    },
    onFrame(frame) {
      const answer = parseMessage(frame);
      const order = waiting.get(Number(answer.id));
      if (!order) {
        if (answer.type === "failed") log.error("agent refused a registration", { reason: answer.message });
        return;
      }
      waiting.delete(Number(answer.id));
      if (answer.type === "done") order.resolve();
      else order.reject(productError("ERR_AGENT_ORDER_REFUSED", `the agent refused: ${String(answer.message)}`));
    },
    onDown() {
      connection = undefined;
    },
  });

  /** Waits for the agent when it is away: an order is repeated on the next connection. */
  const order = (message: Record<string, unknown>): Promise<void> => {
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      const send = (): void => void connection?.send(encodeMessage({ ...message, id }));
      waiting.set(id, { resolve, reject, send });
      send();
    });
  };

  return {
    register(registration) {
      registrations.set(registration.podUid, registration);
      return order({ type: "register", registration });
    },
    unregister(podUid) {
      if (!registrations.delete(podUid)) return Promise.resolve();
      return order({ type: "unregister", podUid });
    },
    close() {
      client.close();
      for (const { reject } of waiting.values())
        reject(productError("ERR_AGENT_ORDER_REFUSED", "the supervisor is stopping"));
      waiting.clear();
    },
  };
}

function readRegistration(value: unknown): PodRegistration {
  const fields = (typeof value === "object" && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const proxy = fields.proxy as Readonly<Record<string, unknown>> | undefined;
  return {
    podUid: text(fields.podUid, "podUid"),
    namespace: text(fields.namespace, "namespace"),
    name: text(fields.name, "name"),
    serviceAccount: text(fields.serviceAccount, "serviceAccount"),
    tokenPath: text(fields.tokenPath, "tokenPath"),
    socketPath: text(fields.socketPath, "socketPath"),
    workloadSocketPath: text(fields.workloadSocketPath, "workloadSocketPath"),
    ...(proxy && typeof proxy === "object"
      ? { proxy: { pid: count(proxy.pid, "proxy.pid"), startTicks: count(proxy.startTicks, "proxy.startTicks") } }
      : {}),
  };
}

function text(value: unknown, field: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw productError("ERR_FRAME_INVALID", `field "${field}" is not a text`);
}

function count(value: unknown, field: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value > 0) return value;
  throw productError("ERR_FRAME_INVALID", `field "${field}" is not a positive number`);
}
