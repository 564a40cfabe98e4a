import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import tls from "node:tls";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import {
  CLIENT_ID,
  freeNetwork,
  keyPem,
  MESH,
  type OutboundFixture,
  proxyIdentity,
  SERVER_ID,
  startApplication,
  startOutbound,
  startRelay,
  type TestApplication,
  talk,
} from "../../../../test/fakes/proxy-fixture.ts";

type Svid = ReturnType<typeof MESH.issue>;

const SERVER = MESH.issue("/ns/foo/sa/server");
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface TlsServer {
  readonly address: string;
  readonly port: number;
  /** What arrived inside of TLS. */
  readonly received: () => string;
  readonly clients: tls.TLSSocket[];
}

/** A server on an endpoint's address, with any certificate; echoes. */
async function startTlsServer(svid: Svid | undefined, options: tls.TlsOptions = {}): Promise<TlsServer> {
  const clients: tls.TLSSocket[] = [];
  let received = "";
  const server = tls.createServer(
    {
      ...(svid ? { cert: svid.certificateChainPem(), key: keyPem(svid) } : {}),
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["istio"],
      ...options,
    },
    (socket) => {
      clients.push(socket);
      socket
        .on("error", () => undefined)
        .on("data", (chunk) => {
          received += chunk.toString();
          socket.write(chunk);
        });
    },
  );
  server.on("tlsClientError", () => undefined);
  const address = `${freeNetwork()}.1`;
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  closers.push(() => {
    for (const client of clients) client.destroy();
    server.close();
  });
  return { address, port: (server.address() as net.AddressInfo).port, received: () => received, clients };
}

async function start(...args: Parameters<typeof startOutbound>): Promise<OutboundFixture> {
  const outbound = await startOutbound(...args);
  closers.push(outbound.close);
  return outbound;
}

async function startPlain(handle?: (socket: net.Socket) => void): Promise<TestApplication> {
  const application = await startApplication(`${freeNetwork()}.1`, handle);
  closers.push(application.close);
  return application;
}

const call = (to: OutboundFixture) => talk(net.connect(to.port, to.address), "secret", 6);

describe("secure naming", () => {
  test("the server that the mesh expects is spoken to, and both identities are on record", async () => {
    const server = await startTlsServer(SERVER);
    const outbound = await start(server);
    expect((await call(outbound)).received.toString()).toBe("secret");
    expect(await outbound.nextRecord()).toMatchObject({
      direction: "outbound",
      service: `server.foo:${server.port}`,
      upstream: `${server.address}:${server.port}`,
      security: "mtls",
      tlsVersion: "TLSv1.3",
      localSpiffeId: CLIENT_ID,
      peerSpiffeId: SERVER_ID,
      peerSerial: SERVER.leaf.serialNumberHex,
    });
  });

  test("the server sees Istio's ALPN, Istio's server name and our certificate", async () => {
    let name: unknown;
    const server = await startTlsServer(SERVER, {
      SNICallback(servername, done) {
        name = servername;
        done(null);
      },
    });
    const outbound = await start(server);
    await call(outbound);
    const [client] = server.clients;
    expect(client?.alpnProtocol).toBe("istio");
    expect(name).toBe(`outbound_.${server.port}_._.server.foo.svc.cluster.local`);
    expect(client?.getPeerCertificate().subjectaltname).toContain(CLIENT_ID);
  });

  test("any identity of the list may serve", async () => {
    const server = await startTlsServer(SERVER);
    const outbound = await start(server, { expectedSpiffeIds: ["spiffe://mesh.example/ns/foo/sa/old", SERVER_ID] });
    expect((await call(outbound)).received.toString()).toBe("secret");
  });

  const refusals: readonly [string, Svid, readonly string[], object][] = [
    [
      "another service account's valid SVID",
      MESH.issue("/ns/foo/sa/other"),
      [SERVER_ID],
      {
        reason: "server_identity_mismatch",
        detail: expect.stringContaining(`answered as spiffe://mesh.example/ns/foo/sa/other, expected ${SERVER_ID}`),
        expectedSpiffeIds: [SERVER_ID],
        peerSpiffeId: "spiffe://mesh.example/ns/foo/sa/other",
      },
    ],
    [
      "a longer name of which the expected one is the beginning",
      MESH.issue("/ns/foo/sa/server2"),
      [SERVER_ID],
      { reason: "server_identity_mismatch" },
    ],
    [
      "the right name, but nobody is expected: an empty list is a refusal",
      SERVER,
      [],
      { reason: "server_identity_unknown", peerSpiffeId: SERVER_ID, expectedSpiffeIds: [] },
    ],
    [
      "the right name from another authority",
      createTestAuthority("mesh.example").issue("/ns/foo/sa/server"),
      [SERVER_ID],
      { reason: "peer_not_verified" },
    ],
    [
      "the right path in a trust domain that is not federated",
      createTestAuthority("other.example").issue("/ns/foo/sa/server"),
      [SERVER_ID],
      { reason: "peer_not_verified" },
    ],
    [
      "the right name, expired",
      MESH.issue("/ns/foo/sa/server", { uris: [SERVER_ID], notAfter: new Date("2024-01-01T00:00:00Z") }),
      [SERVER_ID],
      { reason: "peer_not_verified" },
    ],
  ];
  for (const [name, svid, expectedSpiffeIds, record] of refusals)
    test(`refused: ${name}; the server receives not one byte`, async () => {
      const server = await startTlsServer(svid);
      const outbound = await start(server, { expectedSpiffeIds });
      expect(await call(outbound)).toMatchObject({ received: Buffer.alloc(0), end: "ECONNRESET" });
      const ended = await outbound.nextRecord();
      expect(ended).toMatchObject({ security: "none", ...record });
      expect(server.received()).toBe("");
    });

  // TLS 1.2: ServerKeyExchange, the record in which the server proves to have the key, is the third.
  test("refused: a server that cannot prove to have the key of the certificate it shows", async () => {
    const server = await startTlsServer(SERVER, { maxVersion: "TLSv1.2" });
    const relay = await startRelay(server, (record, number, from) => {
      if (from === "server" && number === 2) record[record.length - 20] = (record.at(-20) ?? 0) ^ 1;
      return record;
    });
    closers.push(relay.close);
    const outbound = await start(relay);
    expect(await call(outbound)).toMatchObject({ received: Buffer.alloc(0), end: "ECONNRESET" });
    const ended = await outbound.nextRecord();
    expect(ended).toMatchObject({ security: "none", reason: "handshake_failed" });
    expect(ended.peerSpiffeId).toBeUndefined();
    expect(server.received()).toBe("");
  });

  test("refused: an endpoint that should speak TLS and speaks plaintext", async () => {
    const application = await startPlain((socket) => socket.end("220 welcome\r\n"));
    const outbound = await start(application);
    expect((await call(outbound)).received.length).toBe(0);
    expect(await outbound.nextRecord()).toMatchObject({ reason: "handshake_failed" });
    expect(application.received().includes("secret")).toBe(false);
  });
});

