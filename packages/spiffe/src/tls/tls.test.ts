/**
 * The rules that every runtime must keep (runtime-facts §3; spiffe.md §2.2, N1, N2), with real handshakes. test/runtimes
 * runs this file on each Node, and on Deno; the quick suite on Bun.
 */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { once } from "node:events";
import { createServer as createTcpServer } from "node:net";
import { after, describe, test } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import { BundleSet, X509Bundle } from "../bundle/index.ts";
import { isSymbolonError, systemClock } from "../core/index.ts";
import { createX509SourceFeed } from "../source/index.ts";
import type { X509Svid } from "../svid/index.ts";
import { createTestAuthority, hostileLeaves, type TestAuthority } from "../testing/index.ts";
import { allow, connectTls, createTlsServer, peerOf, type Refusal, type TlsServerOptions } from "./index.ts";

const WEB = "spiffe://example.test/ns/shop/sa/web";
const DB = "spiffe://example.test/ns/shop/sa/db";
const HOST = "127.0.0.1";
const authority = createTestAuthority("example.test");
const partner = createTestAuthority("partner.test");
const bundles = BundleSet.of(authority.bundle, partner.bundle);

function feedOf(svid: X509Svid, trusted = bundles) {
  const feed = createX509SourceFeed({ clock: systemClock });
  const put = (next: X509Svid, nextTrusted = trusted): void =>
    feed.set({ svid: next, svids: [{ svid: next, hint: "" }], bundles: nextTrusted, crls: [] });
  put(svid);
  return { source: feed.source, put, clear: () => feed.set(undefined) };
}

const web = feedOf(authority.issue("/ns/shop/sa/web"));
const db = feedOf(authority.issue("/ns/shop/sa/db"));

/** A server that says "hello" and echoes; and a promise of its next refusal. */
async function echoServer(options: TlsServerOptions, feed = db) {
  const refusals: Refusal[] = [];
  const accepted: TLSSocket[] = [];
  let heard = (_: Refusal): void => {};
  const server = createTlsServer(
    feed.source,
    {
      ...options,
      onRefused(refusal) {
        refusals.push(refusal);
        heard(refusal);
      },
    },
    (socket) => {
      accepted.push(socket);
      socket.on("error", () => {});
      socket.on("data", (data: Buffer) => socket.write(data));
      socket.write("hello");
    },
  );
  const { port } = await server.listen({ port: 0, host: HOST });
  after(() => server.close({ graceMs: 0 }));
  const nextRefusal = () =>
    new Promise<Refusal>((resolve) => {
      heard = resolve;
    });
  return { server, port, refusals, accepted, nextRefusal };
}

