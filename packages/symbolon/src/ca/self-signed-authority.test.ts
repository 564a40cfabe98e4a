import { describe, expect, test } from "bun:test";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { parseCertificatesPem, verifySignature } from "@symbolon/spiffe/x509";
import { createAndParse, createCaFixture, failureOf } from "../../../../test/fakes/ca-fixture.ts";

const AUTHORITY_FILE = "self-signed-ca.pem";
const KEY_LABEL = "-----BEGIN PRIVATE KEY-----";
const DAY_MS = 24 * 3600 * 1000;

describe("the self-signed root", () => {
  test("is made at the first start: P-256, O = trust domain, 10 years, CA, SPIFFE ID of the trust domain", async () => {
    const { ca, stateDirectory } = await createCaFixture();
    const [root] = parseCertificatesPem(ca.rootsPem);
    if (!root) throw new Error("no root");
    expect(ca.kind).toBe("self-signed");
    expect(root.subject.text).toBe("O=cluster.local");
    expect(root.issuer.text).toBe("O=cluster.local");
    expect(root.notBefore).toEqual(new Date("2025-12-31T23:00:00Z"));
    expect(root.notAfter).toEqual(new Date("2035-12-30T00:00:00Z"));
    expect(root.extensions.basicConstraints).toEqual({ critical: true, ca: true });
    expect([...(root.extensions.keyUsage?.usages ?? [])].sort()).toEqual(["cRLSign", "keyCertSign"]);
    expect(root.extensions.subjectAltName?.uris).toEqual(["spiffe://cluster.local"]);
    expect(root.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
    expect(verifySignature(root.publicKey, root.signatureAlgorithm, root.tbsDer, root.signature)).toBe(true);
    expect(stateDirectory.files.get("root-cert.pem")?.toString()).toBe(ca.rootsPem);
  });

  test("is the same at the second start, and what was issued before verifies against it", async () => {
    const first = await createCaFixture();
    const { leaf } = await createAndParse(first);
    const { stateDirectory, issuances } = first;
    const authorityFile = stateDirectory.files.get(AUTHORITY_FILE)?.toString();
    const second = await createCaFixture({ stateDirectory, issuances });
    expect(second.ca.rootsPem).toBe(first.ca.rootsPem);
    expect(stateDirectory.files.get(AUTHORITY_FILE)?.toString()).toBe(authorityFile);
    const later = await createAndParse(second);
    for (const certificate of [leaf, later.leaf])
      verifyX509Svid([certificate.der], BundleSet.of(second.ca.bundle), { now: second.clock.now() });
  });

  test("has its copy for people written anew at each start, whatever became of the old one", async () => {
    const { stateDirectory, issuances, ca } = await createCaFixture();
    stateDirectory.files.set("root-cert.pem", Buffer.from("somebody edited this"));
    await createCaFixture({ stateDirectory, issuances });
    expect(stateDirectory.files.get("root-cert.pem")?.toString()).toBe(ca.rootsPem);
  });

  test("differs from mesh to mesh, in key and in serial number", async () => {
    const roots = await Promise.all([createCaFixture(), createCaFixture()]);
    const [one, other] = roots.map(({ ca }) => parseCertificatesPem(ca.rootsPem)[0]);
    expect(one?.serialNumberHex).not.toBe(other?.serialNumberHex);
    expect(one?.spki).not.toEqual(other?.spki);
  });

  test("is never made a second time: without the file, but with certificates that were issued, the CA does not start", async () => {
    const first = await createCaFixture();
    await createAndParse(first);
    first.stateDirectory.files.delete(AUTHORITY_FILE);
    const { issuances, stateDirectory } = first;
    expect(await failureOf(createCaFixture({ issuances, stateDirectory }))).toMatchObject({
      code: "ERR_CA_FILES_INVALID",
      message:
        '"/ca/self-signed-ca.pem" is missing, but 1 certificates were issued with it; restore it from a backup (a new root would cut off every workload)',
    });
    expect(stateDirectory.files.has(AUTHORITY_FILE)).toBe(false);
  });
});

describe("a damaged authority file stops the start with its path and the reason", () => {
  const other = async () => (await createCaFixture()).stateDirectory.files.get(AUTHORITY_FILE)?.toString() ?? "";
  const keyOf = (text: string) => text.slice(text.indexOf(KEY_LABEL));
  const certificateOf = (text: string) => text.slice(0, text.indexOf(KEY_LABEL));
  const damaged = (reason: string) =>
    `"/ca/self-signed-ca.pem" is damaged: ${reason}; restore it from a backup (a new root would cut off every workload)`;

  const cases: readonly [string, (text: string) => string | Promise<string>, string | RegExp][] = [
    ["empty", () => "", damaged("it holds no private key")],
    ["without its key", certificateOf, damaged("it holds no private key")],
    ["without its certificate", keyOf, /is damaged: .*no PEM block/],
    ["with two certificates", (text) => certificateOf(text) + text, damaged("it holds 2 certificates, wanted 1")],
    [
      "with the key of another root",
      async (text) => certificateOf(text) + keyOf(await other()),
      '"/ca/self-signed-ca.pem" is not the key of "/ca/self-signed-ca.pem"; put both files of one pair there',
    ],
    [
      "with a key that is no key",
      (text) => `${certificateOf(text)}${KEY_LABEL}\nAAAA\n-----END PRIVATE KEY-----\n`,
      /is damaged: /,
    ],
    ["cut in the middle of its key", (text) => text.slice(0, -60), /is damaged: /],
  ];
  for (const [what, change, message] of cases)
    test(what, async () => {
      const { stateDirectory } = await createCaFixture();
      const text = stateDirectory.files.get(AUTHORITY_FILE)?.toString() ?? "";
      const content = Buffer.from(await change(text));
      stateDirectory.files.set(AUTHORITY_FILE, content);
      const error = await failureOf(createCaFixture({ stateDirectory }));
      expect(error.code).toBe("ERR_CA_FILES_INVALID");
      if (typeof message === "string") expect(error.message).toBe(message);
      else expect(error.message).toMatch(message);
      expect(stateDirectory.files.get(AUTHORITY_FILE)).toEqual(content);
    });

  test("any one character of the certificate changed", async () => {
    const { stateDirectory } = await createCaFixture();
    const text = stateDirectory.files.get(AUTHORITY_FILE)?.toString() ?? "";
    const end = certificateOf(text).indexOf("-----END");
    const start = text.indexOf("\n") + 1;
    for (let at = start; at < end; at += 7) {
      if (text[at] === "\n") continue;
      const changed = text.slice(0, at) + (text[at] === "A" ? "B" : "A") + text.slice(at + 1);
      stateDirectory.files.set(AUTHORITY_FILE, Buffer.from(changed));
      expect((await failureOf(createCaFixture({ stateDirectory }))).code).toBe("ERR_CA_FILES_INVALID");
    }
  });

  test("cut at any byte", async () => {
    const { stateDirectory } = await createCaFixture();
    const text = stateDirectory.files.get(AUTHORITY_FILE)?.toString() ?? "";
    for (let length = 0; length < text.trimEnd().length; length += 11) {
      stateDirectory.files.set(AUTHORITY_FILE, Buffer.from(text.slice(0, length)));
      expect((await failureOf(createCaFixture({ stateDirectory }))).code).toBe("ERR_CA_FILES_INVALID");
    }
  });

  test("the message never shows the key", async () => {
    const { stateDirectory } = await createCaFixture();
    const text = stateDirectory.files.get(AUTHORITY_FILE)?.toString() ?? "";
    const key = keyOf(text).split("\n")[1] ?? "";
    stateDirectory.files.set(AUTHORITY_FILE, Buffer.from(text.slice(0, -60)));
    const error = await failureOf(createCaFixture({ stateDirectory }));
    expect(key.length).toBeGreaterThan(40);
    expect(Bun.inspect(error, { depth: 10 })).not.toContain(key.slice(0, 30));
  });
});

describe("the root's own time", () => {
  test("that is over stops the start", async () => {
    const { stateDirectory } = await createCaFixture();
    const clock = createFakeClock(new Date(Date.parse("2035-12-30T00:00:00Z") + DAY_MS));
    expect(await failureOf(createCaFixture({ stateDirectory, clock }))).toMatchObject({
      code: "ERR_CA_FILES_INVALID",
      message: '"/ca/self-signed-ca.pem" expired at 2035-12-30T00:00:00Z; replace it by a renewed one',
    });
  });

  test("that has not begun stops the start, and points at the clock", async () => {
    const { stateDirectory } = await createCaFixture();
    const clock = createFakeClock(new Date("2025-12-31T22:59:59Z"));
    expect(await failureOf(createCaFixture({ stateDirectory, clock }))).toMatchObject({
      code: "ERR_CA_FILES_INVALID",
      message: `"/ca/self-signed-ca.pem" is not valid before 2025-12-31T23:00:00Z; check this machine's clock`,
    });
  });
});
