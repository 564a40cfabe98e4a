import assert from "node:assert/strict";
import { test } from "node:test";
import { matchAny, matchId, matchMemberOf, matchOneOf } from "./match.ts";
import { SpiffeId, TrustDomain } from "./spiffe-id.ts";

const web = SpiffeId.parse("spiffe://td/ns/foo/sa/web");
const near = SpiffeId.parse("spiffe://td/ns/foo/sa/web2");
const foreign = SpiffeId.parse("spiffe://td2/ns/foo/sa/web");

test("matchAny accepts everybody", () => assert.equal(matchAny()(foreign), undefined));

test("matchId accepts the one ID", () => {
  assert.equal(matchId(web)(SpiffeId.parse("spiffe://td/ns/foo/sa/web")), undefined);
  assert.equal(matchId(web)(near), 'unexpected ID "spiffe://td/ns/foo/sa/web2"');
  assert.equal(matchId(web)(foreign), 'unexpected ID "spiffe://td2/ns/foo/sa/web"');
});

test("matchOneOf accepts members, and nobody when the list is empty", () => {
  assert.equal(matchOneOf([near, web])(web), undefined);
  assert.equal(matchOneOf([near])(web), 'unexpected ID "spiffe://td/ns/foo/sa/web"');
  assert.equal(matchOneOf([])(web), 'unexpected ID "spiffe://td/ns/foo/sa/web"');
});

test("matchMemberOf accepts the trust domain", () => {
  const matches = matchMemberOf(TrustDomain.parse("td"));
  assert.equal(matches(near), undefined);
  assert.equal(matches(foreign), 'unexpected trust domain "td2"');
});
