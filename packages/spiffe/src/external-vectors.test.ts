/**
 * Public test suites as data, from a folder beside the checkout. Where it is missing no test is registered (a line says
 * so): what this package promises is tested without it, by the files beside the sources.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BundleSet, X509Bundle } from "./bundle/index.ts";
import { isSymbolonError } from "./core/index.ts";
import { SpiffeId, TrustDomain } from "./id/index.ts";
import { type JsonObject, JWS_ALGORITHMS, parseJwkSet, parseJwsCompact, verifyJws } from "./jwt/index.ts";
import { verifyX509Svid } from "./svid/index.ts";
import { buildPath, type Certificate, parseCertificate, parseCertificatesPem, parsePem } from "./x509/index.ts";

const FOLDER = fileURLToPath(new URL("../../../../shared/vectors/", import.meta.url));
const MAX_MS = 1000;

interface SpiffeIdCase {
  readonly id: string;
  /** Null = either. */
  readonly valid: boolean | null;
  readonly why: string;
  readonly trustDomain?: string;
  readonly path?: string;
}

interface ChainCase {
  readonly id: string;
  readonly peer_certificate: string;
  readonly untrusted_intermediates: readonly string[];
  readonly trusted_certs: readonly string[];
  readonly validation_time: string;
}
interface SvidChainCase extends ChainCase {
  readonly expect: "accept" | "reject" | "either";
  readonly trust_domain: string;
}
interface GeneralChainCase extends ChainCase {
  readonly expected_result: "SUCCESS" | "FAILURE";
}

interface JwsGroup {
  readonly comment: string;
  readonly public?: JsonObject;
  readonly tests: readonly {
    readonly tcId: number;
    readonly comment: string;
    readonly jws: unknown;
    readonly result: string;
  }[];
}

onVectors<{ readonly cases: readonly SpiffeIdCase[] }>("spiffe/spiffe-ids.json", ({ cases }) => {
  test("SpiffeId.parse agrees on 540 texts", () => {
    assert.equal(cases.length, 540);
    const wrong = cases.filter(({ id, valid, trustDomain, path }) => {
      const parsed = outcome(() => SpiffeId.parse(id));
      if (parsed === undefined) return valid === true;
      return (
        valid === false ||
        parsed.trustDomain.name !== (trustDomain ?? parsed.trustDomain.name) ||
        parsed.path !== (path ?? parsed.path)
      );
    });
    assert.deepEqual(wrong, []);
  });
});

onVectors<{ readonly cases: readonly SvidChainCase[] }>("x509-limbo/limbo-spiffe.json", ({ cases }) => {
  const verdicts = cases.map((vector) => {
    const started = performance.now();
    const peer = outcome(() => verifySvidCase(vector));
    return { id: vector.id, expect: vector.expect, accepted: peer !== undefined, ms: performance.now() - started };
  });
  const of = (expect: SvidChainCase["expect"]) => verdicts.filter((verdict) => verdict.expect === expect);

  test("verifyX509Svid accepts the 17 good chains", () => {
    assert.deepEqual([of("accept").length, of("accept").filter(({ accepted }) => !accepted)], [17, []]);
  });
  test("verifyX509Svid refuses the 65 bad chains", () => {
    assert.deepEqual([of("reject").length, of("reject").filter(({ accepted }) => accepted)], [65, []]);
  });
  test("verifyX509Svid has an answer within a second to all 160, also to the 78 with either answer", () => {
    assert.deepEqual([verdicts.length, of("either").length, verdicts.filter(({ ms }) => ms > MAX_MS)], [160, 78, []]);
  });
});

