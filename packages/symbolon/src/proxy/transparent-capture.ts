import { errorText } from "@symbolon/spiffe/core";
import type { Capture } from "./capture.ts";
import { ListenerSet, openListener } from "./listeners.ts";

/** What the kernel has to be told for transparent capture. */
export interface CaptureSockets {
  /** Lets a listener accept connections to addresses that are not its machine's. */
  prepareListener(fd: number): void;
  /** TCP ports whose connections from the application reach the listeners. */
  setCapturedPorts(ports: readonly number[]): Promise<void>;
}

export interface TransparentCaptureOptions {
  readonly sockets: CaptureSockets;
  /** Address that listeners bind; all of them, so that captured connections are accepted. */
  readonly listenAddress?: string;
}

/**
 * Connections come by themselves, to one listener a port, from the application and from outside alike: an accepted
 * socket's own address is where it wanted to.
 */
export function transparentCapture({ sockets, listenAddress = "0.0.0.0" }: TransparentCaptureOptions): Capture {
  return {
    listen({ config, earlyBytes, log, acceptInbound, acceptOutbound }) {
      let closed = false;
      const listeners = new ListenerSet((port) => {
        try {
          const listener = openListener({
            address: listenAddress,
            port,
            earlyBytes,
            accept(leg) {
              if (leg.destination.address === config().local.address) acceptInbound(leg);
              else acceptOutbound(leg);
            },
          });
          sockets.prepareListener(listener.fd);
          return listener;
        } catch (error) {
          log.error("port cannot be listened on; connections to it are refused", { port, reason: errorText(error) });
          return undefined;
        }
      });
      return {
        async apply({ local, mesh }) {
          if (closed) return;
          listeners.set([...mesh.capturedPorts, ...local.inboundPorts.map(({ port }) => port)]);
          await sockets.setCapturedPorts([...listeners.ports.keys()]);
        },
        get ports() {
          return [...listeners.ports.keys()];
        },
        close() {
          closed = true;
          listeners.close();
        },
      };
    },
    locate: (hostname, port) => ({ hostname, port }),
  };
}
