import { errorText, type Log } from "@symbolon/spiffe/core";
import { Leg } from "./leg.ts";
import type { CaptureSockets } from "./ports.ts";
import { legHandlers } from "./pump.ts";

/** Listening sockets of the proxy: one a port, for what comes from the application and from outside alike. */
export interface Listeners {
  /** Opens and closes listeners until exactly these ports are there; then tells the kernel what to capture. */
  set(ports: readonly number[]): Promise<void>;
  readonly ports: readonly number[];
  /** Stops accepting; connections live on. */
  close(): void;
}

export function createListeners(options: {
  readonly address: string;
  readonly sockets: CaptureSockets;
  readonly earlyBytes: number;
  readonly accept: (leg: Leg) => void;
  readonly log: Log;
}): Listeners {
  const { address, sockets, earlyBytes, accept, log } = options;
  const open = new Map<number, { stop(closeConnections: boolean): void }>();
  let closed = false;

  const listen = (port: number): void => {
    try {
      const listener = Bun.listen({
        hostname: address,
        port,
        allowHalfOpen: true,
        socket: {
          ...legHandlers,
          open(socket: unknown) {
            const carrier = socket as Parameters<typeof legHandlers.open>[0];
            carrier.data = new Leg({ onClosed: () => undefined }, earlyBytes);
            legHandlers.open(carrier);
            accept(carrier.data);
          },
        },
      } as unknown as Parameters<typeof Bun.listen>[0]);
      sockets.prepareListener((listener as unknown as { readonly fd: number }).fd);
      open.set(port, listener);
    } catch (error) {
      log.error("port cannot be listened on; connections to it are refused", { port, reason: errorText(error) });
    }
  };

  return {
    async set(ports) {
      if (closed) return;
      const wanted = new Set(ports);
      for (const [port, listener] of open) {
        if (wanted.has(port)) continue;
        listener.stop(false);
        open.delete(port);
      }
      for (const port of wanted) if (!open.has(port)) listen(port);
      await sockets.setCapturedPorts([...open.keys()].sort((a, b) => a - b));
    },
    get ports() {
      return [...open.keys()].sort((a, b) => a - b);
    },
    close() {
      closed = true;
      for (const listener of open.values()) listener.stop(false);
      open.clear();
    },
  };
}
