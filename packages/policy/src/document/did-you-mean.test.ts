import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestName, suggestion } from "./index.ts";

const fields = ["selector", "mtls", "portLevelMtls", "matchLabels"];

test("suggests the field that was meant", () => {
  const cases = {
    mlts: "mtls",
    mtl: "mtls",
    match_labels: "matchLabels",
    MatchLabels: "matchLabels",
    portLevelMTLS: "portLevelMtls",
    selectors: "selector",
  };
  for (const [typed, meant] of Object.entries(cases)) assert.equal(nearestName(typed, fields), meant, typed);
});

test("suggests nothing for a name that is like none, or too long to be a slip", () => {
  assert.equal(nearestName("rules", fields), undefined);
  assert.equal(nearestName("x", fields), undefined);
  assert.equal(nearestName("selector".padEnd(65, "r"), fields), undefined);
  assert.equal(suggestion("rules", fields), "");
  assert.equal(suggestion("mtl", fields), '; did you mean "mtls"?');
});
