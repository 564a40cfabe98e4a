/** Answers of an agent that is wrong, or hostile: each check of C3 and of Workload API §5.2 and §6.2, with its nearest miss. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { concatBytes } from "../core/index.ts";
import { TrustDomain } from "../id/index.ts";
import { signJwtSvid } from "../svid/index.ts";
import { createTestAuthority } from "../testing/index.ts";
import { certificatesToDer, createKeyPair } from "../x509/index.ts";
import { readJwtBundles } from "./read-jwt-bundles.ts";
import { readJwtSvids } from "./read-jwt-svids.ts";
import { readX509Bundles, readX509Context } from "./read-x509-context.ts";
import { encodeField, encodeMap, encodeRepeated } from "./wire.ts";

const root = createTestAuthority("example.org");
const partner = createTestAuthority("partner.test");
const web = root.issue("/web");
const der = {
  key: web.privateKey.export({ format: "der", type: "pkcs8" }),
  chain: certificatesToDer(web.chain),
  bundle: certificatesToDer(root.bundle.x509Authorities),
};

type X509Fields = Partial<Record<"id" | "hint", string> & Record<"chain" | "key" | "bundle", Uint8Array>>;

const identity = ({
  id = "spiffe://example.org/web",
  chain = der.chain,
  key = der.key,
  bundle = der.bundle,
  hint = "",
}: X509Fields = {}) =>
  concatBytes(
    encodeField(1, id),
    encodeField(2, chain),
    encodeField(3, key),
    encodeField(4, bundle),
    encodeField(5, hint),
  );
const x509Answer = (...identities: readonly Uint8Array[]) => encodeRepeated(1, identities);

function invalid(read: () => unknown, text: string | RegExp, cause?: string): void {
  assert.throws(read, (error: Error & { code: string; cause?: { code: string } }) => {
    assert.equal(error.code, "ERR_WORKLOAD_API_RESPONSE_INVALID");
    if (typeof text === "string") assert.ok(error.message.endsWith(text), error.message);
    else assert.match(error.message, text);
    assert.equal(error.cause?.code, cause);
    return true;
  });
}

describe("an X.509 answer is dropped as a whole", () => {
  const empty = new Uint8Array();
  for (const [what, fields, text] of [
    ["without a SPIFFE ID", { id: "" }, "spiffe_id missing"],
    ["without certificates", { chain: empty }, "x509_svid missing"],
    ["without a key", { key: empty }, "x509_svid_key missing"],
    ["without a bundle", { bundle: empty }, "bundle missing"],
    [
      "without anything",
      { id: "", chain: empty, key: empty, bundle: empty },
      "spiffe_id, x509_svid, x509_svid_key, bundle missing",
    ],
    [
      "under the name of another identity",
      { id: "spiffe://example.org/admin" },
      'certificate of "spiffe://example.org/web" under the name "spiffe://example.org/admin"',
    ],
    [
      "under the same path of another trust domain",
      { id: "spiffe://partner.test/web" },
      'certificate of "spiffe://example.org/web" under the name "spiffe://partner.test/web"',
    ],
  ] as const satisfies readonly (readonly [string, X509Fields, string])[])
    test(what, () => invalid(() => readX509Context(x509Answer(identity(), identity(fields))), text));

  test("with the key of another certificate", () => {
    const key = root.issue("/web").privateKey.export({ format: "der", type: "pkcs8" });
    invalid(
      () => readX509Context(x509Answer(identity({ key }))),
      /does not match private key/,
      "ERR_SVID_KEY_MISMATCH",
    );
  });

  test("with something else for a key, of which nothing is told", () => {
    const key = new TextEncoder().encode("hunter2");
    invalid(
      () => readX509Context(x509Answer(identity({ key }))),
      "private key cannot be read as PKCS #8",
      "ERR_KEY_MALFORMED",
    );
  });

  test("with a leaf in its bundle", () =>
    invalid(
      () => readX509Context(x509Answer(identity({ bundle: der.chain }))),
      /is not a certificate authority/,
      "ERR_BUNDLE_AUTHORITY_NOT_CA",
    ));

  test("with no identity", () => invalid(() => readX509Context(new Uint8Array()), "no identity in it"));
});

describe("an X.509 answer", () => {
  test("has the authorities of its own trust domain from its identity, whatever stands among the federated ones", () => {
    const theirs = certificatesToDer(partner.bundle.x509Authorities);
    const federated = encodeMap(3, [
      ["spiffe://example.org", theirs],
      ["spiffe://partner.test", theirs],
    ]);
    const { bundles } = readX509Context(concatBytes(x509Answer(identity()), federated));
    assert.equal(bundles.require(root.trustDomain).equals(root.bundle), true);
    assert.equal(bundles.require(partner.trustDomain).equals(partner.bundle), true);
  });

  test("has the default identity's authorities where two identities of one trust domain differ in them", () => {
    const other = createTestAuthority("example.org");
    const second = identity({ bundle: certificatesToDer(other.bundle.x509Authorities) });
    const { bundles } = readX509Context(x509Answer(identity(), second));
    assert.equal(bundles.require(root.trustDomain).equals(root.bundle), true);
  });

  test("keeps no private key in its bytes, read or refused", () => {
    for (const fields of [{}, { id: "spiffe://example.org/admin" }]) {
      const message = x509Answer(identity(fields));
      const at = Buffer.from(message).indexOf(der.key);
      assert.ok(at > 0);
      try {
        readX509Context(message);
      } catch {}
      assert.deepEqual(message.subarray(at, at + der.key.length), new Uint8Array(der.key.length));
    }
  });

  test("of bundles alone has at least one", () => {
    invalid(() => readX509Bundles(new Uint8Array()), "no bundle in it");
    const answer = encodeMap(2, [["spiffe://partner.test", certificatesToDer(partner.bundle.x509Authorities)]]);
    assert.equal(readX509Bundles(answer).require(TrustDomain.parse("partner.test")).equals(partner.bundle), true);
  });
});

describe("a JWT answer", () => {
  const { privateKey } = createKeyPair();
  const issuedAt = new Date("2026-01-01T00:00:00Z");
  const token = signJwtSvid(
    { spiffeId: web.spiffeId, audiences: ["a", "b"], issuedAt, expiresAt: new Date("2026-01-01T00:05:00Z") },
    { keyId: "k", privateKey },
  ).token.expose();
  const answer = (id = "spiffe://example.org/web", text = token) =>
    encodeRepeated(1, [concatBytes(encodeField(1, id), encodeField(2, text))]);

  test("has tokens for all audiences that were asked for", () => {
    const [read] = readJwtSvids(answer(), ["b", "a"]);
    assert.equal(read?.svid.spiffeId.toString(), "spiffe://example.org/web");
    invalid(() => readJwtSvids(answer(), ["a", "c"]), 'token without the audience "c"');
  });

  test("has no token of another identity than the one beside it", () => {
    invalid(
      () => readJwtSvids(answer("spiffe://example.org/admin"), ["a"]),
      'token of "spiffe://example.org/web" under the name "spiffe://example.org/admin"',
    );
  });

  test("has an identity and a token, at least one of both", () => {
    invalid(() => readJwtSvids(answer("", token), ["a"]), "spiffe_id missing");
    invalid(() => readJwtSvids(answer(undefined, ""), ["a"]), "svid missing");
    invalid(() => readJwtSvids(new Uint8Array(), ["a"]), "no token in it");
  });

  test("has at least one bundle of keys, in UTF-8", () => {
    invalid(() => readJwtBundles(new Uint8Array()), "no bundle in it");
    const broken = encodeMap(1, [["spiffe://example.org", Uint8Array.of(0xff)]]);
    invalid(() => readJwtBundles(broken), 'bundle of "spiffe://example.org" is not UTF-8');
  });
});
