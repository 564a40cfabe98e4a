import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSymbolonError, type JsonObject } from "../core/index.ts";
import { checkJwtClaims, type JwtClaimsPolicy } from "./claims.ts";

const now = new Date("2026-01-01T00:00:00Z");
const nowSeconds = now.getTime() / 1000;
const policy: JwtClaimsPolicy = { issuer: "https://mesh", audiences: ["istio-ca", "other"], now };
const good: JsonObject = {
  iss: "https://mesh",
  sub: "system:serviceaccount:foo:web",
  aud: ["istio-ca"],
  exp: nowSeconds + 3600,
  nbf: nowSeconds,
  iat: nowSeconds,
};

function refused(claims: JsonObject, code: string, message: string, by: JwtClaimsPolicy = policy): void {
  assert.throws(
    () => checkJwtClaims(claims, by),
    (error) => {
      assert.ok(isSymbolonError(error), String(error));
      assert.deepEqual([error.code, error.message], [code, message]);
      return true;
    },
  );
}
const without = (name: string): JsonObject => Object.fromEntries(Object.entries(good).filter(([key]) => key !== name));

describe("checkJwtClaims", () => {
  test("answers who, for whom and until when", () => {
    assert.deepEqual(checkJwtClaims(good, policy), {
      issuer: "https://mesh",
      subject: "system:serviceaccount:foo:web",
      audiences: ["istio-ca"],
      expiresAt: new Date("2026-01-01T01:00:00Z"),
    });
  });

  test("takes an audience as a text, one of several, and claims it does not know", () => {
    assert.deepEqual(checkJwtClaims({ ...good, aud: "other", "kubernetes.io": {} }, policy).audiences, ["other"]);
    assert.equal(checkJwtClaims({ ...good, aud: ["x", "istio-ca"] }, policy).audiences.length, 2);
    assert.ok(checkJwtClaims({ iss: "https://mesh", sub: "x", aud: "other", exp: nowSeconds + 1 }, policy));
  });

  for (const name of ["iss", "sub"]) {
    test(`refuses a token whose "${name}" is missing, empty or no text`, () => {
      const message = `claim "${name}" is missing or not a text`;
      refused(without(name), "ERR_JWT_CLAIM_INVALID", message);
      for (const value of ["", 1, null, ["https://mesh"], {}]) {
        refused({ ...good, [name]: value }, "ERR_JWT_CLAIM_INVALID", message);
      }
    });
  }

  test("refuses another issuer, also one that begins like ours", () => {
    for (const iss of ["https://mesh/", "https://mesh.evil", "HTTPS://mesh", "https://mes"]) {
      refused({ ...good, iss }, "ERR_JWT_ISSUER", `token was issued by "${iss}", wanted "https://mesh"`);
    }
  });

  test("refuses a token for somebody else, for nobody, and one whose audience is no text", () => {
    const message = 'token is for "istio-c", "ISTIO-CA", wanted "istio-ca", "other"';
    refused({ ...good, aud: ["istio-c", "ISTIO-CA"] }, "ERR_JWT_AUDIENCE", message);
    for (const aud of [[], {}, 1, null]) refused({ ...good, aud }, "ERR_JWT_CLAIM_INVALID", 'claim "aud" is missing');
    refused(without("aud"), "ERR_JWT_CLAIM_INVALID", 'claim "aud" is missing');
    for (const aud of [["istio-ca", 1], ["istio-ca", ""], [null], [["istio-ca"]]]) {
      refused({ ...good, aud }, "ERR_JWT_CLAIM_INVALID", 'claim "aud" is not a text');
    }
    refused(good, "ERR_JWT_AUDIENCE", 'token is for "istio-ca", wanted no audience at all', {
      ...policy,
      audiences: [],
    });
  });

  test("expires at the second that it says, and lives one second less", () => {
    assert.ok(checkJwtClaims({ ...good, exp: nowSeconds + 1 }, policy));
    refused({ ...good, exp: nowSeconds }, "ERR_JWT_EXPIRED", "token has expired");
    const late = { ...policy, now: new Date(now.getTime() + 3_600_000) };
    refused(good, "ERR_JWT_EXPIRED", "token has expired", late);
    assert.ok(checkJwtClaims(good, { ...policy, now: new Date(late.now.getTime() - 1) }));
    assert.ok(checkJwtClaims(good, { ...late, leewaySeconds: 1 }));
  });

  test("begins at the second that it says", () => {
    refused({ ...good, nbf: nowSeconds + 1 }, "ERR_JWT_NOT_YET_VALID", "token is not yet valid");
    assert.ok(checkJwtClaims({ ...good, nbf: nowSeconds + 1 }, { ...policy, leewaySeconds: 1 }));
    assert.ok(checkJwtClaims({ ...good, iat: nowSeconds + 60 }, policy));
  });

  test("refuses times that compare as false with everything", () => {
    for (const name of ["exp", "nbf", "iat"]) {
      const values = [String(nowSeconds + 3600), Number.NaN, -1, 1.5, 1e300, null, [], {}, true];
      for (const value of values) {
        refused(
          { ...good, [name]: value },
          "ERR_JWT_CLAIM_INVALID",
          `claim "${name}" is not a whole number of seconds`,
        );
      }
    }
    refused(without("exp"), "ERR_JWT_CLAIM_INVALID", 'claim "exp" is missing');
    refused(good, "ERR_JWT_EXPIRED", "token has expired", { ...policy, now: new Date(Number.NaN) });
  });
});
