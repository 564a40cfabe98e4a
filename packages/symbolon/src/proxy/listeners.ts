import { Leg } from "./leg.ts";
import { legHandlers } from "./pump.ts";

export interface Listener {
  readonly port: number;
  readonly fd: number;
  /** Stops accepting; connections live on. */
  stop(): void;
}

/** Opens one listening socket. @param options.port 0: the kernel chooses @throws when the kernel refuses */
export function openListener(options: {
  readonly address: string;
  readonly port: number;
  readonly earlyBytes: number;
  readonly accept: (leg: Leg) => void;
}): Listener {
  const { address, port, earlyBytes, accept } = options;
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
  } as unknown as Parameters<typeof Bun.listen>[0]) as unknown as {
    readonly port: number;
    readonly fd: number;
    stop(closeConnections: boolean): void;
  };
  return { port: listener.port, fd: listener.fd, stop: () => listener.stop(false) };
}

/** Listeners by a port of the mesh; opens those that are missing and closes the others. */
export class ListenerSet {
  readonly #open = new Map<number, Listener>();
  readonly #listen: (port: number) => Listener | undefined;

  /** @param listen undefined: the port cannot be listened on now; it is tried again with the next change */
  constructor(listen: (port: number) => Listener | undefined) {
    this.#listen = listen;
  }

  set(ports: Iterable<number>): void {
    const wanted = new Set(ports);
    for (const [port, listener] of this.#open) {
      if (wanted.has(port)) continue;
      listener.stop();
      this.#open.delete(port);
    }
    for (const port of wanted) {
      if (this.#open.has(port)) continue;
      const listener = this.#listen(port);
      if (listener) this.#open.set(port, listener);
    }
  }

  /** The wanted port to the one that is listened on, ascending. */
  get ports(): ReadonlyMap<number, number> {
    return new Map([...this.#open].sort(([a], [b]) => a - b).map(([port, listener]) => [port, listener.port]));
  }

  close(): void {
    for (const listener of this.#open.values()) listener.stop();
    this.#open.clear();
  }
}
