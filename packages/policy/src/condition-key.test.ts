import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConditionKey } from "./condition-key.ts";

describe("condition keys", () => {
  test("are those of Istio", () => {
    for (const [key, kind] of [
      ["source.ip", "sourceAddress"],
      ["remote.ip", "remoteAddress"],
      ["source.namespace", "namespace"],
      ["source.serviceAccount", "serviceAccount"],
      ["source.trustDomain", "trustDomain"],
      ["source.principal", "principal"],
      ["request.auth.principal", "requestPrincipal"],
      ["request.auth.audiences", "audience"],
      ["request.auth.presenter", "presenter"],
      ["destination.ip", "destinationAddress"],
      ["destination.port", "destinationPort"],
      ["connection.sni", "sni"],
      ["experimental.envoy.filters.network.mysql_proxy[db.table]", "metadata"],
    ] as const)
      assert.deepEqual(parseConditionKey(key), { kind });
  });

  test("name a header without regard to case", () => {
    assert.deepEqual(parseConditionKey("request.headers[X-Token]"), { kind: "header", name: "x-token" });
  });

  test("name a claim, a nested one by further brackets, a broken row of brackets as one key", () => {
    const path = (key: string) => parseConditionKey(`request.auth.claims${key}`);
    assert.deepEqual(path("[group]"), { kind: "claim", path: ["group"] });
    assert.deepEqual(path("[a][b]"), { kind: "claim", path: ["a", "b"] });
    assert.deepEqual(path("[https://x.io/roles]"), { kind: "claim", path: ["https://x.io/roles"] });
    assert.deepEqual(path("[a[b]]"), { kind: "claim", path: ["a[b]"] });
  });

  test("that Istio does not have are none", () => {
    for (const key of [
      "",
      "source.IP",
      "source.ip ",
      "request.headers",
      "request.headers[]",
      "request.headersx[a]",
      "request.auth.claims[]",
      "request.auth.claimsx[a]",
      "destination.labels[a]",
      "experimental.envoy.filters.a",
      "request.path",
    ])
      assert.equal(parseConditionKey(key), undefined, key);
  });
});
