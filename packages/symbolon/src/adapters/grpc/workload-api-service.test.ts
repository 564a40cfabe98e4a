import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { BundleSet, JwtBundle, JwtBundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { jwkFromPublicKey } from "@symbolon/spiffe/jwt";
import { signJwtSvid, X509Svid } from "@symbolon/spiffe/svid";
import { createFakeClock, createTestAuthority } from "@symbolon/spiffe/testing";
import { createKeyPair, parseCertificatesDer } from "@symbolon/spiffe/x509";
import { FRAME, grpcCall, grpcMessages, openRawHttp2, windowUpdate } from "../../../../../test/fakes/raw-http2.ts";
import { GOOD, header, openCaller } from "../../../../../test/fakes/workload-caller.ts";
import {
  startWorkloadEndpoint,
  type WorkloadEndpointFixture,
} from "../../../../../test/fakes/workload-endpoint-fixture.ts";
import type { Entitlement } from "../../agent/index.ts";
import type { AuditEvent } from "../../core/index.ts";
import {
  type JWTBundlesResponse,
  type JWTSVIDResponse,
  SpiffeWorkloadAPI,
  type ValidateJWTSVIDResponse,
  type X509BundlesResponse,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
} from "../../gen/index.ts";
import { serviceDefinition } from "./service-definition.ts";

type Granted = Extract<Entitlement, { readonly kind: "granted" }>;

const NO_IDENTITY = { code: "PERMISSION_DENIED", details: "no identity issued" };
const STREAMS = ["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"];
const TOKENLESS = { audience: "a", svid: "e30.e30.e30" };
const LARGE = X509Bundle.fromCertificates(
  TrustDomain.parse("large.example"),
  Array.from(
    { length: 6 },
    () => createTestAuthority("large.example", { commonName: "x".repeat(100_000) }).certificate,
  ),
);

const clock = createFakeClock(new Date());
let directory: string;
let fixture: WorkloadEndpointFixture;
let caller: ReturnType<typeof openCaller>;
let audited: AuditEvent[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-workload-api-"));
  audited = [];
  fixture = await startWorkloadEndpoint({
    path: join(directory, "workload.sock"),
    workloads: ["/web", "/db"],
    clock,
    audit: { write: async (event) => void audited.push(event) },
  });
  caller = openCaller(join(directory, "workload.sock"));
});

afterEach(async () => {
  caller.close();
  await fixture.close();
  rmSync(directory, { recursive: true });
});

function granted(): Granted {
  const entitlement = fixture.entitlement();
  if (entitlement.kind !== "granted") throw new Error("the fixture grants nothing");
  return entitlement;
}

const privateKeyOf = (der: Uint8Array) => createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
const serialsOf = (response: X509SVIDResponse): readonly string[] =>
  response.svids.map(({ x509Svid }) => parseCertificatesDer(x509Svid)[0]?.serialNumberHex ?? "");
const servedSerials = (): readonly string[] => granted().svids.map(({ svid }) => svid.leaf.serialNumberHex);

