import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { silentLog } from "@symbolon/spiffe/core";
import { dnsQuery } from "../../../../test/fakes/dns-query.ts";
import { freeNetwork, until } from "../../../../test/fakes/proxy-fixture.ts";
import { type DnsServer, startDnsServer } from "./dns-server.ts";

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Fixture extends DnsServer {
  readonly address: string;
  readonly asked: { readonly query: Buffer; readonly transport: string }[];
}

/** Answers with the query itself, behind one byte; to "no answer" with none. */
async function start(): Promise<Fixture> {
  const address = `${freeNetwork()}.53`;
  const asked: Fixture["asked"] = [];
  const server = await startDnsServer({
    address,
    port: 0,
    log: silentLog,
    answer(query, transport) {
      asked.push({ query: Buffer.from(query), transport });
      return query.length === 1 ? undefined : Buffer.concat([Buffer.from("="), query]);
    },
  });
  closers.push(() => server.close());
  return { ...server, address, asked };
}

const framed = (message: Buffer) => Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);

function tcp(to: Fixture): net.Socket {
  const socket = net.connect(to.port, to.address);
  socket.on("error", () => undefined);
  closers.push(() => socket.destroy());
  return socket;
}

function received(socket: net.Socket): () => Buffer {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
}

describe("DNS over UDP", () => {
  test("each datagram gets its answer, from the address that was asked; what deserves none gets none", async () => {
    const server = await start();
    const answers: string[] = [];
    const client = await Bun.udpSocket({
      hostname: "127.0.0.1",
      socket: { data: (_socket, data, port, address) => void answers.push(`${address}:${port} ${data.toString()}`) },
    });
    closers.push(() => client.close());
    for (const text of ["one", "x", "two"]) client.send(text, server.port, server.address);
    await until(() => answers.length === 2);
    expect(answers.sort()).toEqual(["one", "two"].map((text) => `${server.address}:${server.port} =${text}`));
    expect(server.asked.map(({ transport }) => transport)).toEqual(["udp", "udp", "udp"]);
  });
});

describe("DNS over TCP", () => {
  test("queries of one connection are answered in order, however they are cut", async () => {
    const server = await start();
    const client = tcp(server);
    const got = received(client);
    const stream = Buffer.concat(
      [dnsQuery("a.foo"), dnsQuery("b.foo"), Buffer.from("x"), dnsQuery("c.foo")].map(framed),
    );
    client.setNoDelay(true);
    for (const byte of stream.subarray(0, 20)) client.write(Buffer.from([byte]));
    client.write(stream.subarray(20));
    const wanted = Buffer.concat(
      ["a.foo", "b.foo", "c.foo"].map((name) => framed(Buffer.concat([Buffer.from("="), dnsQuery(name)]))),
    );
    await until(() => got().length === wanted.length);
    expect(got()).toEqual(wanted);
    expect(server.asked.every(({ transport }) => transport === "tcp")).toBe(true);
  });

  test("a query of the largest size is read, and its answer written whole", async () => {
    const server = await start();
    const client = tcp(server);
    const got = received(client);
    client.write(framed(Buffer.alloc(65_534, "q")));
    await until(() => got().length === 2 + 65_535);
    expect(server.asked[0]?.query.length).toBe(65_534);
  });

  test("64 clients at a time; one more is closed at once, and one that goes makes room", async () => {
    const server = await start();
    const clients = Array.from({ length: 64 }, () => tcp(server));
    for (const client of clients) {
      const got = received(client);
      client.write(framed(Buffer.from("hello")));
      await until(() => got().length > 0);
    }
    const refused = tcp(server);
    await new Promise((resolve) => refused.once("close", resolve));
    clients[0]?.destroy();
    let answered = false;
    // The server learns of the end in its own time.
    while (!answered) {
      const client = tcp(server);
      const got = received(client);
      client.write(framed(Buffer.from("hello")));
      answered = await new Promise<boolean>((resolve) => {
        client.once("data", () => resolve(got().length > 0)).once("close", () => resolve(false));
      });
    }
    expect(answered).toBe(true);
  });
});

test("a closed server leaves its address free", async () => {
  const server = await start();
  server.close();
  const again = await startDnsServer({
    address: server.address,
    port: server.port,
    log: silentLog,
    answer: () => undefined,
  });
  closers.push(() => again.close());
  expect(again.port).toBe(server.port);
});

test("an address whose TCP port is taken is an error, and leaves nothing open", async () => {
  const address = `${freeNetwork()}.53`;
  const other = net.createServer();
  await new Promise<void>((resolve) => other.listen(0, address, resolve));
  closers.push(() => other.close());
  const { port } = other.address() as net.AddressInfo;
  const options = { address, port, log: silentLog, answer: () => undefined };
  await expect(startDnsServer(options)).rejects.toThrow();
  await new Promise((resolve) => other.close(resolve));
  const server = await startDnsServer(options);
  closers.push(() => server.close());
});
