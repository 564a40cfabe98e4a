import { beforeEach, describe, expect, test } from "bun:test";
import { SpiffeId } from "@symbolon/spiffe/id";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createKeyPair, encodePem } from "@symbolon/spiffe/x509";
import {
  type CaFixture,
  changedCsr,
  createAndParse,
  createCaFixture,
  csrPem,
  failureOf,
  flipLastBits,
  memoryDirectory,
  RSA_1024_CSR,
  TRUST_DOMAIN,
  WEB_ID,
} from "../../../../test/fakes/ca-fixture.ts";
import type { CreateCertificateRequest } from "./index.ts";

let fixture: CaFixture;

beforeEach(async () => {
  fixture = await createCaFixture();
});

const create = (changes: Partial<CreateCertificateRequest> = {}) => createAndParse(fixture, changes);

describe("a request is refused", () => {
  const refusals: readonly [string, () => Partial<CreateCertificateRequest>, string, string | RegExp][] = [
    [
      "for another service account",
      () => ({ csrPem: csrPem({ spiffeId: SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/admin") }) }),
      "ERR_CSR_IDENTITY_MISMATCH",
      'CSR asks for URI "spiffe://cluster.local/ns/foo/sa/admin", caller is "spiffe://cluster.local/ns/foo/sa/web"',
    ],
    [
      "for another trust domain",
      () => ({ csrPem: csrPem({ spiffeId: SpiffeId.parse("spiffe://cluster.loca/ns/foo/sa/web") }) }),
      "ERR_CSR_IDENTITY_MISMATCH",
      'CSR asks for URI "spiffe://cluster.loca/ns/foo/sa/web", caller is "spiffe://cluster.local/ns/foo/sa/web"',
    ],
    [
      "for a DNS name besides its identity",
      () => ({ csrPem: csrPem({ dnsNames: ["web.foo.svc"] }) }),
      "ERR_CSR_IDENTITY_MISMATCH",
      'CSR asks for DNS name "web.foo.svc", caller is "spiffe://cluster.local/ns/foo/sa/web"',
    ],
    ["that is empty", () => ({ csrPem: "" }), "ERR_CSR_MALFORMED", "malformed CSR: no PEM block found"],
    [
      "that is a certificate",
      () => ({ csrPem: fixture.ca.rootsPem }),
      "ERR_CSR_MALFORMED",
      'malformed CSR: PEM block is "CERTIFICATE", wanted CERTIFICATE REQUEST',
    ],
    [
      "in two PEM blocks",
      () => ({ csrPem: csrPem() + csrPem() }),
      "ERR_CSR_MALFORMED",
      "malformed CSR: more than one PEM block",
    ],
    [
      "with bytes behind its end",
      () => ({ csrPem: changedCsr((der) => Buffer.concat([der, Buffer.of(0)])) }),
      "ERR_CSR_MALFORMED",
      /^malformed CSR: /,
    ],
    [
      "with a flipped bit in its signature",
      () => ({
        csrPem: changedCsr(flipLastBits),
      }),
      "ERR_CSR_SIGNATURE_INVALID",
      "CSR signature does not verify with the key in it",
    ],
    [
      "cut short",
      () => ({ csrPem: changedCsr((der) => der.subarray(0, -1)) }),
      "ERR_CSR_MALFORMED",
      /^malformed CSR: /,
    ],
    [
      "for a lifetime of a second above 90 days",
      () => ({ requestedLifetimeSeconds: 7_776_001n }),
      "ERR_CA_LIFETIME_TOO_LONG",
      "requested TTL 2160h0m1s is greater than the max allowed TTL 2160h0m0s",
    ],
    [
      "for the longest lifetime that an int64 holds",
      () => ({ requestedLifetimeSeconds: 2n ** 63n - 1n }),
      "ERR_CA_LIFETIME_TOO_LONG",
      "requested TTL 2562047788015215h30m7s is greater than the max allowed TTL 2160h0m0s",
    ],
    [
      "on behalf of another identity",
      () => ({ impersonatedIdentity: WEB_ID.toString() }),
      "ERR_CA_IMPERSONATION_REFUSED",
      "request impersonation authentication failure",
    ],
  ];
  for (const [what, changes, code, message] of refusals)
    test(`${what}: nothing is recorded, and the audit has its line`, async () => {
      const error = await failureOf(create(changes()));
      expect(error.code).toBe(code);
      if (typeof message === "string") expect(error.message).toBe(message);
      else expect(error.message).toMatch(message);
      expect(fixture.issuances.records).toEqual([]);
      expect(fixture.audit).toHaveLength(1);
      expect(fixture.audit[0]).toMatchObject({
        kind: "certificate.issue",
        outcome: "refused",
        actor: "system:serviceaccount:foo:web",
        subject: "spiffe://cluster.local/ns/foo/sa/web",
        authority: "service account token",
        code,
      });
    });

  test("with an RSA key of 1024 bits", async () => {
    const error = await failureOf(create({ csrPem: RSA_1024_CSR }));
    expect(error).toMatchObject({ code: "ERR_KEY_SIZE", message: "RSA key has 1024 bits, wanted 2048 to 8192" });
  });

  test("with the CA's own key", async () => {
    const root = createTestAuthority(TRUST_DOMAIN);
    const pem = encodePem("CERTIFICATE", root.certificate.der);
    fixture = await createCaFixture({
      pluggedIn: memoryDirectory({
        "ca-cert.pem": pem,
        "ca-key.pem": root.keyPair.privateKey.export({ type: "pkcs8", format: "pem" }),
        "cert-chain.pem": pem,
        "root-cert.pem": pem,
      }),
    });
    expect(await failureOf(create({ csrPem: csrPem({ keyPair: root.keyPair }) }))).toMatchObject({
      code: "ERR_CSR_KEY_REUSED",
      message: "the public key of the request is a certificate authority's",
    });
  });

  test("with a key that another identity has", async () => {
    const keyPair = createKeyPair();
    await create({ csrPem: csrPem({ keyPair }) });
    fixture.pods.set("api", { name: "api-1", namespace: "foo", serviceAccount: "api" });
    const token = fixture.token({ serviceAccount: "api", podName: "api-1", podUid: "api" });
    const spiffeId = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/api");
    const error = await failureOf(
      create({
        csrPem: csrPem({ keyPair, spiffeId }),
        credentials: { certificateChain: [], peerAddress: "p", token },
      }),
    );
    expect(error.code).toBe("ERR_CSR_KEY_REUSED");
  });
});
