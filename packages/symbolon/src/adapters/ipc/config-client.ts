import { type Clock, createObservable, errorText, type Log, type Observable, type Random } from "@symbolon/spiffe/core";
import type { ProxyConfig } from "../../mesh/index.ts";
import { decodeConfig } from "./config-message.ts";
import { encodeMessage } from "./frame.ts";
import { connectFrames } from "./frame-client.ts";

export interface ConfigClient {
  /** The newest configuration; the last one stays while the control plane is away. */
  readonly config: Observable<ProxyConfig | undefined>;
  close(): void;
}

export function createConfigClient(options: {
  readonly path: string;
  readonly podUid: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): ConfigClient {
  const { podUid, log } = options;
  const config = createObservable<ProxyConfig | undefined>(undefined);
  /** Of this connection: a control plane that was started again counts from its own beginning, and tells everything. */
  let last: ProxyConfig | undefined;

  const client = connectFrames({
    ...options,
    onOpen(connection) {
      last = undefined;
      connection.send(encodeMessage({ type: "hello", podUid }));
    },
    onFrame(frame, connection) {
      try {
        last = decodeConfig(frame, podUid, last);
        config.set(last);
      } catch (error) {
        log.error("configuration is refused, the last one stays", { reason: errorText(error) });
        connection.close();
      }
    },
  });
  return { config, close: () => client.close() };
}
