import { errorText, type Log } from "@symbolon/spiffe/core";
import type { EncodedProxyConfig, ProxyConfigSource } from "../../control-plane/index.ts";
import { encodeFrame } from "./frame.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { type FrameServer, type ListenPrivately, serveFrames } from "./frame-server.ts";
import { type ProxyRecognition, recognizeProxy } from "./hello.ts";

export interface ConfigServerOptions extends ProxyRecognition {
  readonly path: string;
  readonly listen: ListenPrivately;
  readonly configs: ProxyConfigSource;
  readonly log: Log;
}

/**
 * Pushes configuration to proxies.
 * A proxy that is not known yet is closed and comes again: the pod runtime's report may be on its way.
 */
export function serveProxyConfigs(options: ConfigServerOptions): Promise<FrameServer> {
  const { path, listen, configs, log } = options;
  return serveFrames({
    path,
    listen,
    log,
    accept(connection) {
      let stream: ReturnType<typeof streamConfigs> | undefined;
      return {
        onFrame(frame) {
          const podUid = stream ? undefined : recognizeProxy(frame, connection, options);
          if (podUid === undefined) {
            log.debug("proxy is not (yet) the registered one", { path });
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
