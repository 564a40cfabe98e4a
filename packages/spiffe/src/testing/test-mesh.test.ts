import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { verifyX509Svid } from "../svid/index.ts";
import { testMesh } from "./index.ts";

const chainOf = ({ svid }: { readonly svid: { readonly chain: readonly { readonly der: Uint8Array }[] } }) =>
  svid.chain.map(({ der }) => der);

describe("a mesh for tests", () => {
  test("has identities that verify each other, and is over when it is disposed of", async () => {
    const mesh = testMesh();
    const web = mesh.identity("/ns/a/sa/web");
    const orders = mesh.identity("/ns/a/sa/orders");
    const peer = verifyX509Svid(chainOf(web), orders.bundles, { now: mesh.clock.now() });
    assert.equal(peer.spiffeId.toString(), "spiffe://test/ns/a/sa/web");
    await mesh[Symbol.asyncDispose]();
    assert.throws(() => web.svid, { code: "ERR_SOURCE_CLOSED" });
  });

  test("renews at 75 % of a certificate's life, and not before", async () => {
    const mesh = testMesh({ svidLifetimeMs: 100_000 });
    const web = mesh.identity("/web");
    const { serialNumberHex } = web.svid.leaf;
    await mesh.advance(74_999);
    assert.equal(web.svid.leaf.serialNumberHex, serialNumberHex);
    await mesh.advance(1);
    assert.notEqual(web.svid.leaf.serialNumberHex, serialNumberHex);
  });

  test("trusts another mesh only once they are federated", () => {
    const mesh = testMesh();
    const partner = testMesh({ trustDomain: "partner.example" });
    const web = mesh.identity("/web");
    const theirs = partner.identity("/db");
    const verify = () => verifyX509Svid(chainOf(theirs), web.bundles, { now: mesh.clock.now() });
    assert.throws(verify, { code: "ERR_BUNDLE_NOT_FOUND" });
    mesh.federate(partner);
    assert.equal(verify().spiffeId.toString(), "spiffe://partner.example/db");
  });
});
