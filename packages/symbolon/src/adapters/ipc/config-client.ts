import { type Clock, createObservable, errorText, type Log, type Observable, type Random } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import { type ProxyConfig, policyFromWire, type WirePolicy } from "../../mesh/index.ts";
import { encodeMessage, parseMessage } from "./frame.ts";
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
  /** Of this connection: a control plane that was started again counts from its own beginning. */
  let lastVersion = -1;

  const client = connectFrames({
    ...options,
    onOpen(connection) {
      lastVersion = -1;
      connection.send(encodeMessage({ type: "hello", podUid }));
    },
    onFrame(frame, connection) {
      try {
        const next = readConfig(frame, podUid);
        if (next.version <= lastVersion)
          throw productError(
            "ERR_FRAME_INVALID",
            `configuration version ${next.version} is not newer than ${lastVersion}`,
          );
        lastVersion = next.version;
        config.set(next);
      } catch (error) {
        log.error("configuration is refused, the last one stays", { reason: errorText(error) });
        connection.close();
      }
    },
  });
  return { config, close: () => client.close() };
}

/** What the control plane of the same version wrote; checked as far as a mix-up could go. */
function readConfig(frame: Buffer, podUid: string): ProxyConfig {
  const message = parseMessage(frame) as Partial<ProxyConfig> & Readonly<Record<string, unknown>>;
  const { version, local, mesh } = message;
  if (
    typeof version !== "number" ||
    !local ||
    !mesh ||
    !Array.isArray(mesh.services) ||
    !Array.isArray(mesh.capturedPorts) ||
    !Array.isArray(local.inboundPorts) ||
    // Missing ones would be none, which lets everybody in.
    !Array.isArray(local.authorizationPolicies)
  )
    throw productError("ERR_FRAME_INVALID", "the message is not a proxy configuration");
  if (local.podUid !== podUid)
    throw productError("ERR_FRAME_INVALID", `the configuration is for pod ${local.podUid}, not for ${podUid}`);
  const policies = local.authorizationPolicies as unknown as readonly WirePolicy[];
  return { version, local: { ...local, authorizationPolicies: policies.map(policyFromWire) }, mesh };
}