describe("what needs no identity of a server", () => {
  test("an endpoint without sidecar is reached in plaintext", async () => {
    const application = await startPlain();
    const outbound = await start(application, { tls: false });
    expect((await call(outbound)).received.toString()).toBe("secret");
    expect(await outbound.nextRecord()).toMatchObject({ security: "plaintext" });
  });

  test("a pod without sidecar speaks plaintext to everybody", async () => {
    const application = await startPlain();
    const outbound = await start(application, { identity: undefined, local: { sidecar: false } });
    expect((await call(outbound)).received.toString()).toBe("secret");
  });
});

describe("connections that lead nowhere", () => {
  test("an endpoint that does not listen: the next one serves", async () => {
    const server = await startTlsServer(SERVER);
    const outbound = await start(server, { moreEndpoints: [`${freeNetwork()}.1`, `${freeNetwork()}.1`] });
    for (let round = 0; round < 6; round++) expect((await call(outbound)).received.toString()).toBe("secret");
  });

  test("no endpoint listens: refused, and says where it tried", async () => {
    const application = await startPlain();
    const { address, port } = application;
    await application.close();
    const outbound = await start({ address, port });
    expect((await call(outbound)).end).toBe("ECONNRESET");
    expect(await outbound.nextRecord()).toMatchObject({
      reason: "connect_failed",
      detail: expect.stringContaining(`${address}:${port}`),
    });
  });

  test("an endpoint that refuses our identity is not tried again elsewhere", async () => {
    const wrong = await startTlsServer(MESH.issue("/ns/foo/sa/other"));
    const right = `${freeNetwork()}.1`;
    const application = await startApplication(right, undefined, wrong.port);
    closers.push(application.close);
    const outbound = await start(wrong, { expectedSpiffeIds: [] });
    await call(outbound);
    expect(application.connections).toEqual([]);
  });

  test("without an identity of our own: refused before anything is dialled", async () => {
    const server = await startPlain();
    const outbound = await start(server);
    outbound.identity.set(undefined);
    expect((await call(outbound)).end).toBe("ECONNRESET");
    expect(await outbound.nextRecord()).toMatchObject({ reason: "no_identity" });
    expect(server.connections).toEqual([]);
    // Nearest that is accepted: the identity comes, and the next connection of the same listener has it.
    outbound.identity.set(proxyIdentity(MESH.issue("/ns/foo/sa/client")));
    expect((await call(outbound)).end).toBe("ECONNRESET");
    expect(server.connections.length).toBe(1);
  });

  test("an address that is nobody's, on a port that is captured, is refused when it leads back to us", async () => {
    const outbound = await start({ address: "127.0.0.1", port: (await startPlain()).port }, { mesh: { services: [] } });
    expect((await call(outbound)).end).toBe("ECONNRESET");
    expect(await outbound.nextRecord()).toMatchObject({ reason: "unknown_destination" });
  });
});
