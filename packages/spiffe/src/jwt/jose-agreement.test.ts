/** `jose` as second opinion: over generated and damaged tokens it verifies what we verify, and we say no to what it refuses. */
import assert from "node:assert/strict";
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { compactVerify, importJWK, type JWK } from "jose";
import { JWS_ALGORITHMS } from "./algorithms.ts";
import { checkSignature } from "./jws.ts";
import { parseProviderKeySet } from "./provider-key-set.ts";

interface Key {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly algorithms: readonly string[];
}

const ec = (namedCurve: string, algorithm: string): Key => ({
  ...generateKeyPairSync("ec", { namedCurve }),
  algorithms: [algorithm],
});
const RSA_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];
const keys: readonly Key[] = [
  ec("P-256", "ES256"),
  ec("P-256", "ES256"),
  ec("P-384", "ES384"),
  ec("P-521", "ES512"),
  { ...generateKeyPairSync("rsa", { modulusLength: 2048 }), algorithms: RSA_ALGORITHMS },
  { ...generateKeyPairSync("ed25519"), algorithms: ["EdDSA"] },
];

const payloads = fc.oneof(
  fc.jsonValue({ depthSize: "small" }).map((value) => JSON.stringify(value)),
  fc.string(),
);
const headers = fc
  .record(
    {
      kid: fc.constantFrom("k", "k", "k", "", "other"),
      typ: fc.constantFrom("JWT", "at+jwt"),
      jwk: fc.constant({ kty: "oct", k: "AAAA" }),
      nonsense: fc.jsonValue({ depthSize: "small" }),
    },
    { requiredKeys: [] },
  )
  .chain((usual) => {
    const unusual = fc.constantFrom({ crit: ["b64"], b64: true }, { crit: ["exp"] }, { crit: [] }, { b64: false });
    return fc.oneof(
      { arbitrary: fc.constant(usual), weight: 6 },
      unusual.map((more) => ({ ...usual, ...more })),
    );
  });
/** What the header says, the key that signs, how it signs, and the key of the set. */
const cases = fc.record({
  header: headers,
  payload: payloads,
  signer: fc.constantFrom(...keys),
  /** Undefined: the signer's. */
  setKey: fc.oneof({ arbitrary: fc.constant(undefined), weight: 5 }, fc.constantFrom(...keys)),
  algorithm: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 4 },
    fc.constantFrom(...JWS_ALGORITHMS, "HS256", "none", "ES256K", "RS1"),
  ),
  encoding: fc.oneof(
    { arbitrary: fc.constant("raw" as const), weight: 6 },
    fc.constantFrom("der" as const, "hmac" as const, "none" as const),
  ),
  setAlg: fc.boolean(),
  choice: fc.nat(5),
});
const damages = fc.oneof(
  { arbitrary: fc.constant((token: string) => token), weight: 4 },
  fc.tuple(fc.nat(), fc.constantFrom(..."AZaz09-_.=+/ ")).map(([position, character]) => (token: string) => {
    const at = position % token.length;
    return token.slice(0, at) + character + token.slice(at + 1);
  }),
  fc.nat(40).map((count) => (token: string) => token.slice(0, token.length - count)),
  fc.constantFrom("=", ".", "A", "AA", " ").map((more) => (token: string) => token + more),
  fc.constant((token: string) => token.split(".").toReversed().join(".")),
);

describe("jose agrees", () => {
  test("on 3,000 tokens, as made and damaged", async () => {
    const counts = { both: 0, neither: 0, stricter: 0 };
    await fc.assert(
      fc.asyncProperty(cases, damages, async (made, damage) => {
        const token = damage(build(made));
        const ours = weVerify(token, made);
        const theirs = await joseVerifies(token, made);
        if (ours) assert.ok(theirs, "we accept what jose refuses");
        if (theirs && !ours) assert.ok(isStricter(token), "we refuse what jose accepts, for no reason that is known");
        counts[ours ? "both" : theirs ? "stricter" : "neither"]++;
      }),
      { seed: 11, numRuns: 3000 },
    );
    assert.ok(counts.both > 300 && counts.neither > 300, JSON.stringify(counts));
  });
});

type Made = typeof cases extends fc.Arbitrary<infer T> ? T : never;

function algorithmOf({ algorithm, signer, choice }: Made): string {
  return algorithm ?? signer.algorithms[choice % signer.algorithms.length] ?? "";
}

function build(made: Made): string {
  const { header, payload, signer, encoding } = made;
  const part = (text: string) => Buffer.from(text).toString("base64url");
  const input = `${part(JSON.stringify({ alg: algorithmOf(made), ...header }))}.${part(payload)}`;
  if (encoding === "none") return `${input}.`;
  if (encoding === "hmac") {
    const secret = signer.publicKey.export({ format: "pem", type: "spki" });
    return `${input}.${createHmac("sha256", secret).update(input).digest("base64url")}`;
  }
  return `${input}.${signBy(made, Buffer.from(input)).toString("base64url")}`;
}

/** With the hash and padding that the header's algorithm names, whether or not it is one of the key's. */
function signBy(made: Made, input: Buffer): Buffer {
  const { signer, encoding } = made;
  const name = algorithmOf(made);
  const hash = /(?:384|512)$/.exec(name)?.[0] ?? "256";
  switch (signer.privateKey.asymmetricKeyType) {
    case "ed25519":
      return sign(null, input, signer.privateKey);
    case "ec":
      return sign(`sha${hash}`, input, {
        key: signer.privateKey,
        dsaEncoding: encoding === "der" ? "der" : "ieee-p1363",
      });
    default: {
      const padding = name.startsWith("PS") ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING;
      const saltLength = encoding === "der" ? 20 : Number(hash) / 8;
      return sign(`sha${hash}`, input, { key: signer.privateKey, padding, saltLength });
    }
  }
}

function jwkOf({ setKey, signer, setAlg, choice }: Made): JWK {
  const { publicKey, algorithms } = setKey ?? signer;
  const alg = algorithms[choice % algorithms.length];
  return { ...publicKey.export({ format: "jwk" }), kid: "k", ...(setAlg && alg ? { alg } : {}) } as JWK;
}

function weVerify(token: string, made: Made): boolean {
  const set = parseProviderKeySet(JSON.stringify({ keys: [jwkOf(made)] }));
  assert.equal(set.kind, "ready");
  return set.kind === "ready" && checkSignature(token, set.keys) === "verified";
}

/** jose takes a key and no set here; which key a token may be verified with is said by Istio, not by jose. */
async function joseVerifies(token: string, made: Made): Promise<boolean> {
  try {
    const { alg, kid = "" } = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString());
    const jwk = jwkOf(made);
    if (kid !== "" && kid !== "k") return false;
    if (jwk.alg !== undefined && jwk.alg !== alg) return false;
    await compactVerify(token, await importJWK(jwk, alg), { algorithms: [...JWS_ALGORITHMS] });
    return true;
  } catch {
    return false;
  }
}

/** Base64url of another spelling (RFC 7515 §2), and `b64` without `crit` (RFC 7797 §6). */
function isStricter(token: string): boolean {
  const parts = token.split(".");
  if (parts.some((part) => Buffer.from(part, "base64url").toString("base64url") !== part)) return true;
  return "b64" in JSON.parse(Buffer.from(parts[0] ?? "", "base64url").toString());
}
