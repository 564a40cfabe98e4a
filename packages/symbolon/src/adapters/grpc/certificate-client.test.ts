import { afterEach, describe, expect, test } from "bun:test";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createKeyPair } from "@symbolon/spiffe/x509";
import { csrPem, failureOf } from "../../../../../test/fakes/ca-fixture.ts";
import {
  type CaServerFixture,
  type CaServerFixtureOptions,
  createCaServerFixture,
  SERVER_NAME,
} from "../../../../../test/fakes/ca-server-fixture.ts";
import type { CreatedCertificate } from "../../ca/index.ts";
import { privateKeyPem, productError } from "../../core/index.ts";
import { type CertificateClient, type CertificateClientOptions, createCertificateClient } from "./index.ts";

const UNAVAILABLE = 14;
let fixture: CaServerFixture | undefined;
let client: CertificateClient | undefined;

afterEach(async () => {
  client?.close();
  await fixture?.close();
});

async function start(options: CaServerFixtureOptions = {}): Promise<CaServerFixture> {
  fixture = await createCaServerFixture(options);
  return fixture;
}

function clientOf(server: CaServerFixture, changes: Partial<CertificateClientOptions> = {}): CertificateClient {
  client = createCertificateClient({
    address: `127.0.0.1:${server.port}`,
    rootCertificatePem: server.ca.rootsPem,
    serverName: SERVER_NAME,
    clock: server.clock,
    ...changes,
  });
  return client;
}

const never = new AbortController().signal;
const requestOf = (server: CaServerFixture) => ({ csrPem: csrPem(), validitySeconds: 60, token: server.token() });
const answering = (created: Partial<CreatedCertificate>) => ({
  createCertificate: async () => ({
    certificateChainPem: ["leaf"],
    certificateChain: [],
    rootsPem: "roots",
    serialNumber: "01",
    notAfter: new Date(),
    ...created,
  }),
});

describe("the client sends nothing to a server", () => {
  const impostors: readonly [string, (server: CaServerFixture) => Partial<CertificateClientOptions>][] = [
    ["of another root", () => ({ rootCertificatePem: createTestAuthority("cluster.local").bundle.toPem() })],
    ["of another name", () => ({ serverName: "istiod.other.svc" })],
  ];
  for (const [what, changes] of impostors)
    test(what, async () => {
      const server = await start();
      const error = await failureOf(clientOf(server, changes(server)).createCertificate(requestOf(server), never));
      expect(error).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE", details: { grpcCode: UNAVAILABLE } });
      expect(server.audit).toEqual([]);
    });

  test("that shows a workload's certificate of the same root", async () => {
    const server = await start({
      identity: async ({ ca, request }) => {
        const keyPair = createKeyPair();
        const { certificateChainPem } = await ca.createCertificate(request({ csrPem: csrPem({ keyPair }) }));
        return { certificateChainPem: certificateChainPem.join(""), keyPem: privateKeyPem(keyPair) };
      },
    });
    server.audit.length = 0;
    const error = await failureOf(clientOf(server).createCertificate(requestOf(server), never));
    expect(error).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE", details: { grpcCode: UNAVAILABLE } });
    expect(server.audit).toEqual([]);
  });
});

describe("what the client makes of an answer", () => {
  test("the last element is the roots, the others the chain", async () => {
    const server = await start(answering({ certificateChainPem: ["leaf", "one", "two"] }));
    expect(await clientOf(server).createCertificate(requestOf(server), never)).toEqual({
      certificateChainPem: ["leaf", "one", "two"],
      rootsPem: "roots",
    });
  });

  test("a leaf without roots is refused", async () => {
    const server = await start(answering({ rootsPem: "" }));
    expect(await failureOf(clientOf(server).createCertificate(requestOf(server), never))).toMatchObject({
      code: "ERR_CA_CALL_REFUSED",
      message: "the CA answered with 1 elements, wanted 2 or more",
    });
  });

  test("Unauthenticated and InvalidArgument are not worth another try with the same credential", async () => {
    const server = await start();
    const bare = { csrPem: csrPem(), validitySeconds: 60 };
    expect(await failureOf(clientOf(server).createCertificate(bare, never))).toMatchObject({
      code: "ERR_CA_CALL_REFUSED",
      message: "the CA refused: request authenticate failure",
      details: { grpcCode: 16 },
    });
    const malformed = { ...requestOf(server), csrPem: "x" };
    expect(await failureOf(clientOf(server).createCertificate(malformed, never))).toMatchObject({
      code: "ERR_CA_CALL_REFUSED",
      details: { grpcCode: 3 },
    });
  });

  test("a full disk, a bug and an overload are, the latter with its time", async () => {
    const failures: readonly [unknown, number][] = [
      [productError("ERR_ISSUANCE_LOG_FULL", "full"), 8],
      [new Error("bug"), 13],
      [productError("ERR_ISSUANCE_LOG_UNAVAILABLE", "away"), 14],
    ];
    for (const [failure, grpcCode] of failures) {
      const server = await start({ createCertificate: () => Promise.reject(failure) });
      const error = await failureOf(clientOf(server).createCertificate(requestOf(server), never));
      expect(error).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE", details: { grpcCode } });
      client?.close();
      await server.close();
    }
    const overload = productError("ERR_CA_OVERLOADED", "too many requests", { details: { retryAfterSeconds: 7 } });
    const server = await start({ createCertificate: () => Promise.reject(overload) });
    expect(await failureOf(clientOf(server).createCertificate(requestOf(server), never))).toMatchObject({
      code: "ERR_CA_CALL_RETRYABLE",
      details: { grpcCode: 8, retryAfterMs: 7000 },
    });
  });
});

describe("a CA that is away", () => {
  test("is worth another try, and the next call after its return is answered", async () => {
    const first = await start();
    const { stateDirectory, issuances, port } = first;
    const own = clientOf(first);
    await own.createCertificate(requestOf(first), never);
    await first.close();
    expect(await failureOf(own.createCertificate(requestOf(first), never))).toMatchObject({
      code: "ERR_CA_CALL_RETRYABLE",
      details: { grpcCode: UNAVAILABLE },
    });
    const second = await start({ stateDirectory, issuances, port });
    await own.createCertificate(requestOf(second), never);
  });

  test("is given up when the caller does", async () => {
    const ending = new AbortController();
    const server = await start({
      createCertificate: () => {
        ending.abort();
        return new Promise(() => {});
      },
    });
    const error = await failureOf(clientOf(server).createCertificate(requestOf(server), ending.signal));
    expect(error).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE", details: { grpcCode: 1 } });
    const gone = await failureOf(clientOf(server).createCertificate(requestOf(server), AbortSignal.abort()));
    expect(gone).toMatchObject({ details: { grpcCode: 1 } });
  });
});
