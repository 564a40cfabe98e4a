import { errorText, type Log } from "@symbolon/spiffe/core";
import type { EncodedProxyConfig, ProxyConfigSource } from "../../control-plane/index.ts";
import { productError } from "../../core/index.ts";
import type { ProcessIdentity } from "./agent-control.ts";
import { encodeFrame, parseMessage } from "./frame.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { type FrameServer, type ListenPrivately, serveFrames } from "./frame-server.ts";

export interface ConfigServerOptions {
  readonly path: string;
  readonly listen: ListenPrivately;
  readonly readPeer: (fd: number) => ProcessIdentity;
  /** Which process is the proxy of a pod, by the pod runtime's word; undefined while none is known. */
  readonly proxyOf: (podUid: string) => ProcessIdentity | undefined;
  readonly configs: ProxyConfigSource;
  readonly log: Log;
}

/**
 * Pushes configuration to proxies. A proxy names its pod; the kernel's word on its process decides whether it may.
 * A proxy that is not known yet is closed and comes again: the pod runtime's report may be on its way.
 */
export function serveProxyConfigs(options: ConfigServerOptions): Promise<FrameServer> {
  const { path, listen, readPeer, proxyOf, configs, log } = options;
  return serveFrames({
    path,
    listen,
    log,
    accept(connection) {
      const peer = readPeer(connection.fd);
      let stream: ReturnType<typeof streamConfigs> | undefined;
      return {
        onFrame(frame) {
          const podUid = readHello(frame);
          const proxy = proxyOf(podUid);
          if (stream || proxy?.pid !== peer.pid || proxy.startTicks !== peer.startTicks) {
            log.debug("proxy is not (yet) the registered one", { podUid, pid: peer.pid, wanted: proxy?.pid });
            return connection.close();
          }
          stream = streamConfigs(connection, podUid, configs);
        },
        onDrain: () => stream?.resume(),
        onClose(_connection, error) {
          stream?.end();
          if (error) log.warn("configuration stream failed", { reason: errorText(error) });
        },
      };
    },
  });
}

/** Newest only: while the proxy does not read, later versions replace the one that waits. */
function streamConfigs(connection: FrameConnection, podUid: string, configs: ProxyConfigSource) {
  let writable = true;
  let waiting = configs.current(podUid);
  const push = (): void => {
    if (!writable || !waiting) return;
    const { json } = waiting;
    waiting = undefined;
    writable = connection.send(encodeFrame(json));
  };
  const unsubscribe = configs.subscribe(podUid, (config: EncodedProxyConfig | undefined) => {
    if (!config) return connection.close();
    waiting = config;
    push();
  });
  push();
  return {
    resume() {
      writable = true;
      push();
    },
    end: unsubscribe,
  };
}

function readHello(frame: Buffer): string {
  const { type, podUid } = parseMessage(frame);
  if (type === "hello" && typeof podUid === "string") return podUid;
  throw productError("ERR_FRAME_INVALID", "the first message of a proxy is not a hello with its pod");
}
