import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { encodeBase64, isSymbolonError } from "../core/index.ts";
import { TrustDomain } from "../id/index.ts";
import { jwkFromPublicKey } from "../jwt/index.ts";
import { createTestAuthority } from "../testing/index.ts";
import { JwtBundle } from "./jwt-bundle.ts";
import { JwtBundleSet } from "./jwt-bundle-set.ts";
import { SpiffeBundle } from "./spiffe-bundle.ts";

const domain = TrustDomain.parse("example.org");
const root = createTestAuthority("example.org");
const other = createTestAuthority("example.org", { keyKind: "rsa-2048" });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });

const x509Entry = (authority = root): Readonly<Record<string, unknown>> & { readonly x5c: readonly string[] } => {
  const { use: _use, kid: _kid, alg: _alg, ...members } = jwkFromPublicKey(authority.certificate.publicKey);
  return { ...members, use: "x509-svid", x5c: [encodeBase64(authority.certificate.der)] };
};
const jwtEntry = (publicKey = ec.publicKey, kid = "one"): Readonly<Record<string, unknown>> => {
  const { alg: _alg, ...members } = jwkFromPublicKey(publicKey, { kid });
  return { ...members, use: "jwt-svid" };
};
const parse = (document: unknown) =>
  SpiffeBundle.parse(domain, typeof document === "string" ? document : JSON.stringify(document));
const counts = ({ x509Authorities, jwtAuthorities }: SpiffeBundle) => [
  x509Authorities.length,
  jwtAuthorities.keys.length,
];

function refused(document: unknown, message: RegExp): void {
  assert.throws(
    () => parse(document),
    (error) => {
      assert.ok(isSymbolonError(error), String(error));
      assert.equal(error.code, "ERR_BUNDLE_DOCUMENT_INVALID");
      assert.match(error.message, message);
      return true;
    },
  );
}

describe("SpiffeBundle.parse reads (Trust Domain and Bundle §4)", () => {
  test("past entries of a type that is not known, whatever is in them (§4.2.1)", () => {
    for (const use of ["x509-svid", "jwt-svid"])
      assert.deepEqual(counts(parse({ keys: [{ kty: "future", use, x5c: ["?"] }, x509Entry(), jwtEntry()] })), [1, 1]);
  });

  test("both kinds of authorities, the sequence number and the hint", () => {
    const bundle = parse({
      keys: [x509Entry(), x509Entry(other), jwtEntry(), jwtEntry(rsa.publicKey, "two")],
      spiffe_sequence: 9007199254740991,
      spiffe_refresh_hint: 60,
      somebody_elses: true,
    });
    assert.deepEqual(counts(bundle), [2, 2]);
    assert.deepEqual([bundle.sequence, bundle.refreshHintSeconds], [9007199254740991, 60]);
    assert.ok(bundle.x509Bundle.has(root.certificate));
    assert.deepEqual(
      bundle.jwtAuthorities.keys.map(({ kid }) => kid),
      ["one", "two"],
    );
  });
  test("no keys at all: nobody is trusted any more", () => assert.deepEqual(counts(parse({ keys: [] })), [0, 0]));
  test("entries of another use, of none and of an unknown kty by leaving them out", () => {
    const unknown = [
      { ...jwtEntry(), use: undefined },
      { ...jwtEntry(), use: "JWT-SVID" },
      { ...jwtEntry(), use: "sig" },
      { ...jwtEntry(), use: "wit-svid" },
      { kty: "AKP", use: "jwt-svid", kid: "pq", pub: "AAAA" },
      { ...jwtEntry(), crv: "secp256k1" },
    ];
    assert.deepEqual(counts(parse({ keys: unknown })), [0, 0]);
  });
  test("an X.509 entry without certificate by leaving it out, and of several the first", () => {
    const [first] = x509Entry().x5c;
    assert.deepEqual(
      counts(
        parse({
          keys: [
            { ...x509Entry(), x5c: undefined },
            { ...x509Entry(), x5c: [] },
          ],
        }),
      ),
      [0, 0],
    );
    const several = parse({ keys: [{ ...x509Entry(), x5c: [first, "no base64"] }] });
    assert.ok(several.x509Bundle.has(root.certificate));
  });
  test("bytes as well as text", () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ keys: [x509Entry()] }));
    assert.deepEqual(counts(SpiffeBundle.parse(domain, bytes)), [1, 0]);
  });
});

