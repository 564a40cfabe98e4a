import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { csrPem } from "../../../../../test/fakes/ca-fixture.ts";
import {
  bearer,
  type CaServerFixture,
  type CaServerFixtureOptions,
  callAsForeigner,
  createCaServerFixture,
  SERVER_NAME,
} from "../../../../../test/fakes/ca-server-fixture.ts";
import { productError } from "../../core/index.ts";

let fixture: CaServerFixture | undefined;

afterEach(() => fixture?.close());

async function start(options: CaServerFixtureOptions = {}): Promise<CaServerFixture> {
  fixture = await createCaServerFixture(options);
  return fixture;
}

const goodCall = (server: CaServerFixture) => ({ csr: csrPem(), authorization: bearer(server.token()) });

describe("what a failure inside the CA looks like from outside", () => {
  const failures: readonly [string, unknown, number, string][] = [
    ["a bug", new TypeError("x is not a function"), 13, "CSR signing error (internal error)"],
    [
      "a certificate that fails the lint",
      productError("ERR_CA_LINT_FAILED", "certificate is not fit to be signed: secret detail"),
      13,
      "CSR signing error (internal error)",
    ],
    [
      "a full disk",
      productError("ERR_ISSUANCE_LOG_FULL", "the issuance log cannot grow: no space left"),
      8,
      "CSR signing error (the issuance log cannot grow: no space left)",
    ],
    [
      "a full audit log, without its path",
      productError("ERR_AUDIT_FULL", 'cannot write audit log "/home/somebody/audit.log": ENOSPC'),
      8,
      "CSR signing error (ERR_AUDIT_FULL)",
    ],
    [
      "an issuer that has expired",
      productError("ERR_CA_EXPIRED", "signing certificate has expired at 2026-01-01T06:00:00.000Z"),
      14,
      "CSR signing error (signing certificate has expired at 2026-01-01T06:00:00.000Z)",
    ],
  ];
  for (const [what, error, code, details] of failures)
    test(what, async () => {
      const server = await start({
        createCertificate: async () => {
          throw error;
        },
      });
      expect(await callAsForeigner(server, goodCall(server))).toMatchObject({ kind: "status", code, details });
    });
});

describe("limits of a call", () => {
  test("64 KiB of message: ResourceExhausted, and the CA never sees it", async () => {
    const server = await start();
    const call = (length: number) => ({ ...goodCall(server), csr: "x".repeat(length) });
    expect(await callAsForeigner(server, call(65_536))).toMatchObject({ kind: "status", code: 8 });
    expect(server.audit).toEqual([]);
    expect(await callAsForeigner(server, call(65_000))).toMatchObject({ kind: "status", code: 3 });
  });

  test("8 KiB of metadata: ResourceExhausted", async () => {
    const server = await start();
    const call = (length: number) => ({ csr: csrPem(), authorization: bearer("x".repeat(length)) });
    expect(await callAsForeigner(server, call(8_200))).toMatchObject({ kind: "status", code: 8 });
    expect(await callAsForeigner(server, call(7_900))).toMatchObject({ kind: "status", code: 16 });
  });

  test("bytes that are no message: an error, and the next call is answered", async () => {
    const server = await start();
    for (const bytes of [Buffer.of(0x0a, 0xff), Buffer.alloc(100, 0xff), Buffer.of(0x1a, 0x01, 0x80)])
      expect((await callAsForeigner(server, { ...goodCall(server), bytes })).kind).toBe("status");
    expect((await callAsForeigner(server, goodCall(server))).kind).toBe("answer");
  });

  test("another method or service: Unimplemented", async () => {
    const server = await start();
    for (const path of ["/istio.v1.auth.IstioCertificateService/Sign", "/grpc.reflection.v1.ServerReflection/Info"])
      expect(await callAsForeigner(server, { ...goodCall(server), path })).toMatchObject({ kind: "status", code: 12 });
  });

  test("more than may work and wait: ResourceExhausted at once, with a time to come back", async () => {
    let finish = () => {};
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const server = await start({
      limits: { concurrent: 1, queued: 1 },
      createCertificate: async () => {
        await gate;
        return {
          certificateChainPem: ["leaf"],
          certificateChain: [],
          rootsPem: "roots",
          serialNumber: "01",
          notAfter: new Date(),
        };
      },
    });
    const calls = Array.from({ length: 5 }, () => callAsForeigner(server, goodCall(server)));
    // The two that are let in hang until the gate opens; the other three are answered before.
    const refused = await firstSettled(calls, 3);
    for (const answer of refused) {
      if (answer.kind !== "status") throw new Error("expected a refusal");
      expect([answer.code, answer.details]).toEqual([8, "CSR signing error (too many requests)"]);
      const seconds = Number(answer.metadata.get("retry-after")[0]);
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(30);
    }
    finish();
    expect((await Promise.all(calls)).filter(({ kind }) => kind === "answer")).toHaveLength(2);
  });

  test("ten seconds: DeadlineExceeded, also without a deadline of the caller's", async () => {
    let called = () => {};
    const calling = new Promise<void>((resolve) => {
      called = resolve;
    });
    const server = await start({
      createCertificate: () => {
        called();
        return new Promise(() => {});
      },
    });
    const answer = callAsForeigner(server, goodCall(server));
    await calling;
    await server.clock.advance(9_999);
    expect(await Promise.race([answer, Promise.resolve("waiting")])).toBe("waiting");
    await server.clock.advance(1);
    expect(await answer).toMatchObject({ kind: "status", code: 4, details: "CSR signing error (not done in time)" });
  });
});

