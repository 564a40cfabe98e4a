/** A change of policy while the application is being dialled: the connector is the test's, so that the moment is certain. */
import { expect, test } from "bun:test";
import { dialInbound, INBOUND_PORT as PORT } from "../../../../test/fakes/inbound-fixture.ts";
import type { PolicyText } from "../../../../test/oracle/build-policy.ts";

const dial = (...policies: readonly PolicyText[]) => dialInbound("tcp", ...policies);

const DENY_PORT: PolicyText = { action: "deny", rules: [{ to: [{ ports: [String(PORT)] }] }] };
const DENY_OTHER: PolicyText = { action: "deny", rules: [{ to: [{ ports: [String(PORT + 1)] }] }] };

test("a change that denies it ends the connection, gives the dialling up, and closes what it still brings", () => {
  const { registry, denials, dialled, ends, givenUp, change, connected } = dial();
  expect(dialled).toHaveLength(1);
  change(DENY_PORT);
  expect(denials).toMatchObject([{ what: "revoked", configVersion: 2 }]);
  expect([registry.live.size, ends, givenUp()]).toEqual([0, ["client"], 1]);
  connected();
  expect(ends).toEqual(["client", "application"]);
  expect(registry.records()).toMatchObject([{ open: false, reason: "access_revoked" }]);
});

test("both ends are closed before anything is written of it", () => {
  const { told, change, connected } = dial();
  connected();
  change(DENY_PORT);
  const ended = "after client, application";
  expect(told).toEqual([`record access_revoked ${ended}`, `log ${ended}`, `denial ${ended}`]);
});

test("a change that is about others leaves it", () => {
  const { registry, denials, ends, change, connected } = dial();
  change(DENY_OTHER);
  connected();
  expect([registry.live.size, ends, denials]).toEqual([1, [], []]);
  expect(registry.records()).toMatchObject([{ open: true, upstream: "127.0.0.1:80" }]);
});

test("what is denied from the start is never dialled", () => {
  const { dialled, ends, denials } = dial(DENY_PORT);
  expect([dialled.length, ends]).toEqual([0, ["client"]]);
  expect(denials).toMatchObject([{ what: "connection" }]);
});
