/** HTTPS, HTTP/2 and options for other libraries over real handshakes, on every runtime (runtime-facts §3). */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type Agent, request } from "node:https";
import { after, describe, test } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import { BundleSet } from "../bundle/index.ts";
import { systemClock } from "../core/index.ts";
import { createX509SourceFeed } from "../source/index.ts";
import type { X509Svid } from "../svid/index.ts";
import { createTestAuthority, hostileLeaves } from "../testing/index.ts";
import {
  allow,
  clientTlsOptions,
  connectHttp2,
  createHttp2Server,
  createHttpsAgent,
  createHttpsServer,
  createTlsServer,
  peerOf,
} from "./index.ts";

const WEB = "spiffe://example.test/web";
const DB = "spiffe://example.test/db";
const HOST = "127.0.0.1";
/** Deno 2.9 does not take a connection back into the pool of an agent that connects by itself: one for each request. */
const reusesConnections = !("Deno" in globalThis);
const authority = createTestAuthority("example.test");
const bundles = BundleSet.of(authority.bundle);

function feedOf(svid: X509Svid) {
  const feed = createX509SourceFeed({ clock: systemClock });
  const put = (next: X509Svid): void => feed.set({ svid: next, svids: [{ svid: next, hint: "" }], bundles, crls: [] });
  put(svid);
  return { source: feed.source, put };
}

const web = feedOf(authority.issue("/web"));
const db = feedOf(authority.issue("/db"));

