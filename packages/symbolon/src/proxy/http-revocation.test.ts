/** A change of policy on a request under way, or on the tunnel that it became: first enforced, then told. */
import { expect, test } from "bun:test";
import { dialInbound } from "../../../../test/fakes/inbound-fixture.ts";
import type { PolicyText } from "../../../../test/oracle/build-policy.ts";

const denyPath = (path: string): PolicyText => ({ action: "deny", rules: [{ to: [{ paths: [path] }] }] });
const UPGRADE =
  "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const SWITCHED = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

function tunnel() {
  const inbound = dialInbound("http");
  inbound.clientSays(UPGRADE);
  inbound.connected();
  inbound.applicationSays(SWITCHED);
  expect(inbound.happened().join()).toContain("client: HTTP/1.1 101");
  return inbound;
}

test("both ends of a denied tunnel are closed before anything is written of it", () => {
  const { told, denials, registry, change } = tunnel();
  change(denyPath("/chat"));
  const ended = "after client, application";
  expect(told).toEqual([`record access_revoked ${ended}`, `denial ${ended}`]);
  expect(denials).toMatchObject([{ what: "revoked", configVersion: 2, request: { path: "/chat" } }]);
  expect(registry.records()).toMatchObject([{ open: false, reason: "access_revoked", upgraded: true }]);
});

test("a tunnel whose own end comes first keeps its record as it was", () => {
  const { told, ends, registry, change } = tunnel();
  for (const { downstream, upstream } of registry.live) {
    downstream.terminate();
    upstream?.terminate();
  }
  change(denyPath("/chat"));
  expect([told, ends]).toEqual([["record undefined after client, application"], ["client", "application"]]);
});

test("a tunnel of a path that only starts the same goes on, and nothing is told", () => {
  const { told, ends, change, clientSays, happened } = tunnel();
  change(denyPath("/cha"));
  clientSays("still here");
  expect([told, ends, happened()]).toEqual([[], [], ["application: still here"]]);
});

test("a denied request has its 403, and its upstream is closed, before the denial is told", () => {
  const { told, happened, change, clientSays, connected } = dialInbound("http");
  clientSays("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  connected();
  expect(happened().join()).toContain("application: GET /slow");
  change(denyPath("/slow"));
  expect(told).toEqual(["denial after application"]);
  expect(happened()).toEqual([expect.stringMatching(/^client: HTTP\/1.1 403/), "denial: revoked"]);
});

test("the denial is that of the request that was ended, although the next one begins before it is told", () => {
  const { denials, dialled, change, clientSays, connected } = dialInbound("http");
  clientSays("GET /slow HTTP/1.1\r\nHost: a\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  connected();
  change(denyPath("/slow"));
  expect(dialled).toHaveLength(2);
  expect(denials).toMatchObject([{ what: "revoked", request: { path: "/slow" } }]);
});
