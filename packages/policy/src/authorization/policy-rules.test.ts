import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildPolicy } from "../../../../test/oracle/build-policy.ts";
import { SeededRandom } from "../../../../test/oracle/random.ts";
import { randomCase, randomConnection, randomRequest } from "../../../../test/oracle/random-case.ts";
import type { AuthorizationPolicy } from "../authorization-policy.ts";
import { type AuthorizationOptions, compileAuthorization, decide } from "./index.ts";

const CALLER = {
  peerSpiffeId: "spiffe://new.example/ns/foo/sa/a",
  sourceAddress: "10.0.0.1",
  destinationAddress: "10.0.0.9",
  destinationPort: 8080,
};

describe("a policy whose rules have been compiled before", () => {
  test("is compiled anew for other names of the trust domain, and decides by the names of each compilation", () => {
    const policy = buildPolicy({ rules: [{ from: [{ principals: ["old.example/ns/foo/sa/a"] }] }] });
    const outcome = (names: AuthorizationOptions) =>
      decide(compileAuthorization([policy], names).connection(CALLER)).outcome;
    const before = { trustDomain: "new.example" };
    const migrating = { trustDomain: "new.example", trustDomainAliases: ["old.example"] };
    const another = { trustDomain: "new.example", trustDomainAliases: ["older.example"] };
    assert.deepEqual([before, migrating, another, before, migrating].map(outcome), [
      "deny",
      "allow",
      "deny",
      "deny",
      "allow",
    ]);
  });

  test("decides in each set in which it stands as a copy that nobody has seen, on 300 random changes", () => {
    const random = new SeededRandom(17);
    const unseen = (policies: readonly AuthorizationPolicy[]) => policies.map((policy) => ({ ...policy }));
    for (let number = 0; number < 300; number++) {
      const { policies, options } = randomCase(random);
      const built = policies.map(buildPolicy);
      const connection = randomConnection(random);
      const request = random.chance(0.7) ? randomRequest(random) : undefined;
      // One is gone, and then it is back behind the others.
      for (const set of [built, built.slice(1), [...built.slice(1), ...built.slice(0, 1)]]) {
        const decision = (attached: readonly AuthorizationPolicy[]) =>
          decide(compileAuthorization(attached, options).connection(connection), request);
        assert.deepEqual(decision(set), decision(unseen(set)));
      }
    }
  });

  test("that the parser would have refused is refused at once and each time, not by the first connection", () => {
    const [policy] = [buildPolicy({ rules: [{ from: [{ ipBlocks: ["10.0.0.0/33"] }] }] })];
    for (let attempt = 0; attempt < 2; attempt++)
      assert.throws(() => compileAuthorization([policy], { trustDomain: "new.example" }), {
        code: "ERR_POLICY_INVALID",
      });
  });
});