describe("FetchX509SVID", () => {
  test("gives every identity with its chain, key, bundle and hint, the default one first (WA §5.2.1, S6)", async () => {
    const response = (await caller.stream<X509SVIDResponse>("FetchX509SVID").next()) as X509SVIDResponse;
    expect(response.svids.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([
      ["spiffe://example.org/web", "web"],
      ["spiffe://example.org/db", "db"],
    ]);
    for (const [index, { x509Svid, x509SvidKey, bundle }] of response.svids.entries()) {
      const read = X509Svid.fromCertificates(parseCertificatesDer(x509Svid), privateKeyOf(x509SvidKey));
      expect(read.leaf.serialNumberHex).toBe(servedSerials()[index] ?? "");
      expect(bundle).toEqual(fixture.authority.certificate.der);
    }
    expect(Object.keys(response.federatedBundles)).toEqual(["spiffe://example-federated.org"]);
    expect(response.crl).toEqual([]);
  });

  test("sends a rotation, a changed bundle, and nothing that is already known (S1, S2, S11)", async () => {
    const stream = caller.stream<X509SVIDResponse>("FetchX509SVID");
    expect(serialsOf((await stream.next()) as X509SVIDResponse)).toEqual(servedSerials());
    fixture.become({ ...granted() });
    fixture.rotate();
    expect(serialsOf((await stream.next()) as X509SVIDResponse)).toEqual(servedSerials());
    fixture.become({ ...granted(), bundles: BundleSet.of(fixture.authority.bundle) });
    const { federatedBundles } = (await stream.next()) as X509SVIDResponse;
    expect(federatedBundles).toEqual({});
  });

  test("carries a bundle of 1 MB", async () => {
    fixture.become({ ...granted(), bundles: granted().bundles.with(LARGE) });
    const { federatedBundles } = (await caller.stream("FetchX509SVID").next()) as X509SVIDResponse;
    const received = federatedBundles["spiffe://large.example"] ?? new Uint8Array();
    expect(received.length).toBeGreaterThan(1_000_000);
    expect(parseCertificatesDer(received)).toHaveLength(LARGE.x509Authorities.length);
  });

  test("tells a client that does not read the newest state alone, when it reads again (W7)", async () => {
    // More than the first window of HTTP/2: the first message is stuck until the client opens it.
    fixture.become({ ...granted(), bundles: granted().bundles.with(LARGE) });
    const client = openRawHttp2(join(directory, "workload.sock"));
    client.send(grpcCall("/SpiffeWorkloadAPI/FetchX509SVID"));
    await client.until(({ type }) => type === FRAME.data);
    for (let round = 0; round < 50; round++) {
      fixture.become({ ...granted(), svids: [{ svid: fixture.authority.issue("/web") }] });
      await roundTrip();
    }
    client.send(Buffer.concat([windowUpdate(2 ** 30, 0), windowUpdate(2 ** 30, 1)]));
    const read = () => grpcMessages(client.frames).map((bytes) => serialsOf(fromBinary(X509SVIDResponseSchema, bytes)));
    await client.until(() => read().at(-1)?.[0] === servedSerials()[0]);
    expect(read().length).toBe(2);
    client.close();
  });
});

/** The endpoint has worked off what it had to do: it answers another connection. */
async function roundTrip(): Promise<void> {
  const other = openCaller(join(directory, "workload.sock"));
  await other.unary("FetchJWTSVID", {});
  other.close();
}

describe("bundles", () => {
  test("of X.509: all domains, the own one too; again when they change", async () => {
    const stream = caller.stream<X509BundlesResponse>("FetchX509Bundles");
    const { bundles } = (await stream.next()) as X509BundlesResponse;
    expect(Object.keys(bundles).sort()).toEqual(["spiffe://example-federated.org", "spiffe://example.org"]);
    expect(bundles["spiffe://example.org"]).toEqual(fixture.authority.certificate.der);
    // A rotation of certificates is no change of bundles.
    fixture.become({ ...granted(), svids: [{ svid: fixture.authority.issue("/web") }] });
    fixture.become({ ...granted(), bundles: BundleSet.of(fixture.authority.bundle) });
    expect(Object.keys(((await stream.next()) as X509BundlesResponse).bundles)).toEqual(["spiffe://example.org"]);
  });

  test("of JWT: standard JWK Sets without what tools for OpenID Connect do not know (S7)", async () => {
    const stream = caller.stream<JWTBundlesResponse>("FetchJWTBundles");
    const { bundles } = (await stream.next()) as JWTBundlesResponse;
    const { keys, ...rest } = JSON.parse(Buffer.from(bundles["spiffe://example.org"] ?? []).toString());
    expect(rest).toEqual({});
    expect(keys).toEqual([expect.objectContaining({ kid: "one", kty: "EC", crv: "P-256" })]);
    expect(keys[0]).not.toHaveProperty("use");
    fixture.become({ ...granted(), jwtBundles: JwtBundleSet.of() });
    expect(((await stream.next()) as JWTBundlesResponse).bundles).toEqual({});
  });
});

describe("FetchJWTSVID", () => {
  test("gives a token of each identity, or of the one asked for (S8)", async () => {
    const all = (await caller.unary("FetchJWTSVID", { audience: ["a", "b"] })) as JWTSVIDResponse;
    expect(all.svids.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([
      ["spiffe://example.org/web", "web"],
      ["spiffe://example.org/db", "db"],
    ]);
    const request = { audience: ["a"], spiffeId: "spiffe://example.org/db" };
    const one = (await caller.unary("FetchJWTSVID", request)) as JWTSVIDResponse;
    expect(one.svids.map(({ spiffeId }) => spiffeId)).toEqual(["spiffe://example.org/db"]);
  });

  test.each([
    ["no audience", {}, "audience must be specified"],
    ["an empty audience", { audience: ["a", ""] }, "audience must be specified"],
    ["an identity that is no SPIFFE ID", { audience: ["a"], spiffeId: "web" }, /^invalid requested SPIFFE ID: ./],
  ])("refuses %s (S4)", async (_what, request, details) => {
    const outcome = await caller.unary("FetchJWTSVID", request);
    expect(outcome).toEqual({ code: "INVALID_ARGUMENT", details: expect.stringMatching(details) });
    const { reason } = invalidRequest();
    expect(reason).toMatch(/^audience must be specified$|^invalid requested SPIFFE ID$/);
  });

  test("has no token of an identity of somebody else's; that is on record", async () => {
    const request = { audience: ["a"], spiffeId: "spiffe://example.org/other" };
    expect(await caller.unary("FetchJWTSVID", request)).toEqual(NO_IDENTITY);
    expect(audited).toEqual([
      {
        kind: "identity.deliver",
        outcome: "refused",
        actor: "workload of the test",
        code: "ERR_WORKLOAD_NOT_ENTITLED",
        details: { reason: "not spiffe://example.org/other" },
      },
    ]);
  });

  test("waits for an identity that is under way, and says why when it does not come", async () => {
    const { kind: _, ...all } = granted();
    fixture.become({ kind: "pending", reason: "the CA does not answer" });
    const first = caller.unary("FetchJWTSVID", { audience: ["a"] });
    await untilFollowed();
    fixture.become({ kind: "granted", ...all });
    expect(((await first) as JWTSVIDResponse).svids).toHaveLength(2);
    fixture.become({ kind: "pending", reason: "the CA does not answer" });
    const second = caller.unary("FetchJWTSVID", { audience: ["a"] });
    await untilFollowed();
    await clock.advance(5000);
    expect(await second).toEqual({ code: "UNAVAILABLE", details: "the CA does not answer" });
    expect(fixture.followers.size).toBe(0);
  });
});

describe("ValidateJWTSVID", () => {
  const tokenFor = async (...audience: readonly string[]): Promise<string> =>
    ((await caller.unary("FetchJWTSVID", { audience })) as JWTSVIDResponse).svids[0]?.svid ?? "";

  test("answers whose the token is and its claims, the audience as a list (S9)", async () => {
    const svid = await tokenFor("a");
    const { spiffeId, claims } = (await caller.unary("ValidateJWTSVID", {
      audience: "a",
      svid,
    })) as ValidateJWTSVIDResponse;
    expect(spiffeId).toBe("spiffe://example.org/web");
    expect(claims).toEqual({
      sub: "spiffe://example.org/web",
      aud: ["a"],
      exp: expect.any(Number),
      iat: expect.any(Number),
    });
  });

  test("passes on of a foreign token only what the standard requires (S9)", async () => {
    const domain = TrustDomain.parse("abroad.example");
    const { publicKey, privateKey } = createKeyPair();
    const jwk = { ...jwkFromPublicKey(publicKey, { kid: "k" }), use: "jwt-svid" };
    const bundle = JwtBundle.fromJwkSet(domain, JSON.stringify({ keys: [jwk] }));
    fixture.become({ ...granted(), jwtBundles: granted().jwtBundles.with(bundle) });
    const now = clock.now();
    const { token } = signJwtSvid(
      {
        spiffeId: SpiffeId.fromPath(domain, "/x"),
        audiences: ["a"],
        issuedAt: now,
        expiresAt: new Date(now.getTime() + 60_000),
      },
      { keyId: "k", privateKey },
    );
    const request = { audience: "a", svid: token.expose() };
    const { claims } = (await caller.unary("ValidateJWTSVID", request)) as ValidateJWTSVIDResponse;
    expect(Object.keys(claims ?? {}).sort()).toEqual(["aud", "exp", "sub"]);
  });

  test.each([
    ["no audience", { svid: "x" }, /^audience must be specified$/],
    ["no token", { audience: "a" }, /^svid must be specified$/],
    ["what is no token", { audience: "a", svid: "x.y" }, /./],
  ])("refuses %s", async (_what, request, details) => {
    const outcome = await caller.unary("ValidateJWTSVID", request);
    expect(outcome).toEqual({ code: "INVALID_ARGUMENT", details: expect.stringMatching(details) });
  });

  test("refuses a token for another audience, and one of a domain without bundle", async () => {
    const svid = await tokenFor("a");
    expect(await caller.unary("ValidateJWTSVID", { audience: "b", svid })).toMatchObject({ code: "INVALID_ARGUMENT" });
    fixture.become({ ...granted(), jwtBundles: JwtBundleSet.of() });
    expect(await caller.unary("ValidateJWTSVID", { audience: "a", svid })).toEqual({
      code: "INVALID_ARGUMENT",
      details: expect.stringContaining('no JWT bundle found for trust domain: "example.org"'),
    });
  });
});

describe("a workload without identity", () => {
  test.each(STREAMS)("is told so by %s, again at each try; on record once a minute (S3)", async (method) => {
    fixture.become({ kind: "none", reason: "no entry is for it" });
    for (let attempt = 0; attempt < 3; attempt++) expect(await caller.stream(method).next()).toEqual(NO_IDENTITY);
    expect(audited.map(({ code, details }) => [code, details])).toEqual([
      ["ERR_WORKLOAD_NOT_ENTITLED", { reason: "no entry is for it" }],
    ]);
    await clock.advance(60_000);
    expect(await caller.stream(method).next()).toEqual(NO_IDENTITY);
    expect(audited.map(({ details }) => details)).toEqual([
      { reason: "no entry is for it" },
      { reason: "no entry is for it", repeats: 2 },
    ]);
  });

  test.each(["FetchJWTSVID", "ValidateJWTSVID"])("is told so by %s", async (method) => {
    fixture.become({ kind: "none", reason: "no entry is for it" });
    const request = method === "FetchJWTSVID" ? { audience: ["a"] } : TOKENLESS;
    expect(await caller.unary(method, request)).toEqual(NO_IDENTITY);
    expect(audited).toHaveLength(1);
  });

  test.each(STREAMS)("whose identity goes away: %s ends, and nobody follows any more (S3)", async (method) => {
    const stream = caller.stream(method);
    await stream.next();
    fixture.become({ kind: "none", reason: "the entry was deleted" });
    expect(await stream.next()).toEqual(NO_IDENTITY);
    expect(fixture.followers.size).toBe(0);
  });

  test("yet, waits on its stream for the first one", async () => {
    const { kind: _, ...all } = granted();
    fixture.become({ kind: "pending", reason: "the first certificate is under way" });
    const stream = caller.stream<X509SVIDResponse>("FetchX509SVID");
    await untilFollowed();
    fixture.become({ kind: "granted", ...all });
    expect(((await stream.next()) as X509SVIDResponse).svids).toHaveLength(2);
  });
});

describe("the security header (Workload Endpoint §4)", () => {
  const REFUSED = { code: "INVALID_ARGUMENT", details: "security header missing from request" };
  const wrong = [
    ["missing", header()],
    ["empty", header("")],
    ["of another value", header("false")],
    ["in capitals", header("True")],
    ["there twice", header("true", "true")],
  ] as const;

  test.each(wrong)("%s: every method refuses, and once in a minute it is on record", async (_how, metadata) => {
    for (const method of STREAMS) expect(await caller.stream(method, {}, metadata).next()).toEqual(REFUSED);
    expect(await caller.unary("FetchJWTSVID", { audience: ["a"] }, metadata)).toEqual(REFUSED);
    expect(await caller.unary("ValidateJWTSVID", TOKENLESS, metadata)).toEqual(REFUSED);
    expect(invalidRequest()).toEqual({ reason: REFUSED.details });
  });
});

describe("methods that are not there", () => {
  const method = serviceDefinition(SpiffeWorkloadAPI).FetchX509SVID;
  if (!method) throw new Error("no definition");
  test.each([
    "/SpiffeWorkloadAPI/FetchWITSVID",
    "/SpiffeWorkloadAPI/FetchWITBundles",
    "/SpiffeWorkloadAPI/Nothing",
    "/spiffe.workload.SpiffeWorkloadAPI/FetchX509SVID",
  ])("%s is Unimplemented, and on record", async (path) => {
    const other = openCaller(join(directory, "workload.sock"), SpiffeWorkloadAPI, { Other: { ...method, path } });
    expect(await other.stream("Other", {}, GOOD).next()).toMatchObject({ code: "UNIMPLEMENTED" });
    expect(invalidRequest()).toEqual({ reason: "a method that is not here" });
    other.close();
  });
});

/** Details of the one line that is on record. */
function invalidRequest(): { readonly reason?: string } {
  const [line] = audited;
  expect(audited).toEqual([
    {
      kind: "identity.deliver",
      outcome: "refused",
      actor: `process ${process.pid} (uid ${process.getuid?.()})`,
      code: "ERR_WORKLOAD_REQUEST_INVALID",
      details: expect.any(Object),
    },
  ]);
  return line?.details ?? {};
}

/** A call has been seen and waits for a change. */
async function untilFollowed(): Promise<void> {
  while (fixture.followers.size === 0) await new Promise((resolve) => setImmediate(resolve));
}
