import { beforeEach, describe, expect, test } from "bun:test";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createCertificateSigningRequest, createKeyPair } from "@symbolon/spiffe/x509";
import {
  type CaFixture,
  createAndParse,
  createCaFixture,
  csrPem,
  failureOf,
  TRUST_DOMAIN,
  WEB_ID,
} from "../../../../test/fakes/ca-fixture.ts";
import { testEntry } from "../../../../test/fakes/registration-entries.ts";

const DAY_MS = 24 * 3600 * 1000;
const DB = testEntry({ id: "1", name: "db", spiffeId: "spiffe://cluster.local/db" });

let fixture: CaFixture;

beforeEach(async () => {
  fixture = await createCaFixture();
});

const renewWith = (certificateChain: readonly Uint8Array[], spiffeId = WEB_ID) =>
  createAndParse(fixture, { csrPem: csrPem({ spiffeId }), credentials: { certificateChain, peerAddress: "p" } });

const reasonsOf = async (work: Promise<unknown>): Promise<unknown> => {
  const { code, details } = await failureOf(work);
  expect(code).toBe("ERR_CA_AUTHENTICATION_FAILED");
  return details.reasons;
};

describe("a certificate renews", () => {
  test("itself while it is valid, with the identity that it has", async () => {
    const { certificateChain } = await createAndParse(fixture);
    await fixture.clock.advance(DAY_MS - 1000);
    const { leaf } = await renewWith(certificateChain);
    expect(leaf.extensions.subjectAltName?.uris).toEqual([WEB_ID.toString()]);
    expect(fixture.issuances.records.at(-1)).toMatchObject({
      caller: WEB_ID.toString(),
      authenticator: "client certificate",
    });
  });

  test("not once it has expired", async () => {
    const { certificateChain } = await createAndParse(fixture);
    await fixture.clock.advance(DAY_MS + 1000);
    expect(await reasonsOf(renewWith(certificateChain))).toMatch(/^client certificate: ERR_SVID_UNTRUSTED: /);
  });

  test("not when another authority has signed it", async () => {
    const { leaf } = createTestAuthority(TRUST_DOMAIN).issue("/ns/foo/sa/web");
    expect(await reasonsOf(renewWith([leaf.der]))).toMatch(/^client certificate: ERR_SVID_UNTRUSTED: /);
  });

  test("not when it is of another trust domain", async () => {
    const { leaf } = createTestAuthority("partner.test").issue("/ns/foo/sa/web");
    expect(await reasonsOf(renewWith([leaf.der]))).toMatch(/^client certificate: ERR_BUNDLE_NOT_FOUND: /);
  });

  test("never when a registration entry gave it: neither while there is the entry nor afterwards", async () => {
    fixture.entries.set(DB.id, { ...DB, x509LifetimeSeconds: 60 });
    const csr = createCertificateSigningRequest({ keyPair: createKeyPair(), spiffeId: DB.spiffeId });
    const { certificateChain } = await fixture.ca.createEntrySvid({ entryId: DB.id, csr: csr.der });
    const refused =
      'client certificate: ERR_CA_RENEWAL_REFUSED: "spiffe://cluster.local/db" is a registration entry\'s, whose agent renews it; service account token: absent';
    expect(await reasonsOf(renewWith(certificateChain, DB.spiffeId))).toBe(refused);
    fixture.entries.delete(DB.id);
    expect(await reasonsOf(renewWith(certificateChain, DB.spiffeId))).toBe(refused);
    expect(fixture.issuances.records).toHaveLength(1);
  });
});
