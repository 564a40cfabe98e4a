import { errorText, type Log } from "@symbolon/spiffe/core";
import type { ProxyConfigSource } from "../../control-plane/index.ts";
import type { ProxyConfig } from "../../mesh/index.ts";
import { encodeConfig } from "./config-message.ts";
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
  const { path, listen, log } = options;
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
          stream = streamConfigs(connection, podUid, options);
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

/**
 * Newest only: while the proxy does not read, later versions replace the one that waits. After the first, a message has
 * what differs from the one before it.
 */
function streamConfigs(connection: FrameConnection, podUid: string, { configs, log }: ConfigServerOptions) {
  let writable = true;
  let sent: ProxyConfig | undefined;
  let waiting = configs.current(podUid);
  const push = (): void => {
    if (!writable || !waiting) return;
    const next = waiting;
    waiting = undefined;
    try {
      writable = connection.send(encodeFrame(Buffer.from(encodeConfig(next, sent))));
      sent = next;
    } catch (error) {
      log.error("configuration of a proxy is too large; it keeps the one before", {
        podUid,
        version: next.version,
        reason: errorText(error),
      });
    }
  };
  const unsubscribe = configs.subscribe(podUid, (config) => {
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