/** Status and body of a GET. */
function get(port: number, agent: Agent, path = "/"): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: HOST, port, path, agent }, (response: IncomingMessage) => {
      let body = "";
      response.on("data", (data: Buffer) => {
        body += data.toString();
      });
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function httpsServer(allowed = allow.any(), feed = db) {
  let requests = 0;
  const sockets = new Set<unknown>();
  const server = createHttpsServer(feed.source, { allow: allowed }, (req, res) => {
    requests++;
    sockets.add(req.socket.remotePort);
    res.end(`hello ${peerOf(req).spiffeId.toString()}`);
  });
  const { port } = await server.listen({ port: 0, host: HOST });
  after(() => server.close({ graceMs: 0 }));
  return { server, port, sockets, requests: () => requests };
}

function agentOf(options: Parameters<typeof createHttpsAgent>[1], feed = web): Agent {
  const agent = createHttpsAgent(feed.source, options);
  after(() => agent.destroy());
  return agent;
}

describe("HTTPS", () => {
  test("a request tells who sent it", async () => {
    const { port } = await httpsServer(allow.id(WEB));
    const answer = await get(port, agentOf({ allow: allow.id(DB) }));
    deepEqual(answer, { status: 200, body: `hello ${WEB}` });
  });

  test("requests of one agent share a connection, until the identity changes", async () => {
    const changing = feedOf(authority.issue("/web"));
    const { port, sockets } = await httpsServer(allow.id(WEB));
    const agent = agentOf({ allow: allow.id(DB), maxSockets: 1 }, changing);
    await get(port, agent);
    await get(port, agent);
    equal(sockets.size, reusesConnections ? 1 : 2);
    changing.put(authority.issue("/web"));
    await get(port, agent);
    equal(sockets.size, reusesConnections ? 2 : 3);
  });

  test("a request that the identity changes under is the last of its connection, also for those that wait for one", async () => {
    const changing = feedOf(authority.issue("/web"));
    const before = changing.source.svid.serialNumber;
    const serials: bigint[] = [];
    let finish = (): void => {};
    let arrived = (): void => {};
    const underWay = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const server = createHttpsServer(db.source, { allow: allow.any() }, (req, res) => {
      serials.push(peerOf(req).serialNumber);
      if (req.url !== "/slow") return res.end();
      finish = () => res.end("done");
      arrived();
    });
    const { port } = await server.listen({ port: 0, host: HOST });
    after(() => server.close({ graceMs: 0 }));
    const agent = agentOf({ allow: allow.id(DB), maxSockets: 1 }, changing);
    const slow = get(port, agent, "/slow");
    await underWay;
    const waits = get(port, agent);
    changing.put(authority.issue("/web"));
    const now = changing.source.svid.serialNumber;
    finish();
    equal((await slow).body, "done");
    await waits;
    await get(port, agent);
    deepEqual(serials, [before, now, now]);
  });

  test("requests go on while the server's identity changes", async () => {
    const changing = feedOf(authority.issue("/db"));
    const { port, sockets } = await httpsServer(allow.id(WEB), changing);
    const agent = agentOf({ allow: allow.id(DB), maxSockets: 1 });
    await get(port, agent);
    changing.put(authority.issue("/db"));
    equal((await get(port, agent)).status, 200);
    equal(sockets.size, reusesConnections ? 1 : 2);
    equal((await get(port, agentOf({ allow: allow.id(DB) }))).status, 200);
    equal(sockets.size, reusesConnections ? 2 : 3);
  });

  test("an agent sends nothing to another service than the expected one", async () => {
    const { port, requests } = await httpsServer();
    await rejects(get(port, agentOf({ allow: allow.id(WEB) })), { code: "ERR_TLS_PEER_NOT_ALLOWED" });
    equal(requests(), 0);
  });

  test("a server hears nothing of a request by somebody else", async () => {
    const { port, requests } = await httpsServer(allow.id(DB));
    await rejects(get(port, agentOf({ allow: allow.id(DB) })));
    equal(requests(), 0);
  });

  for (const { what, key, cert } of hostileLeaves(authority, WEB)) {
    test(`a server hears nothing of a request by a client: ${what}`, async () => {
      const { port, requests } = await httpsServer();
      const socket = connect({ host: HOST, port, key, cert, rejectUnauthorized: false });
      let answer = "";
      socket.on("error", () => {});
      socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
      socket.on("data", (data: Buffer) => {
        answer += data.toString();
      });
      await new Promise((resolve) => socket.once("close", resolve));
      deepEqual([answer, requests()], ["", 0]);
    });
  }

  test("closing waits for a request under way", async () => {
    let finish = (): void => {};
    const server = createHttpsServer(db.source, { allow: allow.any() }, (_req, res) => {
      finish = () => res.end("done");
      arrived();
    });
    let arrived = (): void => {};
    const underWay = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const { port } = await server.listen({ port: 0, host: HOST });
    const answer = get(port, agentOf({ allow: allow.any(), keepAlive: false }));
    await underWay;
    const closed = server.close();
    finish();
    equal((await answer).body, "done");
    await closed;
  });
});

describe("HTTP/2", () => {
  test("a stream tells who sent it, and many share one connection", async () => {
    const server = createHttp2Server(db.source, { allow: allow.id(WEB) }, (req, res) => {
      res.end(`hello ${peerOf(req).spiffeId.toString()}`);
    });
    const { port } = await server.listen({ port: 0, host: HOST });
    const session = await connectHttp2(web.source, { host: HOST, port, allow: allow.id(DB) });
    equal(peerOf(session).spiffeId.toString(), DB);
    const bodies = await Promise.all(
      ["/1", "/2"].map(async (path) => {
        const stream = session.request({ ":path": path });
        let body = "";
        stream.on("data", (data: Buffer) => {
          body += data.toString();
        });
        await once(stream, "end");
        return body;
      }),
    );
    deepEqual(bodies, [`hello ${WEB}`, `hello ${WEB}`]);
    session.destroy();
    await server.close({ graceMs: 0 });
  });

  test("is refused by a client that expects another service, and by a server that speaks none", async () => {
    const server = createHttp2Server(db.source, { allow: allow.any() });
    const plain = createTlsServer(db.source, { allow: allow.any() }, (socket) => socket.on("error", () => {}));
    const { port } = await server.listen({ port: 0, host: HOST });
    const other = await plain.listen({ port: 0, host: HOST });
    const to = (target: number, id: string) =>
      connectHttp2(web.source, { host: HOST, port: target, allow: allow.id(id) });
    await rejects(to(port, WEB), { code: "ERR_TLS_PEER_NOT_ALLOWED" });
    await rejects(to(other.port, DB), { code: "ERR_TLS_CONNECT_FAILED", message: /did not choose "h2"/ });
    await server.close({ graceMs: 0 });
    await plain.close({ graceMs: 0 });
  });
});

describe("options for libraries that call tls.connect themselves", () => {
  /** What `tls.connect` itself ends with. */
  async function outcome(port: number, options: object): Promise<string> {
    const socket = connect({ host: HOST, port, servername: "db.example", ...options });
    return new Promise((resolve) => {
      socket.once("secureConnect", () => {
        resolve("connected");
        socket.destroy();
      });
      socket.on("error", (error: Error & { code?: string }) => resolve(error.code ?? error.message));
    });
  }

  test("connect to the expected service, with the identity of the moment", async () => {
    const seen: bigint[] = [];
    const server = createTlsServer(db.source, { allow: allow.id(WEB) }, (socket: TLSSocket) => {
      socket.on("error", () => {});
      seen.push(peerOf(socket).serialNumber);
      socket.write("x");
    });
    const { port } = await server.listen({ port: 0, host: HOST });
    const changing = feedOf(authority.issue("/web"));
    const options = clientTlsOptions(changing.source, { allow: allow.id(DB) });
    const serials = [];
    for (const svid of [changing.source.svid, authority.issue("/web")]) {
      changing.put(svid);
      const socket = connect({ host: HOST, port, servername: "db.example", ...options });
      await once(socket, "data");
      socket.destroy();
      serials.push(svid.serialNumber);
    }
    deepEqual(seen, serials);
    equal(await outcome(port, clientTlsOptions(web.source, { allow: allow.id(WEB) })), "ERR_TLS_PEER_NOT_ALLOWED");
    await server.close({ graceMs: 0 });
  });

  for (const { what, key, cert } of hostileLeaves(authority, DB)) {
    test(`refuse a server: ${what}`, async () => {
      const server = createServer({ key, cert }, (socket) => socket.on("error", () => {}));
      server.on("tlsClientError", () => {});
      server.listen(0, HOST);
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      const result = await outcome(port, clientTlsOptions(web.source, { allow: allow.any() }));
      server.close();
      ok(result !== "connected", result);
    });
  }
});