describe("SpiffeBundle.parse refuses the whole document", () => {
  test("that is no JSON object with an array of keys", () => {
    refused("", /malformed JSON/);
    refused("[]", /not an object/);
    refused({}, /"keys" is missing/);
    refused({ keys: {} }, /"keys" is not an array/);
    refused({ keys: [null] }, /key 0 is not an object/);
    assert.throws(() => SpiffeBundle.parse(domain, Uint8Array.of(0xff)), /not UTF-8/);
  });
  test("in which a name occurs twice", () => {
    refused('{"keys":[],"keys":[]}', /duplicate key "keys"/);
    refused(JSON.stringify({ keys: [jwtEntry()] }).replace('"kid"', '"kid":"x","kid"'), /duplicate key "kid"/);
  });
  test("in which two JWT keys have one name", () => {
    refused({ keys: [jwtEntry(), jwtEntry(rsa.publicKey, "one")] }, /more than one key has the "kid" "one"/);
  });
  test("with a JWT key without a name", () => {
    refused({ keys: [{ ...jwtEntry(), kid: undefined }] }, /key 0 is for JWT-SVIDs and has no "kid"/);
    refused({ keys: [{ ...jwtEntry(), kid: "" }] }, /has no "kid"/);
    refused({ keys: [{ ...jwtEntry(), kid: 1 }] }, /"kid" of key 0 is not a string/);
  });
  test("with a private or symmetric key, whatever its use", () => {
    const secret = ec.privateKey.export({ format: "jwk" });
    for (const use of ["jwt-svid", "x509-svid", "enc", undefined])
      refused({ keys: [x509Entry(), { ...secret, kid: "k", use }] }, /key 1 is a private or symmetric key/);
    refused({ keys: [{ kty: "oct", k: "AAAA", use: "jwt-svid", kid: "k" }] }, /private or symmetric/);
  });
  test("with a certificate that is damaged, no CA's, or not that of its entry", () => {
    const leaf = root.issueCertificate().certificate;
    const { use: _use, kid: _kid, alg: _alg, ...leafKey } = jwkFromPublicKey(leaf.publicKey);
    refused({ keys: [{ ...x509Entry(), x5c: ["!"] }] }, /"x5c" of key 0 is not base64/);
    refused({ keys: [{ ...x509Entry(), x5c: "AAAA" }] }, /"x5c" of key 0 is not an array/);
    refused({ keys: [{ ...x509Entry(), x5c: ["AAAA"] }] }, /certificate of key 0/);
    refused({ keys: [{ ...leafKey, use: "x509-svid", x5c: [encodeBase64(leaf.der)] }] }, /not a certificate authority/);
    refused({ keys: [{ ...x509Entry(), x: x509Entry().y }] }, /"x" of key 0 is not that of its certificate/);
    refused({ keys: [{ ...x509Entry(), x5c: x509Entry(other).x5c }] }, /"kty" of key 0/);
  });
  test("with a JWT key that is malformed or weak", () => {
    refused({ keys: [{ ...jwtEntry(), x: jwtEntry().y }] }, /key 0 is not a point/);
    const weak = generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey.export({ format: "jwk" });
    refused({ keys: [{ ...weak, use: "jwt-svid", kid: "k" }] }, /key 0 has 1024 bits/);
  });
  test("with a sequence number or hint that is no whole number, or that a double cannot hold", () => {
    for (const value of [-1, 1.5, "1", null, 9007199254740992, 1e300]) {
      refused({ keys: [], spiffe_sequence: value }, /"spiffe_sequence" is not a whole number/);
      refused({ keys: [], spiffe_refresh_hint: value }, /"spiffe_refresh_hint" is not a whole number/);
    }
  });
  test("of more than 1 MiB, before it is read", () => {
    const padded = (bytes: number) => `{"keys":[]${" ".repeat(bytes - '{"keys":[]}'.length)}}`;
    assert.deepEqual(counts(parse(padded(1024 * 1024))), [0, 0]);
    refused(padded(1024 * 1024 + 1), /more than 1048576/);
    refused({ keys: Array.from({ length: 257 }, () => ({ kty: "x" })) }, /more than 256 keys/);
  });
});