describe("who gets a connection", () => {
  const connect = (server: CaServerFixture, options: tls.ConnectionOptions = {}) =>
    tls.connect({
      port: server.port,
      host: "127.0.0.1",
      servername: SERVER_NAME,
      ca: server.ca.rootsPem,
      ALPNProtocols: ["h2"],
      ...options,
    });

  test("TLS 1.3 by default, and the server's certificate verifies for Istio's name of it", async () => {
    const server = await start();
    const socket = connect(server);
    await once(socket, "secureConnect");
    expect([socket.authorized, socket.getProtocol(), socket.alpnProtocol]).toEqual([true, "TLSv1.3", "h2"]);
    socket.destroy();
  });

  test("none that speaks another protocol, or nothing", async () => {
    const server = await start();
    for (const ALPNProtocols of [["http/1.1"], []]) {
      await closeOf(connect(server, { ALPNProtocols }));
    }
  });

  test("none in plaintext", async () => {
    const server = await start();
    await closeOf(http2.connect(`http://127.0.0.1:${server.port}`));
    const socket = net.connect(server.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\nhost: ca\r\n\r\n");
    socket.resume();
    await closeOf(socket);
    expect(server.audit).toEqual([]);
  });

  test("nobody whose handshake takes longer than 5 s", async () => {
    const server = await start();
    const socket = net.connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    // The server has this connection as soon as a later one of the same listener is served.
    await callAsForeigner(server, goodCall(server));
    const closed = closeOf(socket);
    socket.resume();
    await server.clock.advance(5_000);
    await closed;
  });

  test("no more of one address than allowed, and again when one goes", async () => {
    const server = await start({ limits: { connectionsPerAddress: 1 } });
    const first = connect(server);
    await once(first, "secureConnect");
    await closeOf(connect(server));
    first.destroy();
    await closeOf(first);
    let answer = await callAsForeigner(server, goodCall(server));
    while (answer.kind === "status" && answer.code === 14) answer = await callAsForeigner(server, goodCall(server));
    expect(answer.kind).toBe("answer");
  });
});

describe("the server's own certificate", () => {
  const handshake = async (server: CaServerFixture) => {
    const socket = tls.connect({
      port: server.port,
      host: "127.0.0.1",
      servername: SERVER_NAME,
      ca: server.ca.rootsPem,
      ALPNProtocols: ["h2"],
    });
    await once(socket, "secureConnect");
    return { socket, serialNumber: socket.getPeerCertificate().serialNumber.toLowerCase() };
  };

  test("is renewed by itself: new handshakes see a new one, recorded like any other, live connections stay", async () => {
    const latestRenewalMs = 24 * 3600_000 * 0.8;
    // The runtime's TLS compares with the machine's clock, at which the renewed certificate has to be valid.
    const server = await start({ clock: createFakeClock(new Date(Date.now() - latestRenewalMs)) });
    const before = await handshake(server);
    await server.clock.advance(latestRenewalMs);
    const after = await handshake(server);
    expect(after.serialNumber).not.toBe(before.serialNumber);
    expect(server.issuances.records).toMatchObject([
      {
        serialNumber: after.serialNumber,
        kind: "server",
        spiffeId: "spiffe://cluster.local/ns/istio-system/sa/istiod",
        caller: "symbolon",
      },
    ]);
    expect(before.socket.destroyed).toBe(false);
    before.socket.destroy();
    after.socket.destroy();
  });
});

/** The first `count` answers to arrive. */
function firstSettled<T>(all: readonly Promise<T>[], count: number): Promise<readonly T[]> {
  return new Promise((resolve) => {
    const arrived: T[] = [];
    for (const one of all)
      void one.then((answer) => {
        arrived.push(answer);
        if (arrived.length === count) resolve(arrived);
      });
  });
}

function closeOf(connection: net.Socket | http2.ClientHttp2Session): Promise<void> {
  connection.on("error", () => {});
  return new Promise((resolve) => connection.once("close", () => resolve()));
}
