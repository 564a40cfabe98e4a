import { beforeEach, describe, expect, test } from "bun:test";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { SpiffeId } from "@symbolon/spiffe/id";
import { spiffeIdOf, verifyX509Svid } from "@symbolon/spiffe/svid";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import {
  type Certificate,
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  createKeyPair,
  encodePem,
  OID,
  parseCertificatesPem,
  parseSinglePem,
} from "@symbolon/spiffe/x509";
import {
  type CaFixture,
  createCaFixture,
  csrPem,
  failureOf,
  memoryDirectory,
  TRUST_DOMAIN,
  WEB_ID,
  WEB_POD,
} from "../../../../test/fakes/ca-fixture.ts";
import { productError } from "../core/index.ts";
import type { CreateCertificateRequest } from "./index.ts";

let fixture: CaFixture;

beforeEach(async () => {
  fixture = await createCaFixture();
});

async function create(changes: Partial<CreateCertificateRequest> = {}) {
  const created = await fixture.ca.createCertificate(fixture.request(changes));
  const chain = created.certificateChainPem.map((pem) => one(parseCertificatesPem(pem)));
  return { ...created, chain, leaf: one(chain.slice(0, 1)) };
}

function one(certificates: readonly Certificate[]): Certificate {
  const [certificate] = certificates;
  if (!certificate || certificates.length !== 1) throw new Error(`${certificates.length} certificates`);
  return certificate;
}

describe("a certificate", () => {
  test("is for the identity that the token proves, and verifies against the answer's roots", async () => {
    const { leaf, rootsPem } = await create();
    expect(spiffeIdOf(leaf).toString()).toBe("spiffe://cluster.local/ns/foo/sa/web");
    const verified = verifyX509Svid([leaf.der], BundleSet.of(fixture.ca.bundle), { now: fixture.clock.now() });
    expect(verified.spiffeId.equals(WEB_ID)).toBe(true);
    expect(rootsPem).toBe(fixture.ca.rootsPem);
  });

  test("has exactly the extensions of an SVID, an empty subject, and nothing that the request wished for", async () => {
    const { leaf } = await create({ csrPem: csrPem({ subject: [{ oid: OID.commonName, value: "admin" }] }) });
    expect(leaf.subject.isEmpty).toBe(true);
    const { raw, basicConstraints, keyUsage, extKeyUsage, subjectAltName } = leaf.extensions;
    expect(raw.map(({ oid }) => oid).sort()).toEqual(
      [
        OID.keyUsage,
        OID.extKeyUsage,
        OID.basicConstraints,
        OID.subjectKeyIdentifier,
        OID.authorityKeyIdentifier,
        OID.subjectAltName,
      ].sort(),
    );
    expect(basicConstraints).toEqual({ critical: true, ca: false });
    expect(keyUsage?.critical).toBe(true);
    expect([...(keyUsage?.usages ?? [])]).toEqual(["digitalSignature"]);
    expect(extKeyUsage?.purposes).toEqual([OID.serverAuth, OID.clientAuth]);
    expect(subjectAltName).toMatchObject({ critical: true, uris: [WEB_ID.toString()], dnsNames: [], ipAddresses: [] });
  });

  test("begins 60 s ago, lives 24 h, to the second", async () => {
    const { leaf } = await create();
    expect(leaf.notBefore).toEqual(new Date("2025-12-31T23:59:00Z"));
    expect(leaf.notAfter).toEqual(new Date("2026-01-02T00:00:00Z"));
  });

  test("lives as long as asked for, up to 90 days", async () => {
    expect((await create({ requestedLifetimeSeconds: 20n })).leaf.notAfter).toEqual(new Date("2026-01-01T00:00:20Z"));
    const longest = await create({ requestedLifetimeSeconds: 7_776_000n });
    expect(longest.leaf.notAfter).toEqual(new Date("2026-04-01T00:00:00Z"));
  });

  test("has a serial number of its own with 128 random bits", async () => {
    const serials = new Set<string>();
    for (let n = 0; n < 50; n++) serials.add((await create()).serialNumber);
    expect(serials.size).toBe(50);
    for (const serial of serials) expect(serial).toMatch(/^01[0-9a-f]{32}$/);
  });

  test("may be asked for again with the same key and the same token", async () => {
    const csr = csrPem();
    const first = await create({ csrPem: csr });
    const second = await create({ csrPem: csr });
    expect(second.serialNumber).not.toBe(first.serialNumber);
  });

  for (const kind of ["ec-p256", "ec-p384", "rsa-2048", "ed25519"] as const)
    test(`is given for a key of kind ${kind}`, async () => {
      const keyPair = createKeyPair(kind);
      const { leaf } = await create({ csrPem: csrPem({ keyPair }) });
      expect(Buffer.from(leaf.spki).equals(Buffer.from(keyPair.spki))).toBe(true);
    });

  test("is given for a request without names", async () => {
    const bare = certificateSigningRequestToPem(createCertificateSigningRequest({ keyPair: createKeyPair() }));
    expect(spiffeIdOf((await create({ csrPem: bare })).leaf).equals(WEB_ID)).toBe(true);
  });
});