describe("what is written", () => {
  const bundle = parse({ keys: [x509Entry(), jwtEntry(), jwtEntry(rsa.publicKey, "two")], spiffe_sequence: 7 });
  test("as document says the same when it is read back", () => {
    const again = SpiffeBundle.parse(domain, bundle.json);
    assert.ok(again.equals(bundle));
    assert.deepEqual(JSON.parse(bundle.json), {
      keys: [x509Entry(), jwtEntry(), jwtEntry(rsa.publicKey, "two")],
      spiffe_sequence: 7,
    });
    assert.ok(!again.equals(parse({ keys: [x509Entry(), jwtEntry()], spiffe_sequence: 7 })));
    assert.ok(!SpiffeBundle.parse(TrustDomain.parse("other.org"), bundle.json).equals(bundle));
  });
  test("for the Workload API is a JWK Set without use and spiffe_* and without certificates (S7)", () => {
    const { keys, ...rest } = JSON.parse(bundle.jwtBundle.json);
    assert.deepEqual(rest, {});
    assert.deepEqual(
      keys,
      [
        { ...jwtEntry(), use: undefined },
        { ...jwtEntry(rsa.publicKey, "two"), use: undefined },
      ].map((key) => JSON.parse(JSON.stringify(key))),
    );
  });
});

describe("JwtBundle.fromJwkSet", () => {
  const read = (keys: readonly unknown[]) => JwtBundle.fromJwkSet(domain, JSON.stringify({ keys }));
  test("takes keys without use and with jwt-svid, and no others (S7)", () => {
    const kids = read([
      { ...jwtEntry(ec.publicKey, "a"), use: undefined },
      jwtEntry(ec.publicKey, "b"),
      { ...jwtEntry(ec.publicKey, "c"), use: "sig" },
      { ...jwtEntry(ec.publicKey, "d"), use: "x509-svid" },
    ]).jwtAuthorities.keys.map(({ kid }) => kid);
    assert.deepEqual(kids, ["a", "b"]);
  });
  test("is equal for equal keys, however they were written", () => {
    assert.ok(read([jwtEntry()]).equals(read([{ use: undefined, ...jwtEntry() }])));
    assert.ok(!read([jwtEntry()]).equals(read([jwtEntry(ec.publicKey, "two")])));
  });
  test("refuses keys without name or with the same, private keys and other text", () => {
    for (const keys of [
      [{ ...jwtEntry(), kid: undefined }],
      [jwtEntry(), jwtEntry(rsa.publicKey)],
      [{ kty: "oct", k: "AAAA", use: "enc" }],
      [1],
    ])
      assert.throws(() => read(keys), { code: "ERR_JWT_KEY_SET_INVALID" });
    assert.throws(() => JwtBundle.fromJwkSet(domain, "{}"), { code: "ERR_JWT_KEY_SET_INVALID" });
  });
});

test("JwtBundleSet has one bundle a domain, and says which one is missing", () => {
  const first = JwtBundle.fromJwkSet(domain, '{"keys":[]}');
  const set = JwtBundleSet.of(first);
  assert.equal(set.require(domain), first);
  const elsewhere = TrustDomain.parse("other.org");
  assert.throws(() => set.require(elsewhere), { message: 'no JWT bundle found for trust domain: "other.org"' });
  const both = set.with(JwtBundle.fromJwkSet(elsewhere, '{"keys":[]}'));
  assert.equal(both.bundles.length, 2);
  assert.ok(both.without(elsewhere).equals(set));
});
