/** A proxy that is asked to end: what is under way is answered, and what is new goes elsewhere. */
import { afterEach, expect, test } from "bun:test";
import net from "node:net";
import {
  freeNetwork,
  type ProxyFixture,
  startApplication,
  startInbound,
  startOutbound,
  startProxy,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET = "GET / HTTP/1.1\r\nHost: s\r\n\r\n";
const LISTENING = { protocol: "http", mode: "strict", decidedBy: "default" } as const;

test("a request that takes longer than connections are waited for is answered", async () => {
  let answer: (() => void) | undefined;
  const server = await startInbound({
    http: {},
    protocol: "http",
    handle: (socket) =>
      socket.on("data", () => {
        answer = () => void socket.write(OK);
      }),
  });
  closing.push(() => server.close());
  const raw = net.connect({ host: server.address, port: server.port });
  const socket = net.connect({ host: server.address, port: server.port }, () => socket.write(GET));
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString();
  });
  await until(() => answer !== undefined);
  let over = false;
  const drained = server.proxy.drain(1, 60_000).then(() => {
    over = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(over).toBe(false);
  answer?.();
  await drained;
  await until(() => text !== "");
  expect(text).toBe("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  raw.destroy();
  socket.destroy();
});

test("one of two endpoints ends under load from many connections: no request fails, all go to the other one", async () => {
  const [first, second] = [await startServer(), await startServer()];
  const client = await startOutbound(first, { http: {}, protocol: "http", moreEndpoints: [second.address] });
  closing.push(() => client.close());
  let running = true;
  let answered = 0;
  const ask = async (): Promise<void> => {
    const socket = net.connect({ host: client.address, port: client.port });
    const closed = new Promise<string>((resolve) => socket.once("close", () => resolve("closed")));
    while (running) {
      const answer = new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(chunk.toString())));
      socket.write(GET);
      const text = await Promise.race([answer, closed]);
      expect(text).toBe(OK);
      answered++;
      await new Promise((resolve) => setTimeout(resolve, 1 + (answered % 20)));
    }
    socket.destroy();
  };
  const connections = 24;
  const load = Promise.all(Array.from({ length: connections }, ask));
  await until(() => answered > 500);
  await first.fixture.proxy.drain(5000);
  const before = second.fixture.requests.length;
  const wanted = answered + 500;
  await until(() => answered > wanted);
  running = false;
  await load;
  expect(client.requests.filter(({ status, flags }) => status !== 200 || flags.length > 0)).toEqual([]);
  expect(client.requests.length).toBe(answered);
  expect(first.fixture.requests.length).toBeGreaterThan(0);
  // One request of each connection may have been on record before, and answered after.
  expect(second.fixture.requests.length - before).toBeGreaterThanOrEqual(500 - connections);
});

let sharedPort = 0;

/** Servers of one Service: with one port, on addresses of their own. */
async function startServer(): Promise<{
  readonly address: string;
  readonly port: number;
  readonly fixture: ProxyFixture;
}> {
  const network = freeNetwork();
  const application = await startApplication(
    `${network}.1`,
    (socket) => void socket.on("data", () => socket.write(OK)),
    sharedPort,
  );
  sharedPort = application.port;
  const address = `${network}.2`;
  const fixture = await startProxy(
    { listenAddress: address, applicationAddress: application.address, port: sharedPort },
    { http: {}, local: { inboundPorts: [{ port: sharedPort, ...LISTENING }] } },
  );
  closing.push(async () => {
    await fixture.proxy.drain(0);
    await application.close();
  });
  return { address, port: sharedPort, fixture };
}
