import { productError } from "../../core/index.ts";
import type { ProcessIdentity } from "./agent-control.ts";
import { parseMessage } from "./frame.ts";
import type { FrameConnection } from "./frame-connection.ts";

/** How a server of the control plane knows which proxy speaks to it. */
export interface ProxyRecognition {
  readonly readPeer: (fd: number) => ProcessIdentity;
  /** Which process is the proxy of a pod, by the pod runtime's word; undefined while none is known. */
  readonly proxyOf: (podUid: string) => ProcessIdentity | undefined;
}

/**
 * A proxy's first message names its pod; the kernel's word on its process decides whether it may.
 * @returns the pod's uid; undefined: it is not (yet) that pod's proxy @throws ERR_FRAME_INVALID
 */
export function recognizeProxy(
  frame: Buffer,
  connection: FrameConnection,
  { readPeer, proxyOf }: ProxyRecognition,
): string | undefined {
  const { type, podUid } = parseMessage(frame);
  if (type !== "hello" || typeof podUid !== "string")
    throw productError("ERR_FRAME_INVALID", "the first message of a proxy is not a hello with its pod");
  const peer = readPeer(connection.fd);
  const proxy = proxyOf(podUid);
  return proxy?.pid === peer.pid && proxy.startTicks === peer.startTicks ? podUid : undefined;
}