describe("the answer's order", () => {
  test("of a self-signed authority is the leaf, then the root", async () => {
    const { certificateChainPem, rootsPem } = await create();
    expect(certificateChainPem).toHaveLength(1);
    expect(parseCertificatesPem(rootsPem)).toHaveLength(1);
  });

  test("of a plug-in CA is the leaf, every intermediate on its own, all roots in one", async () => {
    const root = createTestAuthority(TRUST_DOMAIN);
    const otherRoot = createTestAuthority(TRUST_DOMAIN, { commonName: "other root" });
    const upper = root.intermediate();
    const lower = upper.intermediate();
    const pem = (...authorities: readonly { certificate: Certificate }[]) =>
      authorities.map(({ certificate }) => encodePem("CERTIFICATE", certificate.der)).join("");
    fixture = await createCaFixture({
      pluggedIn: memoryDirectory({
        "ca-cert.pem": pem(lower),
        "ca-key.pem": lower.keyPair.privateKey.export({ type: "sec1", format: "pem" }),
        "cert-chain.pem": pem(lower, upper, root),
        "root-cert.pem": pem(root, otherRoot),
      }),
    });
    const { chain, certificateChainPem, rootsPem, leaf } = await create();
    expect(chain.map(({ issuer }) => issuer.text)).toEqual([
      "O=cluster.local intermediate 2",
      "O=cluster.local intermediate 1",
      "O=cluster.local root",
    ]);
    for (const element of certificateChainPem) expect(element).toEndWith("-----END CERTIFICATE-----\n");
    expect(rootsPem).toBe(pem(root, otherRoot));
    const verified = verifyX509Svid(
      chain.map(({ der }) => der),
      BundleSet.of(fixture.ca.bundle),
      { now: fixture.clock.now() },
    );
    expect(verified.leaf.serialNumber).toBe(leaf.serialNumber);
  });

  test("never outlives the issuer", async () => {
    const root = createTestAuthority(TRUST_DOMAIN);
    const short = root.intermediate({ notAfter: new Date("2026-01-01T06:00:00Z") });
    fixture = await createCaFixture({
      pluggedIn: memoryDirectory({
        "ca-cert.pem": encodePem("CERTIFICATE", short.certificate.der),
        "ca-key.pem": short.keyPair.privateKey.export({ type: "pkcs8", format: "pem" }),
        "cert-chain.pem": encodePem("CERTIFICATE", short.certificate.der),
        "root-cert.pem": encodePem("CERTIFICATE", root.certificate.der),
      }),
    });
    expect((await create()).leaf.notAfter).toEqual(new Date("2026-01-01T06:00:00Z"));
    await fixture.clock.advance(6 * 3600_000 + 1000);
    expect(
      await failureOf(create({ credentials: { certificateChain: [], peerAddress: "p", token: fixture.token() } })),
    ).toMatchObject({
      code: "ERR_CA_EXPIRED",
      message: "signing certificate has expired at 2026-01-01T06:00:00.000Z",
    });
  });
});

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
      () => ({ csrPem: changed((der) => Buffer.concat([der, Buffer.of(0)])) }),
      "ERR_CSR_MALFORMED",
      /^malformed CSR: /,
    ],
    [
      "with a flipped bit in its signature",
      () => ({
        csrPem: changed((der) => {
          const at = der.length - 3;
          der[at] = (der[at] ?? 0) ^ 1;
          return der;
        }),
      }),
      "ERR_CSR_SIGNATURE_INVALID",
      "CSR signature does not verify with the key in it",
    ],
    ["cut short", () => ({ csrPem: changed((der) => der.subarray(0, -1)) }), "ERR_CSR_MALFORMED", /^malformed CSR: /],
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