/** Everything that comes until the peer ends the connection. */
async function everything(socket: TLSSocket): Promise<string> {
  let text = "";
  socket.on("data", (data: Buffer) => {
    text += data.toString();
  });
  socket.on("error", () => {});
  if (!socket.destroyed) await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

async function roundTrip(socket: TLSSocket, text: string): Promise<string> {
  const answer = once(socket, "data");
  socket.write(text);
  return String((await answer)[0]);
}

async function codeOf(attempt: Promise<unknown>): Promise<{ code: string; reason: unknown }> {
  try {
    await attempt;
    return { code: "accepted", reason: undefined };
  } catch (error) {
    return isSymbolonError(error)
      ? { code: error.code, reason: error.details.reason }
      : { code: String(error), reason: undefined };
  }
}

describe("a TLS server", () => {
  test("hands out a verified peer's socket, and says who it is on both sides", async () => {
    const { port, accepted } = await echoServer({ allow: allow.id(WEB) });
    const socket = await connectTls(web.source, { host: HOST, port, allow: allow.id(DB) });
    equal(String((await once(socket, "data"))[0]), "hello");
    equal(await roundTrip(socket, "echo"), "echo");
    equal(peerOf(socket).spiffeId.toString(), DB);
    equal(peerOf(accepted[0] as TLSSocket).spiffeId.toString(), WEB);
    socket.destroy();
  });

  for (const leaf of hostileLeaves(authority, WEB)) {
    test(`refuses a client: ${leaf.what}`, async () => {
      const { port, accepted, nextRefusal } = await echoServer({ allow: allow.any() });
      const refusal = nextRefusal();
      const { key, cert } = leaf;
      const socket = connect({ host: HOST, port, key, cert, rejectUnauthorized: false });
      socket.on("secureConnect", () => socket.write("let me in"));
      equal(await everything(socket), "");
      const { error } = await refusal;
      ok(error.code === leaf.code || error.details.reason === leaf.code, `${error.code}: ${error.message}`);
      equal(accepted.length, 0);
    });
  }

  test("refuses a client without certificate", async () => {
    const { port, accepted, nextRefusal } = await echoServer({ allow: allow.any() });
    const refusal = nextRefusal();
    const socket = connect({ host: HOST, port, rejectUnauthorized: false });
    equal(await everything(socket), "");
    equal((await refusal).error.code, "ERR_TLS_NO_PEER_CERTIFICATE");
    equal(accepted.length, 0);
  });

  const refusals: readonly [string, TlsServerOptions["allow"]][] = [
    ["another ID", allow.id(DB)],
    ["nearly the same ID", allow.id(`${WEB}2`)],
    ["an empty list", allow.oneOf([])],
    ["another trust domain", allow.memberOf("partner.test")],
    ["a program that says no", allow.where(() => false)],
    ["a program that says nothing", allow.where(() => undefined as unknown as boolean)],
    [
      "a program that throws",
      () => {
        throw new Error("boom");
      },
    ],
  ];
  for (const [what, allowed] of refusals) {
    test(`refuses a proven ID when what is allowed is ${what}`, async () => {
      const { port, accepted, nextRefusal } = await echoServer({ allow: allowed });
      const refusal = nextRefusal();
      const socket = await connectTls(web.source, { host: HOST, port, allow: allow.any() });
      equal(await everything(socket), "");
      equal((await refusal).error.code, "ERR_TLS_PEER_NOT_ALLOWED");
      equal(accepted.length, 0);
    });
  }

  test("accepts a member of a federated trust domain, by that domain's authority", async () => {
    const { port } = await echoServer({ allow: allow.memberOf("partner.test") });
    const guest = feedOf(partner.issue("/ns/a/sa/guest"));
    const socket = await connectTls(guest.source, { host: HOST, port, allow: allow.id(DB) });
    equal(String((await once(socket, "data"))[0]), "hello");
    socket.destroy();
  });

  test("without option allow is not made", () => {
    const missing = { host: HOST, port: 1 } as unknown as TlsServerOptions;
    try {
      createTlsServer(db.source, missing, () => {});
      ok(false, "it was made");
    } catch (error) {
      ok(isSymbolonError(error) && error.code === "ERR_TLS_AUTHORIZER_MISSING");
    }
  });

  test("resumes no session", async () => {
    const { port, accepted } = await echoServer({ allow: allow.id(WEB) });
    const svid = web.source.svid;
    const own = {
      host: HOST,
      port,
      key: svid.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      cert: svid.certificateChainPem(),
      rejectUnauthorized: false,
      maxVersion: "TLSv1.2",
    } as const;
    const first = connect(own);
    await once(first, "data");
    const session = first.getSession();
    first.destroy();
    const second = connect({ ...own, ...(session ? { session } : {}) });
    await once(second, "data");
    equal(second.isSessionReused(), false);
    equal(
      accepted.every((socket) => !socket.isSessionReused()),
      true,
    );
    second.destroy();
  });

  test("takes a new identity for the next handshake, and keeps the connections that there are", async () => {
    const rotating = feedOf(authority.issue("/ns/shop/sa/db"));
    const { port } = await echoServer({ allow: allow.id(WEB) }, rotating);
    const before = await connectTls(web.source, { host: HOST, port, allow: allow.id(DB) });
    await once(before, "data");
    const next = authority.issue("/ns/shop/sa/db");
    rotating.put(next);
    const later = await connectTls(web.source, { host: HOST, port, allow: allow.id(DB) });
    equal(peerOf(later).serialNumber, next.serialNumber);
    equal(await roundTrip(before, "still here"), "still here");
    before.destroy();
    later.destroy();
  });

  test("accepts nobody by an authority that was removed, and nobody at all without an identity", async () => {
    const changing = feedOf(authority.issue("/ns/shop/sa/db"));
    const { port, nextRefusal } = await echoServer({ allow: allow.any() }, changing);
    const knock = async () => {
      const refusal = nextRefusal();
      const socket = await connectTls(web.source, { host: HOST, port, allow: allow.any() });
      equal(await everything(socket), "");
      return (await refusal).error.code;
    };
    changing.put(changing.source.svid, BundleSet.of(partner.bundle));
    equal(await knock(), "ERR_BUNDLE_NOT_FOUND");
    changing.clear();
    equal(await knock(), "ERR_SOURCE_NO_IDENTITY");
  });

  test("finds the path through intermediates that the peer shows", async () => {
    const below: TestAuthority = authority.intermediate().intermediate();
    const { port } = await echoServer({ allow: allow.id(WEB) });
    const deep = feedOf(below.issue("/ns/shop/sa/web"));
    const socket = await connectTls(deep.source, { host: HOST, port, allow: allow.id(DB) });
    equal(String((await once(socket, "data"))[0]), "hello");
    socket.destroy();
  });

  const clientOf = async (port: number, feed: ReturnType<typeof feedOf>): Promise<TLSSocket> => {
    const socket = await connectTls(feed.source, { host: HOST, port, allow: allow.id(DB) });
    socket.on("error", () => {});
    await once(socket, "data");
    return socket;
  };

  test("with verifyLive, ends the connections of a trust domain that is withdrawn, and no others", async () => {
    const server = feedOf(authority.issue("/ns/shop/sa/db"));
    const theirs = feedOf(partner.issue("/billing"));
    const { port, nextRefusal } = await echoServer({ allow: allow.any(), verifyLive: true }, server);
    const [stays, goes] = [await clientOf(port, web), await clientOf(port, theirs)];
    const [refusal, closed] = [nextRefusal(), once(goes, "close")];
    server.put(authority.issue("/ns/shop/sa/db"), BundleSet.of(authority.bundle));
    equal((await refusal).error.code, "ERR_BUNDLE_NOT_FOUND");
    await closed;
    equal(await roundTrip(stays, "echo"), "echo");
    stays.destroy();
  });

  test("with verifyLive, has ended all that are refused before it tells of the first", async () => {
    const feed = feedOf(authority.issue("/ns/shop/sa/db"));
    const accepted: TLSSocket[] = [];
    const told: unknown[] = [];
    const server = createTlsServer(
      feed.source,
      {
        allow: allow.any(),
        verifyLive: true,
        onRefused: ({ error, remoteAddress }) =>
          told.push([error.code, remoteAddress, accepted.map((socket) => socket.destroyed)]),
      },
      (socket) => {
        accepted.push(socket);
        socket.write("hello");
      },
    );
    const { port } = await server.listen({ port: 0, host: HOST });
    after(() => server.close({ graceMs: 0 }));
    const theirs = feedOf(partner.issue("/billing"));
    const clients = [await clientOf(port, theirs), await clientOf(port, theirs)];
    const closed = Promise.all(clients.map((client) => once(client, "close")));
    feed.put(authority.issue("/ns/shop/sa/db"), BundleSet.of(authority.bundle));
    const refusal = ["ERR_BUNDLE_NOT_FOUND", HOST, [true, true]];
    deepEqual(told, [refusal, refusal]);
    await closed;
  });

  test("with verifyLive, ends those of an authority that is withdrawn; certificates that have ended are no reason", async () => {
    let ahead = 0;
    const clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + ahead) };
    const next = createTestAuthority("example.test");
    const both = BundleSet.of(
      X509Bundle.fromCertificates(authority.trustDomain, [authority.certificate, next.certificate]),
    );
    const server = feedOf(authority.issue("/ns/shop/sa/db"), both);
    const { port, refusals, nextRefusal } = await echoServer({ allow: allow.id(WEB), verifyLive: true, clock }, server);
    const inAnHour = new Date(systemClock.now().getTime() + 3_600_000);
    const shortLived = feedOf(authority.issue("/ns/shop/sa/web", { notAfter: inAnHour }));
    const [old, renewed] = [
      await clientOf(port, shortLived),
      await clientOf(port, feedOf(next.issue("/ns/shop/sa/web"))),
    ];
    ahead = 2 * 3_600_000;
    server.put(authority.issue("/ns/shop/sa/db"), both.with(partner.bundle));
    deepEqual(refusals, []);
    equal(await roundTrip(old, "still"), "still");
    const [refusal, closed] = [nextRefusal(), once(old, "close")];
    server.put(next.issue("/ns/shop/sa/db"), BundleSet.of(next.bundle));
    equal((await refusal).error.code, "ERR_SVID_UNTRUSTED");
    await closed;
    equal(await roundTrip(renewed, "echo"), "echo");
    renewed.destroy();
  });

  test("without verifyLive, a connection keeps the verdict of its handshake", async () => {
    const server = feedOf(authority.issue("/ns/shop/sa/db"));
    const { port, refusals } = await echoServer({ allow: allow.any() }, server);
    const socket = await clientOf(port, feedOf(partner.issue("/billing")));
    server.put(authority.issue("/ns/shop/sa/db"), BundleSet.of(authority.bundle));
    equal(await roundTrip(socket, "echo"), "echo");
    deepEqual(refusals, []);
    socket.destroy();
  });
});

