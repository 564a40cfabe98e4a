/**
 * Load generator and echo back end in one process, outside of the account. Prints the back end's port; then each line
 * of its input is an order, answered with one line.
 */
import { createInterface } from "node:readline";

export type LoadOrder =
  /** Answered when a message has gone there and back on each connection: every handshake is over. */
  | { readonly kind: "connect"; readonly address: string; readonly connections: number; readonly bytes: number }
  | { readonly kind: "run"; readonly seconds: number }
  | { readonly kind: "close" };

export interface LoadResult {
  /** Messages that went there and back since the order. */
  readonly roundTrips: number;
  readonly seconds: number;
  /** Connections that have broken, or brought something else back. */
  readonly failures: number;
}

const [backendAddress = "127.0.0.1"] = process.argv.slice(2);

const backend = Bun.listen({
  hostname: backendAddress,
  port: 0,
  socket: {
    open: (socket) => void socket.setNoDelay(true),
    data(socket, chunk) {
      // Messages are small and the generator waits for each one: a short write cannot happen.
      if (socket.write(chunk) < chunk.length) socket.terminate();
    },
    error: () => undefined,
  },
});

interface Connection {
  received: number;
  roundTrips: number;
}

type Socket = Awaited<ReturnType<typeof Bun.connect<Connection>>>;

let sockets: Socket[] = [];
let message = Buffer.alloc(0);
let running = false;
let closing = false;
let roundTrips = 0;
let failures = 0;
let everyConnectionUsed = (): void => undefined;

const handlers = {
  data(socket: Socket, chunk: Buffer) {
    const { data } = socket;
    const end = data.received + chunk.length;
    if (end > message.length || message.compare(chunk, 0, chunk.length, data.received, end) !== 0)
      return void socket.terminate();
    data.received = end;
    if (end < message.length) return;
    data.received = 0;
    if (++data.roundTrips === 1) everyConnectionUsed();
    roundTrips++;
    if (running) socket.write(message);
  },
  close() {
    if (closing) return;
    failures++;
    everyConnectionUsed();
  },
  error: () => undefined,
};

console.log(backend.port);
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await obey(JSON.parse(line) as LoadOrder)));
backend.stop(true);

async function obey(order: LoadOrder): Promise<LoadResult> {
  const started = performance.now();
  if (order.kind === "connect") await connect(order);
  if (order.kind === "run") {
    roundTrips = 0;
    running = true;
    for (const socket of sockets) socket.write(message);
    await Bun.sleep(order.seconds * 1000);
    running = false;
  }
  if (order.kind === "close") {
    closing = true;
    for (const socket of sockets) socket.end();
    sockets = [];
  }
  return { roundTrips, seconds: (performance.now() - started) / 1000, failures };
}

async function connect({ address, connections, bytes }: Extract<LoadOrder, { kind: "connect" }>): Promise<void> {
  closing = false;
  failures = 0;
  message = Buffer.alloc(bytes, "symbolon ");
  let waiting = connections;
  const used = new Promise<void>((resolve) => {
    everyConnectionUsed = () => void (--waiting === 0 && resolve());
  });
  sockets = await Promise.all(
    Array.from({ length: connections }, () =>
      Bun.connect<Connection>({
        hostname: address,
        port: backend.port,
        data: { received: 0, roundTrips: 0 },
        socket: handlers,
      }),
    ),
  );
  for (const socket of sockets) {
    socket.setNoDelay(true);
    socket.write(message);
  }
  await used;
}
