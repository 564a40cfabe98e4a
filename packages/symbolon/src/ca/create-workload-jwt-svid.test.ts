import { beforeEach, describe, expect, test } from "bun:test";
import { Secret } from "@symbolon/spiffe/core";
import { type CaFixture, createCaFixture, failureOf } from "../../../../test/fakes/ca-fixture.ts";
import { testEntry } from "../../../../test/fakes/registration-entries.ts";

const DB = testEntry({ id: "1", name: "db", spiffeId: "spiffe://cluster.local/db", jwtLifetimeSeconds: 60 });

let fixture: CaFixture;

beforeEach(async () => {
  fixture = await createCaFixture();
  fixture.entries.set(DB.id, DB);
});

const claimsOf = (token: Secret<string>) =>
  JSON.parse(Buffer.from(token.expose().split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;

describe("a token for a workload", () => {
  test("has the entry's identity and life, and is on record in its name", async () => {
    const created = await fixture.ca.createWorkloadJwtSvid({ caller: { entryId: "1" }, audiences: ["api"] });
    expect(created.spiffeId.toString()).toBe("spiffe://cluster.local/db");
    expect(claimsOf(created.token)).toMatchObject({ sub: "spiffe://cluster.local/db", aud: ["api"] });
    expect(created.expiresAt.getTime() - fixture.clock.now().getTime()).toBe(60_000);
    expect(fixture.audit).toMatchObject([
      { kind: "token.issue", outcome: "success", actor: "entry db", authority: "registration entry" },
    ]);
  });

  test("has the identity that a pod's service account token proves", async () => {
    const caller = { serviceAccountToken: fixture.token() };
    const created = await fixture.ca.createWorkloadJwtSvid({ caller, audiences: ["api"] });
    expect(created.spiffeId.toString()).toBe("spiffe://cluster.local/ns/foo/sa/web");
    expect(fixture.audit).toMatchObject([{ kind: "token.issue", authority: "service account token" }]);
  });

  test("is refused for an entry that is gone, a forged token and a pod that is gone, and that is on record", async () => {
    fixture.entries.delete("1");
    const unknown = fixture.ca.createWorkloadJwtSvid({ caller: { entryId: "1" }, audiences: ["api"] });
    expect(await failureOf(unknown)).toMatchObject({ code: "ERR_OBJECT_NOT_FOUND" });
    const forged = new Secret(`${fixture.token().expose().slice(0, -4)}AAAA`);
    const bad = fixture.ca.createWorkloadJwtSvid({ caller: { serviceAccountToken: forged }, audiences: ["api"] });
    expect(await failureOf(bad)).toMatchObject({ code: "ERR_CA_AUTHENTICATION_FAILED" });
    const serviceAccountToken = fixture.token();
    fixture.pods.clear();
    const gone = fixture.ca.createWorkloadJwtSvid({ caller: { serviceAccountToken }, audiences: ["api"] });
    expect(await failureOf(gone)).toMatchObject({ code: "ERR_CA_AUTHENTICATION_FAILED" });
    expect(fixture.audit.map(({ kind, outcome, actor }) => `${kind} ${outcome} ${actor}`)).toEqual([
      "token.issue refused unauthenticated",
      "token.issue refused unauthenticated",
      "token.issue refused unauthenticated",
    ]);
  });

  test("is refused without an audience", async () => {
    const none = fixture.ca.createWorkloadJwtSvid({ caller: { entryId: "1" }, audiences: [] });
    expect(await failureOf(none)).toMatchObject({ code: "ERR_JWT_SVID_REQUEST_INVALID" });
  });
});
