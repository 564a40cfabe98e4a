import { beforeEach, describe, expect, test } from "bun:test";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { SpiffeId } from "@symbolon/spiffe/id";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { createCertificateSigningRequest, createKeyPair, parseCertificatesPem } from "@symbolon/spiffe/x509";
import { type CaFixture, createCaFixture, failureOf } from "../../../../test/fakes/ca-fixture.ts";
import { testEntry } from "../../../../test/fakes/registration-entries.ts";

const DB = testEntry({ id: "1", name: "db", spiffeId: "spiffe://cluster.local/db" });

let fixture: CaFixture;

beforeEach(async () => {
  fixture = await createCaFixture();
  fixture.entries.set(DB.id, DB);
});

function request(spiffeId = "spiffe://cluster.local/db", dnsNames: readonly string[] = []) {
  const keyPair = createKeyPair("ec-p256");
  return createCertificateSigningRequest({ keyPair, spiffeId: SpiffeId.parse(spiffeId), dnsNames });
}

async function create(entryId = DB.id, csr = request()) {
  const { certificateChainPem } = await fixture.ca.createEntrySvid({ entryId, csr: csr.der });
  const [leaf] = parseCertificatesPem(certificateChainPem.join("\n"));
  if (!leaf) throw new Error("no certificate");
  return leaf;
}

describe("a certificate for a registration entry", () => {
  test("has the entry's identity, DNS names and life, and verifies", async () => {
    fixture.entries.set(DB.id, { ...DB, dnsNames: ["db.example.org"], x509LifetimeSeconds: 120 });
    const leaf = await create();
    const now = fixture.clock.now();
    const { spiffeId } = verifyX509Svid([leaf.der], BundleSet.of(fixture.ca.bundle), { now });
    expect(spiffeId.toString()).toBe("spiffe://cluster.local/db");
    expect(leaf.extensions.subjectAltName?.dnsNames).toEqual(["db.example.org"]);
    expect(leaf.notAfter.getTime() - Math.floor(now.getTime() / 1000) * 1000).toBe(120_000);
  });

  test("has the mesh's life when the entry names none", async () => {
    const leaf = await create();
    expect(leaf.notAfter.getTime() - leaf.notBefore.getTime()).toBe((24 * 3600 + 60) * 1000);
  });

  test("is recorded and audited in the entry's name before it exists", async () => {
    await create();
    expect(fixture.issuances.records).toMatchObject([{ caller: "entry db", authenticator: "registration entry" }]);
    expect(fixture.audit.map(({ kind, outcome, actor, subject }) => ({ kind, outcome, actor, subject }))).toEqual([
      { kind: "certificate.issue", outcome: "started", actor: "entry db", subject: "spiffe://cluster.local/db" },
      { kind: "certificate.issue", outcome: "success", actor: "entry db", subject: "spiffe://cluster.local/db" },
    ]);
    expect(fixture.audit[0]?.details).toMatchObject({ entryId: "1" });
  });

  test("is refused once the entry is gone, and that is audited", async () => {
    fixture.entries.delete(DB.id);
    expect(await failureOf(create())).toMatchObject({ code: "ERR_OBJECT_NOT_FOUND" });
    expect(fixture.audit).toMatchObject([
      { outcome: "refused", actor: "unauthenticated", code: "ERR_OBJECT_NOT_FOUND" },
    ]);
    expect(fixture.issuances.records).toEqual([]);
  });

  test("is refused when the request asks for anything but the entry's identity", async () => {
    const foreign = request("spiffe://cluster.local/admin");
    expect(await failureOf(create(DB.id, foreign))).toMatchObject({ code: "ERR_CSR_IDENTITY_MISMATCH" });
    expect(fixture.audit).toMatchObject([{ outcome: "refused", actor: "entry db" }]);
    expect(fixture.issuances.records).toEqual([]);
  });

  test("is refused when the request's signature does not prove its key", async () => {
    const { der } = request();
    const broken = Uint8Array.from(der);
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    const refused = fixture.ca.createEntrySvid({ entryId: DB.id, csr: broken });
    expect(await failureOf(refused)).toMatchObject({ code: expect.stringMatching(/^ERR_CSR_/) });
  });

  test("is refused when the request is no CSR", async () => {
    const refused = fixture.ca.createEntrySvid({ entryId: DB.id, csr: new Uint8Array([1, 2, 3]) });
    expect(await failureOf(refused)).toMatchObject({ code: "ERR_CSR_MALFORMED" });
  });
});
