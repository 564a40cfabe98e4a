/**
 * Load generator and back end in one process, outside of the account. Prints the back end's port; then each line of its
 * input is an order, answered with one line.
 */
import { createInterface } from "node:readline";
import { startBackend } from "./backend.ts";
import { ClientConnection, type ClientEvents } from "./client-connection.ts";
import type { Order, Outcome } from "./orders.ts";

const PACE_MS = 1;
/** A proxy limits the handshakes that are under way. */
const OPENED_AT_ONCE = 64;
/** An exchange that takes longer has failed. */
const PATIENCE_MS = 10_000;

const [backendAddress = "127.0.0.1"] = process.argv.slice(2);
const backend = startBackend(backendAddress);

let connections: ClientConnection[] = [];
let exchanges = 0;
let failures = 0;
let firstFailure: string | undefined;
let answered = (_connection: ClientConnection): void => undefined;
const events: ClientEvents = {
  answered(connection) {
    exchanges++;
    answered(connection);
  },
  failed(_connection, why) {
    failures++;
    firstFailure ??= why;
  },
};

console.log(backend.port);
for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await obey(JSON.parse(line) as Order)));
backend.stop();

async function obey(order: Order): Promise<Outcome> {
  const started = performance.now();
  const servedBefore = backend.requests;
  exchanges = 0;
  failures = 0;
  firstFailure = undefined;
  const rest = await perform(order);
  answered = () => undefined;
  return {
    exchanges,
    seconds: (performance.now() - started) / 1000,
    failures,
    served: backend.requests - servedBefore,
    ...(firstFailure === undefined ? {} : { firstFailure }),
    ...rest,
  };
}

async function perform(order: Order): Promise<Partial<Outcome>> {
  switch (order.kind) {
    case "connect":
      await connect(order);
      return {};
    case "run":
      return run(order.seconds);
    case "pace":
      return pace(order);
    case "run-new":
      return runNew(order);
    case "close":
      for (const connection of connections) connection.close();
      connections = [];
      return {};
  }
}

async function connect({ target, connections: count, exchange }: Extract<Order, { kind: "connect" }>): Promise<void> {
  const open = () => ClientConnection.open(target, backend.port, exchange, events);
  connections = [];
  while (connections.length < count) {
    const batch = Math.min(OPENED_AT_ONCE, count - connections.length);
    const opened = await Promise.all(Array.from({ length: batch }, open));
    connections.push(...opened);
    // In TLS 1.3 a client is ready before the server has looked at its certificate: only an answer tells.
    for (const connection of opened) connection.send();
    await allAnswered();
  }
}

async function run(seconds: number): Promise<Partial<Outcome>> {
  let running = true;
  answered = (connection) => {
    if (running) connection.send();
  };
  const started = performance.now();
  for (const connection of connections) connection.send();
  await Bun.sleep(seconds * 1000);
  running = false;
  await allAnswered();
  return { seconds: (performance.now() - started) / 1000 };
}

async function pace({ seconds, perSecond }: Extract<Order, { kind: "pace" }>): Promise<Partial<Outcome>> {
  const took: number[] = [];
  answered = ({ startedMs }) => void took.push(performance.now() - startedMs);
  const started = performance.now();
  const total = seconds * perSecond;
  let next = 0;
  for (let sent = 0; sent < total; ) {
    await Bun.sleep(PACE_MS);
    const due = Math.min(total, ((performance.now() - started) / 1000) * perSecond);
    while (sent < due && connections.some(({ busy }) => !busy)) {
      while (connections[next % connections.length]?.busy) next++;
      connections[next++ % connections.length]?.send();
      sent++;
    }
  }
  await allAnswered();
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? Number.NaN;
  return { latency: { p50: at(0.5), p99: at(0.99), highest: at(1) } };
}

async function runNew(order: Extract<Order, { kind: "run-new" }>): Promise<Partial<Outcome>> {
  const until = performance.now() + order.seconds * 1000;
  answered = (connection) => connection.close();
  const one = async (): Promise<void> => {
    while (performance.now() < until && failures === 0) {
      const over = Promise.withResolvers<void>();
      const connection = await ClientConnection.open(order.target, backend.port, order.exchange, {
        answered(done) {
          events.answered(done);
          over.resolve();
        },
        failed(broken, why) {
          events.failed(broken, why);
          over.resolve();
        },
      });
      connection.send();
      await over.promise;
    }
  };
  await Promise.all(Array.from({ length: order.connections }, one));
  return {};
}

async function allAnswered(): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (connections.some(({ busy }) => busy) && failures === 0) {
    if (performance.now() > until) {
      failures++;
      firstFailure ??= "an answer did not come in time";
    }
    await Bun.sleep(1);
  }
}