/** Where these say FAILURE and we build a path, the fault is a server's name, a CRL or a profile, which `buildPath` leaves to its callers. */
onVectors<{ readonly testcases: readonly GeneralChainCase[] }>("x509-limbo/limbo-gen-193.json", ({ testcases }) => {
  const built = testcases.map((vector) => ({ ...vector, path: outcome(() => buildPathOf(vector)) }));

  test("buildPath finds a path wherever there is one, but for a clock with fractions of a second", () => {
    const missing = built.filter(({ expected_result, path }) => expected_result === "SUCCESS" && !path);
    assert.deepEqual([built.length, missing.map(({ id }) => id)], [193, ["rfc5280::validity::notafter-fractional"]]);
  });
  test("buildPath refuses every fault of signatures, times, constraints and critical extensions", () => {
    const groups =
      /^(pathlen::ee|rfc5280::nc::(excluded|invalid|permitted-.*mismatch)|rfc5280::validity|rfc5280::pathlen|pathological|cve)/;
    const accepted = built.filter(
      ({ id, expected_result, path }) => groups.test(id) && expected_result === "FAILURE" && path,
    );
    assert.deepEqual(
      accepted.map(({ id }) => id),
      [],
    );
    assert.ok(built.filter(({ id, expected_result }) => groups.test(id) && expected_result === "FAILURE").length > 20);
  });
});

/** A PS384 token is "valid" there with a key whose `alg` says PS256, which RFC 7517 §4.4 rules out. */
const OTHER_ALGORITHM_THAN_KEY = [346, 350];

/** Signatures alone: most payloads there are no JSON. Symmetric keys are refused, and so is the "ES521" of two others. */
onVectors<{ readonly testGroups: readonly JwsGroup[] }>("wycheproof/json_web_signature_test.json", ({ testGroups }) => {
  for (const [index, group] of testGroups.entries()) {
    const usable = group.public !== undefined && group.public.alg !== "ES521";
    test(`verifyJws agrees on group ${index}, ${group.comment}${usable ? "" : ", whose key is refused"}`, () => {
      const wrong = group.tests.filter(({ tcId, jws, result }) => {
        const wanted = usable && result === "valid" && !OTHER_ALGORITHM_THAN_KEY.includes(tcId);
        return signatureVerifies(jws, group.public) !== wanted;
      });
      assert.deepEqual(wrong, []);
    });
  }
});

function verifySvidCase(vector: SvidChainCase) {
  const domain = TrustDomain.parse(vector.trust_domain);
  const bundles = BundleSet.of(X509Bundle.fromCertificates(domain, vector.trusted_certs.flatMap(parseCertificatesPem)));
  const presented = [vector.peer_certificate, ...vector.untrusted_intermediates].flatMap((pem) => parsePem(pem));
  return verifyX509Svid(
    presented.map(({ der }) => der),
    bundles,
    { now: new Date(vector.validation_time) },
  );
}

function buildPathOf(vector: GeneralChainCase): readonly Certificate[] {
  const [leaf] = parsePem(vector.peer_certificate);
  assert.ok(leaf);
  const candidates = vector.untrusted_intermediates.flatMap(parseCertificatesPem);
  const anchors = vector.trusted_certs.flatMap(parseCertificatesPem);
  return buildPath(parseCertificate(leaf.der), candidates, anchors, new Date(vector.validation_time ?? "2024-01-01"));
}

function signatureVerifies(jws: unknown, key: JsonObject | undefined): boolean {
  if (typeof jws !== "string" || outcome(() => parseJwsCompact(jws)) === undefined) return false;
  try {
    verifyJws(jws, parseJwkSet({ keys: key ? [key] : [] }), { algorithms: JWS_ALGORITHMS });
    return true;
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    // The header was read before, so that this is the payload, which is read after the signature was found good.
    return error.message.startsWith("malformed JSON");
  }
}

/** Undefined when refused with a code; any other exception fails the test. */
function outcome<T>(attempt: () => T): T | undefined {
  try {
    return attempt();
  } catch (error) {
    if (isSymbolonError(error)) return undefined;
    throw error;
  }
}

function onVectors<T>(path: string, register: (content: T) => void): void {
  if (existsSync(FOLDER + path)) describe(path, () => register(JSON.parse(readFileSync(FOLDER + path, "utf8"))));
  else console.log(`no tests with ${path}: ${FOLDER} does not have it`);
}
