import { errorText } from "@symbolon/spiffe/core";
import { productError } from "../core/index.ts";
import type { ProxyConfig } from "../mesh/index.ts";
import type { Capture } from "./capture.ts";
import { type Listener, ListenerSet, openListener } from "./listeners.ts";
import { isOwnAddress } from "./own-address.ts";

export interface ExplicitCaptureOptions {
  /** Loopback port that this pod's programs have in `http_proxy`. */
  readonly outboundPort: number;
  /** Whether a Proxy-Authorization field is this pod's. */
  readonly authorize: (credentials: string | undefined) => boolean;
  /** What the proxy calls its application's address. */
  readonly applicationAddress: string;
  /** Loopback port on which the application listens for what is a pod port to everyone else. */
  readonly applicationPort: (podPort: number) => number;
  /** Tells the other proxies where this one's listeners are: pod port to loopback port. */
  readonly publish: (listeners: ReadonlyMap<number, number>) => void;
  /** What another pod's proxy has published. */
  readonly findListener: (podUid: string, podPort: number) => number | undefined;
}

const LOOPBACK = "127.0.0.1";

/**
 * Programs are told of their proxy by environment variables, and everything is on the machine's loopback: pod addresses
 * are names, which `locate` turns into ports.
 */
export function explicitCapture(options: ExplicitCaptureOptions): Capture {
  const { outboundPort, authorize, publish } = options;
  return {
    listen({ config, earlyBytes, log, acceptInbound, acceptProxyClient }) {
      let closed = false;
      let outbound: Listener | undefined;
      let published: string | undefined;
      const inbound = new ListenerSet((port) => {
        try {
          return openListener({
            address: LOOPBACK,
            port: 0,
            earlyBytes,
            accept(leg) {
              leg.captured = { address: config().local.address, port };
              acceptInbound(leg);
            },
          });
        } catch (error) {
          log.error("no listener for a pod port; connections to it are refused", { port, reason: errorText(error) });
          return undefined;
        }
      });
      const listenForApplication = (): Listener => {
        try {
          return openListener({
            address: LOOPBACK,
            port: outboundPort,
            earlyBytes,
            accept: (leg) => acceptProxyClient(leg, authorize),
          });
        } catch (cause) {
          const { namespace, podName } = config().local;
          throw productError(
            "ERR_PORT_CONFLICT",
            `the proxy of pod ${namespace}/${podName} cannot listen on 127.0.0.1:${outboundPort}, which its programs have in http_proxy: ${errorText(cause)}; delete the pod, and the next one gets another port`,
            { cause },
          );
        }
      };
      return {
        async apply({ local }) {
          if (closed) return;
          outbound ??= listenForApplication();
          inbound.set(local.inboundPorts.map(({ port }) => port));
          // A file, which the other proxies read again when it is another one.
          const ports = JSON.stringify([...inbound.ports]);
          if (ports !== published) publish(inbound.ports);
          published = ports;
        },
        get ports() {
          return [...(outbound ? [outbound.port] : []), ...inbound.ports.keys()].sort((a, b) => a - b);
        },
        close() {
          closed = true;
          outbound?.stop();
          inbound.close();
          publish(new Map());
        },
      };
    },
    locate(address, port, config) {
      if (address === options.applicationAddress) return { hostname: LOOPBACK, port: options.applicationPort(port) };
      const pod = podAt(address, config);
      if (!pod) return { hostname: address, port, isForbidden: isOwnAddress };
      const listener = options.findListener(pod.podUid, port);
      return listener === undefined ? undefined : { hostname: LOOPBACK, port: listener };
    },
  };
}

function podAt(address: string, { mesh }: ProxyConfig) {
  return mesh.workloads.find((workload) => workload.address === address);
}