describe("what happens in which order", () => {
  test("the record is there and the audit says started before anything is signed; success comes after", async () => {
    const { serialNumber, leaf } = await create();
    expect(fixture.issuances.records).toHaveLength(1);
    expect(fixture.issuances.records[0]).toMatchObject({
      serialNumber,
      kind: "workload",
      spiffeId: WEB_ID.toString(),
      caller: "system:serviceaccount:foo:web",
      authenticator: "service account token",
      notAfter: leaf.notAfter,
      recordedAt: fixture.clock.now(),
    });
    expect(Buffer.from(fixture.issuances.records[0]?.tbs ?? []).equals(Buffer.from(leaf.tbsDer))).toBe(true);
    expect([...fixture.issuances.signed].at(-1)).toBe(serialNumber);
    expect(fixture.audit.map(({ outcome }) => outcome)).toEqual(["started", "success"]);
    expect(fixture.audit[1]).toEqual({
      kind: "certificate.issue",
      outcome: "success",
      actor: "system:serviceaccount:foo:web",
      subject: WEB_ID.toString(),
      authority: "service account token",
      details: {
        pod: "foo/web-1",
        podUid: WEB_POD.uid,
        peer: "10.244.0.5:40000",
        serialNumber,
        notAfter: "2026-01-02T00:00:00.000Z",
      },
    });
  });

  test("a record that cannot be stored ends the issuance", async () => {
    fixture.issuances.failure = productError("ERR_ISSUANCE_LOG_FULL", "the issuance log cannot grow: no space left");
    const before = fixture.issuances.signed.size;
    expect((await failureOf(create())).code).toBe("ERR_ISSUANCE_LOG_FULL");
    expect(fixture.issuances.signed.size).toBe(before);
  });

  test("an audit line that cannot be written ends the issuance", async () => {
    let broken = false;
    fixture = await createCaFixture({
      audit: {
        write: async () => {
          if (broken) throw productError("ERR_AUDIT_UNWRITABLE", "no space");
        },
      },
    });
    broken = true;
    const before = fixture.issuances.signed.size;
    expect((await failureOf(create())).code).toBe("ERR_AUDIT_UNWRITABLE");
    expect(fixture.issuances.signed.size).toBe(before);
  });

  test("a stranger is refused before the request is looked at", async () => {
    const error = await failureOf(
      create({ csrPem: "garbage", credentials: { certificateChain: [], peerAddress: "10.244.0.9:1" } }),
    );
    expect(error).toMatchObject({ code: "ERR_CA_AUTHENTICATION_FAILED", message: "request authenticate failure" });
    expect(fixture.audit).toEqual([
      {
        kind: "certificate.issue",
        outcome: "refused",
        actor: "unauthenticated",
        code: "ERR_CA_AUTHENTICATION_FAILED",
        details: {
          message: "request authenticate failure",
          peer: "10.244.0.9:1",
          reasons: "client certificate: absent; service account token: absent",
        },
      },
    ]);
  });

  test("a clock that goes back more than 5 minutes stops the CA, 5 minutes do not", async () => {
    await create();
    fixture.clock.stepWallClock(-300_000);
    await create({ credentials: { certificateChain: [], peerAddress: "p", token: fixture.token() } });
    fixture.clock.stepWallClock(-1000);
    expect(
      await failureOf(create({ credentials: { certificateChain: [], peerAddress: "p", token: fixture.token() } })),
    ).toMatchObject({
      code: "ERR_CA_CLOCK_BACKWARDS",
      message:
        "clock says 2025-12-31T23:54:59.000Z, but the newest certificate was recorded at 2026-01-01T00:00:00.000Z",
    });
  });

  test("counts under Istio's names", async () => {
    await create();
    await failureOf(create({ csrPem: "x" }));
    await failureOf(create({ csrPem: csrPem({ dnsNames: ["a"] }) }));
    await failureOf(create({ credentials: { certificateChain: [], peerAddress: "p" } }));
    await failureOf(create({ requestedLifetimeSeconds: 2n ** 40n }));
    expect(fixture.ca.counters()).toEqual({
      citadel_server_csr_count: 5,
      citadel_server_authentication_failure_count: 1,
      citadel_server_csr_parsing_err_count: 1,
      citadel_server_id_extraction_err_count: 1,
      citadel_server_csr_sign_err_count: 1,
      citadel_server_success_cert_issuance_count: 1,
      citadel_server_root_cert_expiry_timestamp: Date.parse("2035-12-30T00:00:00Z") / 1000,
      citadel_server_root_cert_expiry_seconds: 3650 * 86400,
      citadel_server_cert_chain_expiry_timestamp: Date.parse("2035-12-30T00:00:00Z") / 1000,
      citadel_server_cert_chain_expiry_seconds: 3650 * 86400,
    });
  });
});

function changed(change: (der: Buffer) => Uint8Array): string {
  return encodePem("CERTIFICATE REQUEST", change(Buffer.from(parseSinglePem(csrPem(), "CERTIFICATE REQUEST"))));
}

/** Made with OpenSSL: our own builder refuses such a key. */
const RSA_1024_CSR = `-----BEGIN CERTIFICATE REQUEST-----
MIIBPzCBqQIBADAAMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDZSPcAgpuw
2EzRTVb+3pDUU1/90aMNO0cwz+dZp4qLrINWG8aTTYzSeTvuKc8LwjX8/JV+PUlF
LkEnRkKTati7c42PzxAwOI3q1SG/o4uz/ra7Uy2w+cc+Q9kdeiKQJOMLznjR4f+/
ZP3AuNQtCIOxi/Vlbjco74iasZ8P952YzwIDAQABoAAwDQYJKoZIhvcNAQELBQAD
gYEAs0J13vQsbDLvPj+T8G7GiZaqDxkut73xFOEo5OCscvf1YcIdgb7EZIvF3Z0z
fWoGz02h/mXYNaM+pnnG5hbgcga8u18bnBRiqWiWzjItyIDRa5DZd8GzcGREB4R6
F/THVEkS+MkOIZpww+4rEU4dkTnCp35QmnkfPZAuKw202LQ=
-----END CERTIFICATE REQUEST-----
`;
