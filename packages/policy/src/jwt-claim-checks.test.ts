import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkAudiences, checkIssuer, checkTimes, compileAudiences } from "./jwt-claim-checks.ts";

const now = new Date("2026-01-01T00:00:00.900Z");
const seconds = Math.floor(now.getTime() / 1000);

describe("checkIssuer", () => {
  test("is exact", () => {
    assert.equal(checkIssuer({ iss: "https://a" }, { issuer: "https://a" }), undefined);
    for (const iss of ["https://a/", "https://A", "a", ""]) {
      assert.equal(checkIssuer({ iss }, { issuer: "https://a" }), "issuer_not_configured", iss);
    }
    assert.equal(checkIssuer({}, { issuer: "https://a" }), "issuer_not_configured");
  });
  test("a rule without issuer takes any, and a token without one", () => {
    assert.equal(checkIssuer({ iss: "x" }, { issuer: "" }), undefined);
    assert.equal(checkIssuer({}, { issuer: "" }), undefined);
  });
});

describe("checkTimes", () => {
  const check = (claims: { exp?: number; nbf?: number }, skew = 60) => checkTimes(claims, now, skew);
  test("a token lives 60 seconds longer than it says, and not 61", () => {
    assert.equal(check({ exp: seconds - 60 }), undefined);
    assert.equal(check({ exp: seconds - 61 }), "expired");
    assert.equal(check({ exp: seconds - 60.1 }), "expired");
  });
  test("a token begins 60 seconds earlier than it says, and not 61", () => {
    assert.equal(check({ nbf: seconds + 60 }), undefined);
    assert.equal(check({ nbf: seconds + 60.9 }), undefined);
    assert.equal(check({ nbf: seconds + 61 }), "not_yet_valid");
  });
  test("without times it is valid for ever", () => assert.equal(check({}), undefined));
  test("0 is a time like any other", () => {
    assert.equal(check({ exp: 0 }), "expired");
    assert.equal(check({ nbf: 0 }), undefined);
  });
  test("nbf is looked at first", () => assert.equal(check({ exp: 1, nbf: seconds + 99 }), "not_yet_valid"));
  test("the skew is an argument", () => {
    assert.equal(check({ exp: seconds }, 0), undefined);
    assert.equal(check({ exp: seconds - 1 }, 0), "expired");
  });
  test("a clock that shows no time lets no time pass", () => {
    assert.equal(checkTimes({ exp: seconds }, new Date(Number.NaN), 60), "expired");
    assert.equal(checkTimes({ nbf: 1 }, new Date(Number.NaN), 60), "not_yet_valid");
  });
});

describe("checkAudiences", () => {
  const check = (configured: readonly string[], aud?: string | readonly string[]) =>
    checkAudiences(aud === undefined ? {} : { aud }, compileAudiences({ audiences: configured })) ?? "allowed";
  test("a rule without audiences takes any, and none", () => {
    assert.equal(check([], "x"), "allowed");
    assert.equal(check([]), "allowed");
  });
  test("one is enough, as text or in a list", () => {
    assert.equal(check(["a", "b"], "b"), "allowed");
    assert.equal(check(["a", "b"], ["x", "a"]), "allowed");
    for (const aud of ["x", ["x", "y"], [], undefined]) assert.equal(check(["a", "b"], aud), "audience_not_allowed");
  });
  test("scheme and one closing slash are no part of it, on either side", () => {
    for (const aud of ["svc", "svc/", "http://svc", "https://svc/"]) {
      assert.equal(check(["https://svc/"], aud), "allowed", aud);
      assert.equal(check(["svc"], aud), "allowed", aud);
    }
    for (const aud of ["svc//", "https://https://svc", "HTTPS://svc", "SVC", "svc/x", "//svc", "sv"]) {
      assert.equal(check(["https://svc/"], aud), "audience_not_allowed", aud);
    }
  });
});
