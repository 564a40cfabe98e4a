import { afterEach, expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { MESH, startInbound, talk, tlsClient } from "../../../../test/fakes/proxy-fixture.ts";
import { buildPolicy, type PolicyText } from "../../../../test/oracle/build-policy.ts";
import { rehearseChange } from "./rehearse-change.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(policies: readonly PolicyText[]) {
  const clock = createFakeClock();
  const server = await startInbound({ clock, local: { authorizationPolicies: policies.map(buildPolicy) } });
  closing.push(server.close);
  return { ...server, clock };
}

test.each<[string, readonly PolicyText[]]>([
  ["none", []],
  ["one that allows everybody", [{ rules: [{}] }]],
  ["one that looks at requests", [{ rules: [{ to: [{ paths: ["/a"] }], when: [] }] }]],
  ["a hundred", Array.from({ length: 100 }, (_, number) => ({ name: `p${number}`, rules: [{}] }))],
])("a rehearsed change denies a connection, over own policies: %s", async (_what, policies) => {
  const { config } = await start(policies);
  if (!config.current) throw new Error("no configuration");
  const before = JSON.stringify(config.current);
  expect(rehearseChange(config.current)).toMatchObject({ what: "revoked", reason: "deny_rule_matched" });
  expect(JSON.stringify(config.current)).toBe(before);
});

test("a proxy that rehearses denies nobody and records nothing", async () => {
  const server = await start([{ rules: [{}] }]);
  const socket = tlsClient(server, { svid: MESH.issue("/ns/foo/sa/client") });
  await new Promise((resolve) => socket.once("secureConnect", resolve));
  const before = JSON.stringify(server.proxy.dump().local);
  await server.clock.advance(10_000);
  expect(server.denials).toEqual([]);
  expect(server.records).toEqual([]);
  expect(JSON.stringify(server.proxy.dump().local)).toBe(before);
  expect((await talk(socket, "ping", 4)).received.toString()).toBe("ping");
});
