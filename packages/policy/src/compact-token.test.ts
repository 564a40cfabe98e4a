import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseCompactToken } from "./compact-token.ts";

const part = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const token = (header: unknown, payload: unknown = {}, signature = "AAAA") =>
  `${part(header)}.${part(payload)}.${signature}`;
const rs = { alg: "RS256" };
const withClaims = (payload: unknown) => token(rs, payload);

describe("parseCompactToken", () => {
  test("reads header and claims, and keeps the payload as it was written", () => {
    const text = token({ alg: "ES256", kid: "k", typ: "JWT" }, '{ "iss": "a", "sub":"b","aud":["x"],"exp":1.5}');
    const read = parseCompactToken(text);
    assert.ok(typeof read !== "string");
    assert.deepEqual(
      { ...read, claims: { ...read.claims } },
      {
        text,
        algorithm: "ES256",
        kid: "k",
        hasCriticalHeader: false,
        payloadPart: text.split(".")[1],
        claims: { iss: "a", sub: "b", aud: ["x"], exp: 1.5 },
      },
    );
  });
  test("takes each asymmetric algorithm", () => {
    for (const family of ["RS", "PS", "ES"]) {
      for (const size of [256, 384, 512])
        assert.equal(typeof parseCompactToken(token({ alg: family + size })), "object");
    }
    assert.equal(typeof parseCompactToken(token({ alg: "EdDSA" })), "object");
  });
  test("marks critical headers, which nobody understands", () => {
    const isCritical = (header: object) => {
      const read = parseCompactToken(token({ ...rs, ...header }));
      return typeof read !== "string" && read.hasCriticalHeader;
    };
    for (const header of [{ crit: ["exp"] }, { crit: [] }, { crit: null }, { b64: false }, { b64: "true" }]) {
      assert.equal(isCritical(header), true, JSON.stringify(header));
    }
    assert.equal(isCritical({ b64: true }), false);
  });
});

describe("parseCompactToken refuses, as Istio's proxy does", () => {
  const [h = "", p = ""] = token(rs).split(".");
  const table: readonly (readonly [why: string, text: string, failure: string])[] = [
    ["nothing", "", "bad_format"],
    ["two parts", `${h}.${p}`, "bad_format"],
    ["four parts", `${h}.${p}.AAAA.`, "bad_format"],
    ["the five parts of a JWE", `${h}.${p}.AAAA.AAAA.AAAA`, "bad_format"],
    ["an empty header", `.${p}.AAAA`, "bad_format"],
    ["an empty payload", `${h}..AAAA`, "bad_format"],
    ["an empty signature", `${h}.${p}.`, "bad_format"],
    ["a header with padding", `${h}=.${p}.AAAA`, "header_not_base64url"],
    ["a header in the other alphabet", `+${h}.${p}.AAAA`, "header_not_base64url"],
    ["a header of another spelling", `e31.${p}.AAAA`, "header_not_base64url"],
    ["a header that is no JSON", `${part("{")}.${p}.AAAA`, "header_not_json"],
    ["a header that is a list", token([]), "header_not_json"],
    ["a header with a name twice", token('{"alg":"RS256","alg":"RS256"}'), "header_not_json"],
    ["a header that is not UTF-8", `_w.${p}.AAAA`, "header_not_json"],
    ["no alg", token({}), "algorithm_missing"],
    ["an alg that is no string", token({ alg: 1 }), "algorithm_missing"],
    ["alg none", token({ alg: "none" }), "algorithm_not_supported"],
    ["alg None", token({ alg: "None" }), "algorithm_not_supported"],
    ["a symmetric alg", token({ alg: "HS256" }), "algorithm_not_supported"],
    ["an alg in lower case", token({ alg: "rs256" }), "algorithm_not_supported"],
    ["ES256K", token({ alg: "ES256K" }), "algorithm_not_supported"],
    ["an alg that objects inherit", token({ alg: "constructor" }), "algorithm_not_supported"],
    ["a kid that is no string", token({ ...rs, kid: 1 }), "kid_not_string"],
    ["a kid that is null", token({ ...rs, kid: null }), "kid_not_string"],
    ["a payload that is not base64url", `${h}.A.AAAA`, "payload_not_base64url"],
    ["a payload that is no JSON", token(rs, "x"), "payload_not_json"],
    ["a payload that is a list", token(rs, []), "payload_not_json"],
    ["a payload with a claim twice", token(rs, '{"sub":"a","sub":"b"}'), "payload_not_json"],
    ["a payload nested 40 deep", token(rs, `{"a":${"[".repeat(40)}${"]".repeat(40)}}`), "payload_not_json"],
    ["a number that is too large", withClaims('{"exp":1e999}'), "payload_not_json"],
    ["iss that is no string", withClaims({ iss: 1 }), "iss_not_string"],
    ["iss null", withClaims({ iss: null }), "iss_not_string"],
    ["sub that is no string", withClaims({ sub: 1 }), "sub_not_string"],
    ["jti that is no string", withClaims({ jti: 1 }), "jti_not_string"],
    ["iat that is no number", withClaims({ iat: "1" }), "iat_not_integer"],
    ["nbf that is no number", withClaims({ nbf: "1" }), "nbf_not_integer"],
    ["exp that is no number", withClaims({ exp: "1" }), "exp_not_integer"],
    ["exp null", withClaims({ exp: null }), "exp_not_integer"],
    ["exp true", withClaims({ exp: true }), "exp_not_integer"],
    ["exp that is a list", withClaims({ exp: [] }), "exp_not_integer"],
    ["iat that is negative", withClaims({ iat: -1 }), "iat_out_of_range"],
    ["nbf that is negative", withClaims({ nbf: -1 }), "nbf_out_of_range"],
    ["exp that is negative", withClaims({ exp: -1 }), "exp_out_of_range"],
    ["exp past 64 bits", withClaims({ exp: 1e20 }), "exp_out_of_range"],
    ["aud that is a number", withClaims({ aud: 1 }), "aud_not_string"],
    ["aud null", withClaims({ aud: null }), "aud_not_string"],
    ["aud that is an object", withClaims({ aud: {} }), "aud_not_string"],
    ["aud with one that is no string", withClaims({ aud: ["a", 1] }), "aud_not_string"],
    ["a signature that is not base64url", token(rs, {}, "A"), "signature_not_base64url"],
    ["a signature with text behind it", token(rs, {}, "AAAA,x"), "signature_not_base64url"],
  ];
  for (const [why, text, failure] of table) test(why, () => assert.equal(parseCompactToken(text), failure));

  test("more than 16 KiB, before anything is read", () => {
    assert.equal(parseCompactToken("a".repeat(16_385)), "token_too_large");
    assert.equal(parseCompactToken("a".repeat(16_384)), "bad_format");
  });
  test("the first of several faults", () => {
    assert.equal(parseCompactToken(`${part({ alg: "none", kid: 1 })}.A.A`), "algorithm_not_supported");
    assert.equal(parseCompactToken(`${part({ ...rs, kid: 1 })}.A.A`), "kid_not_string");
    assert.equal(parseCompactToken(`${h}.${part({ exp: "x", iss: 1 })}.A`), "iss_not_string");
  });
});