describe("a TLS client", () => {
  for (const leaf of hostileLeaves(authority, DB)) {
    test(`refuses a server: ${leaf.what}`, async () => {
      const server = createServer({ key: leaf.key, cert: leaf.cert });
      let received = "";
      server.on("secureConnection", (socket) => {
        socket.on("error", () => {});
        socket.on("data", (data: Buffer) => {
          received += data.toString();
        });
      });
      server.on("tlsClientError", () => {});
      server.listen(0, HOST);
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      const { code, reason } = await codeOf(connectTls(web.source, { host: HOST, port, allow: allow.any() }));
      server.close();
      ok(code === leaf.code || reason === leaf.code, `${code}, ${String(reason)}`);
      equal(received, "");
    });
  }

  test("refuses a proven server that is another one", async () => {
    const { port } = await echoServer({ allow: allow.any() });
    const attempt = connectTls(web.source, { host: HOST, port, allow: allow.id(WEB) });
    equal((await codeOf(attempt)).code, "ERR_TLS_PEER_NOT_ALLOWED");
  });

  test("says which address does not answer, which speaks no TLS, and which says nothing in time", async () => {
    const silent = createTcpServer((socket) => socket.on("error", () => {}));
    const garbage = createTcpServer((socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    const ports: number[] = [];
    for (const server of [silent, garbage]) {
      server.listen(0, HOST);
      await once(server, "listening");
      ports.push((server.address() as { port: number }).port);
    }
    const [silentPort = 0, garbagePort = 0] = ports;
    const to = (port: number, timeoutMs: number) =>
      connectTls(web.source, { host: HOST, port, allow: allow.any(), timeoutMs });
    await rejects(to(garbagePort, 5000), { code: "ERR_TLS_CONNECT_FAILED" });
    await rejects(to(silentPort, 20), { code: "ERR_TLS_CONNECT_FAILED", message: /no handshake within 20 ms/ });
    const stop = new AbortController();
    const aborted = connectTls(web.source, { host: HOST, port: silentPort, allow: allow.any(), signal: stop.signal });
    stop.abort(new Error("enough"));
    await rejects(aborted, /enough/);
    const gone = createTcpServer();
    gone.listen(0, HOST);
    await once(gone, "listening");
    const { port: closedPort } = gone.address() as { port: number };
    await new Promise((resolve) => gone.close(resolve));
    await rejects(to(closedPort, 5000), { code: "ERR_TLS_CONNECT_FAILED" });
    silent.close();
    garbage.close();
  });

  test("offers and agrees on a protocol", async () => {
    const { port, accepted } = await echoServer({ allow: allow.any(), alpn: ["b", "a"] });
    const socket = await connectTls(web.source, { host: HOST, port, allow: allow.any(), alpn: ["a"] });
    await once(socket, "data");
    deepEqual([socket.alpnProtocol, accepted[0]?.alpnProtocol], ["a", "a"]);
    socket.destroy();
  });
});
