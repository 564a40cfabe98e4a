/** Names are texts: no character of one stands for another (CV-33, CV-34). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { buildPolicy, type Fields } from "../../../../test/oracle/build-policy.ts";
import { compileAuthorization, decide } from "./index.ts";

/** Names as Kubernetes allows them, of characters so few that two are often nearly the same. */
const name = fc
  .string({ unit: fc.constantFrom("a", "b", "x", "0", "-", "."), minLength: 1, maxLength: 8 })
  .filter((text) => text.split(".").every((part) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(part)));
/** The name, or one that differs in one character, which a regular expression could take for the same. */
const neighbour = (text: string) =>
  fc.oneof(
    fc.constant(text),
    fc.nat(text.length - 1).map((at) => `${text.slice(0, at)}x${text.slice(at + 1)}`),
    name,
  );
const pair = name.chain((wanted) => fc.tuple(fc.constant(wanted), neighbour(wanted)));

/** What a policy may say, with what regular expressions and globs are made of. */
const hostile = fc.string({
  unit: fc.constantFrom("a", "b", ".", "[", "]", "+", "(", ")", "$", "^", "\\", "|", "?", "{", "}"),
  minLength: 1,
  maxLength: 6,
});

function allows(source: Fields, { namespace = "foo", account = "web" }): boolean {
  const policy = buildPolicy({ action: "allow", rules: [{ from: [source] }] });
  const connection = {
    peerSpiffeId: `spiffe://cluster.local/ns/${namespace}/sa/${account}`,
    sourceAddress: "10.0.0.1",
    destinationAddress: "10.0.0.9",
    destinationPort: 8080,
  };
  const compiled = compileAuthorization([policy], { trustDomain: "cluster.local" });
  return decide(compiled.connection(connection), undefined).outcome === "allow";
}

// istio-security §3.4: ".*/ns/VALUE/.*" of the whole name, each character of it quoted, each star anything at all.
function namespaceMatches(value: string, principal: string): boolean {
  const quoted = value.split("*").map((part) => part.replace(/[^a-z0-9]/g, "\\$&"));
  return new RegExp(`^.*/ns/${quoted.join(".*")}/.*$`).test(`spiffe://${principal}`);
}

describe("a name in a policy", () => {
  test("of a ServiceAccount, a namespace or a principal is that name alone (CV-33)", () => {
    let equal = 0;
    let different = 0;
    const property = fc.property(pair, ([wanted, got]) => {
      const same = wanted === got;
      if (same) equal++;
      else different++;
      assert.equal(allows({ serviceAccounts: [`foo/${wanted}`] }, { account: got }), same);
      assert.equal(allows({ serviceAccounts: [wanted] }, { account: got }), same);
      assert.equal(allows({ serviceAccounts: [`${wanted}/web`] }, { namespace: got }), same);
      assert.equal(allows({ namespaces: [wanted] }, { namespace: got }), same);
      assert.equal(allows({ principals: [`cluster.local/ns/foo/sa/${wanted}`] }, { account: got }), same);
      assert.equal(allows({ notServiceAccounts: [`foo/${wanted}`] }, { account: got }), !same);
    });
    fc.assert(property, { numRuns: 2000 });
    assert.ok(Math.min(equal, different) > 200, `${equal} equal, ${different} different`);
  });

  test("means each of its characters, whatever it is to a regular expression; the star alone is none (CV-34)", () => {
    const property = fc.property(hostile, name, name, (text, namespace, account) => {
      const caller = { namespace, account };
      const principal = `cluster.local/ns/${namespace}/sa/${account}`;
      assert.equal(allows({ namespaces: [text] }, caller), namespace === text);
      for (const value of [`${text}*`, `*${text}`, `a*${text}`])
        assert.equal(allows({ namespaces: [value] }, caller), namespaceMatches(value, principal));
      assert.equal(allows({ principals: [text] }, caller), false);
      assert.equal(allows({ principals: [`*${text}`] }, caller), principal.endsWith(text));
      const prefix = `cluster.local/ns/${text}`;
      assert.equal(allows({ principals: [`${prefix}*`] }, caller), principal.startsWith(prefix));
      assert.equal(allows({ serviceAccounts: [`${namespace}/${text}`] }, caller), account === text);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});
