import { beforeEach, describe, expect, test } from "bun:test";
import { BundleSet } from "@symbolon/spiffe/bundle";
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
} from "@symbolon/spiffe/x509";
import {
  type CaFixture,
  createAndParse,
  createCaFixture,
  csrPem,
  failureOf,
  memoryDirectory,
  TRUST_DOMAIN,
  WEB_ID,
} from "../../../../test/fakes/ca-fixture.ts";
import type { CreateCertificateRequest } from "./index.ts";

let fixture: CaFixture;

beforeEach(async () => {
  fixture = await createCaFixture();
});

const create = (changes: Partial<CreateCertificateRequest> = {}) => createAndParse(fixture, changes);

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
    for (const serial of serials) expect(serial).toMatch(/^016e4000[0-9a-f]{32}$/);
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
