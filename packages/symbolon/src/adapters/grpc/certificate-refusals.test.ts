import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { encodeBase64Url } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { type JsonObject, signJws } from "@symbolon/spiffe/jwt";
import { createKeyPair, encodePem } from "@symbolon/spiffe/x509";
import {
  changedCsr,
  csrPem,
  flipLastBits,
  RSA_1024_CSR,
  WEB_ID,
  WEB_POD,
} from "../../../../../test/fakes/ca-fixture.ts";
import {
  bearer,
  type CaServerFixture,
  callAsForeigner,
  createCaServerFixture,
  type ForeignCall,
} from "../../../../../test/fakes/ca-server-fixture.ts";

const INVALID_ARGUMENT = 3;
const UNAUTHENTICATED = 16;

let fixture: CaServerFixture;

beforeAll(async () => {
  fixture = await createCaServerFixture();
});
afterAll(() => fixture.close());
beforeEach(() => {
  fixture.audit.length = 0;
  fixture.issuances.records.length = 0;
});

/** The pod "web" as a good caller, with one thing changed. */
const asWeb = (call: ForeignCall): ForeignCall => ({
  csr: csrPem(),
  authorization: bearer(fixture.token()),
  ...call,
});

describe("an authenticated caller hears what is wrong with its request", () => {
  const cases: readonly [string, () => ForeignCall, string, string, number?][] = [
    ["an empty CSR", () => ({ csr: "" }), "ERR_CSR_MALFORMED", "malformed CSR: no PEM block found"],
    [
      "a CSR of random bytes",
      () => ({ csr: encodePem("CERTIFICATE REQUEST", Buffer.from("not DER")) }),
      "ERR_CSR_MALFORMED",
      "malformed CSR: ",
    ],
    [
      "a flipped bit in the CSR's signature",
      () => ({ csr: changedCsr(flipLastBits) }),
      "ERR_CSR_SIGNATURE_INVALID",
      "CSR signature does not verify with the key in it",
    ],
    [
      "an RSA key of 1024 bits",
      () => ({ csr: RSA_1024_CSR }),
      "ERR_KEY_SIZE",
      "RSA key has 1024 bits, wanted 2048 to 8192",
    ],
    [
      "another pod's CSR",
      () => ({ csr: csrPem({ spiffeId: SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/api") }) }),
      "ERR_CSR_IDENTITY_MISMATCH",
      `CSR asks for URI "spiffe://cluster.local/ns/foo/sa/api", caller is "${WEB_ID}"`,
    ],
    [
      "a lifetime of a second above 90 days",
      () => ({ validityDuration: 7_776_001n }),
      "ERR_CA_LIFETIME_TOO_LONG",
      "requested TTL 2160h0m1s is greater than the max allowed TTL 2160h0m0s",
    ],
  ];
  for (const [what, call, auditCode, message] of cases)
    test(`${what}: InvalidArgument, one audit line, nothing recorded`, async () => {
      const answer = await callAsForeigner(fixture, asWeb(call()));
      if (answer.kind !== "status") throw new Error("expected a refusal");
      expect(answer.code).toBe(INVALID_ARGUMENT);
      expect(answer.details).toStartWith(`CSR signing error (${message}`);
      expect(answer.details).toEndWith(")");
      expect(fixture.audit).toMatchObject([
        {
          outcome: "refused",
          actor: "system:serviceaccount:foo:web",
          subject: WEB_ID.toString(),
          code: auditCode,
          details: { peer: expect.stringMatching(/^127\.0\.0\.1:/) },
        },
      ]);
      expect(fixture.issuances.records).toEqual([]);
    });

  test("impersonation: Unauthenticated with Istio's text", async () => {
    const answer = await callAsForeigner(fixture, asWeb({ impersonatedIdentity: WEB_ID.toString() }));
    expect(answer).toMatchObject({
      code: UNAUTHENTICATED,
      details: "request impersonation authentication failure",
    });
    expect(fixture.audit).toMatchObject([{ outcome: "refused", code: "ERR_CA_IMPERSONATION_REFUSED" }]);
  });
});

describe("a stranger hears one constant text, and the audit says why", () => {
  const keyOfSomebodyElse = createKeyPair("ec-p256");
  const cases: readonly [string, () => readonly string[] | Promise<readonly string[]>, string][] = [
    ["no credential", () => [], "absent"],
    ["another scheme than Bearer", () => [`Basic ${fixture.token().expose()}`], "absent"],
    ["an empty token", () => bearer(""), "absent"],
    ["garbage", () => bearer("a.b"), "ERR_JWT_MALFORMED"],
    [
      "a token that expired more than 60 s ago",
      async () => {
        const token = fixture.token({ lifetimeSeconds: 1 });
        await fixture.clock.advance(62_000);
        return bearer(token);
      },
      "ERR_JWT_EXPIRED",
    ],
    [
      "a token that is not yet valid",
      () => bearer(fixture.forgedToken({ nbf: secondsFromNow(120), iat: secondsFromNow(120) })),
      "ERR_JWT_NOT_YET_VALID",
    ],
    [
      "a token for another audience",
      () => bearer(fixture.token({ audiences: ["https://kubernetes.default.svc"] })),
      'ERR_TOKEN_REFUSED: token is not for "istio-ca" alone',
    ],
    [
      "a token for another audience besides",
      () => bearer(fixture.token({ audiences: ["istio-ca", "vault"] })),
      'ERR_TOKEN_REFUSED: token is not for "istio-ca" alone',
    ],
    [
      "a token without audience",
      () => bearer(fixture.token({ audiences: [] })),
      'ERR_JWT_CLAIM_INVALID: claim "aud" is missing',
    ],
    ["a token of another issuer", () => bearer(fixture.forgedToken({ iss: "https://other.test" })), "ERR_JWT_ISSUER"],
    [
      "a token of a pod that is gone",
      () => bearer(fixture.token({ podUid: "gone" })),
      'ERR_TOKEN_REFUSED: pod "web-1" with uid "gone" does not exist',
    ],
    [
      "a token whose pod now runs as another account",
      () => {
        fixture.pods.set("moved", { ...WEB_POD, serviceAccount: "api" });
        return bearer(fixture.token({ podUid: "moved" }));
      },
      'ERR_TOKEN_REFUSED: pod "moved" is not foo/web-1 running as "web"',
    ],
    [
      "a token that names another pod than its uid's",
      () => bearer(fixture.token({ podName: "web-2" })),
      `ERR_TOKEN_REFUSED: pod "${WEB_POD.uid}" is not foo/web-2 running as "web"`,
    ],
    [
      "a token of an unknown key",
      () => bearer(signJws(claims(), { privateKey: keyOfSomebodyElse.privateKey, algorithm: "ES256", kid: "x" })),
      "ERR_JWT_KEY_NOT_FOUND",
    ],
    [
      "a token of an unknown key under the known key's name",
      () => bearer(signedBy(keyOfSomebodyElse.privateKey, knownKid())),
      "ERR_JWT_SIGNATURE_INVALID",
    ],
    [
      "a key name that is a path",
      () => bearer(signedBy(keyOfSomebodyElse.privateKey, "../../x")),
      "ERR_JWT_KEY_NOT_FOUND",
    ],
    ["algorithm none", () => bearer(`${unsigned("none")}.`), "ERR_JWT_ALGORITHM_NOT_ALLOWED"],
    [
      "HS256 with the public key as the secret",
      () => {
        const text = unsigned("HS256");
        const [jwk] = fixture.tokens.jwks.keys;
        const mac = createHmac("sha256", JSON.stringify(jwk)).update(text).digest();
        return bearer(`${text}.${encodeBase64Url(mac)}`);
      },
      "ERR_JWT_ALGORITHM_NOT_ALLOWED",
    ],
    [
      "a token whose subject was changed after signing",
      () => {
        const [header, , signature] = fixture.token().expose().split(".");
        const payload = encoded({ ...claims(), sub: "system:serviceaccount:foo:admin" });
        return bearer(`${header}.${payload}.${signature}`);
      },
      "ERR_JWT_SIGNATURE_INVALID",
    ],
  ];
  for (const [what, authorization, reason] of cases)
    test(`${what}: Unauthenticated`, async () => {
      const answer = await callAsForeigner(fixture, asWeb({ authorization: await authorization() }));
      expect(answer).toMatchObject({ code: UNAUTHENTICATED, details: "request authenticate failure" });
      expect(fixture.audit).toMatchObject([
        { outcome: "refused", actor: "unauthenticated", code: "ERR_CA_AUTHENTICATION_FAILED" },
      ]);
      expect(String(fixture.audit[0]?.details?.reasons)).toContain(`service account token: ${reason}`);
      expect(fixture.issuances.records).toEqual([]);
    });

  test("the nearest good token of each of these is accepted", async () => {
    for (const token of [fixture.token(), fixture.forgedToken({}), fixture.forgedToken({ nbf: secondsFromNow(50) })])
      expect((await callAsForeigner(fixture, asWeb({ authorization: bearer(token) }))).kind).toBe("answer");
    const expired = fixture.token({ lifetimeSeconds: 1 });
    await fixture.clock.advance(59_000);
    expect((await callAsForeigner(fixture, asWeb({ authorization: bearer(expired) }))).kind).toBe("answer");
  });

  test("no line says anything of the token itself", async () => {
    const token = fixture.token({ podUid: "gone" }).expose();
    await callAsForeigner(fixture, asWeb({ authorization: bearer(token) }));
    const [header = "", payload = "", signature = ""] = token.split(".");
    const line = JSON.stringify(fixture.audit);
    for (const part of [header, payload, signature]) expect(line).not.toContain(part);
  });
});

const secondsFromNow = (seconds: number) => Math.floor(fixture.clock.now().getTime() / 1000) + seconds;

/** What a good token says. */
function claims(): JsonObject {
  const [, payload = ""] = fixture.token().expose().split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as JsonObject;
}

const knownKid = () => fixture.tokens.jwks.keys[0]?.kid ?? "";
const signedBy = (privateKey: ReturnType<typeof createKeyPair>["privateKey"], kid: string) =>
  signJws(claims(), { privateKey, algorithm: "ES256", kid });
const encoded = (value: JsonObject) => encodeBase64Url(Buffer.from(JSON.stringify(value)));
const unsigned = (alg: string) => `${encoded({ alg, typ: "JWT", kid: knownKid() })}.${encoded(claims())}`;
