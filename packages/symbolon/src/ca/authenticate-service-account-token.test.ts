import { beforeEach, describe, expect, test } from "bun:test";
import { Secret, systemRandom } from "@symbolon/spiffe/core";
import type { JwkSet } from "@symbolon/spiffe/jwt";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import { memoryDirectory, TRUST_DOMAIN } from "../../../../test/fakes/ca-fixture.ts";
import { createServiceAccountTokenAuthenticator } from "./authenticate-service-account-token.ts";
import type { CallerAuthenticator } from "./caller.ts";
import type { BoundPod } from "./ports.ts";
import { loadTokenIssuer, type TokenIssuer } from "./service-account-token.ts";
import { VerifiedServiceAccountTokens } from "./verified-service-account-tokens.ts";

const ISSUER = "https://issuer.test";
const LIFETIME_SECONDS = 3600;
const LEEWAY_SECONDS = 60;

let clock: FakeClock;
let issuer: TokenIssuer;
let pods: Map<string, BoundPod>;
/** Of the set that is trusted now: how often its keys were looked at. */
let verifications: number;
let keySet: JwkSet;
let authenticator: CallerAuthenticator;
let token: string;

beforeEach(async () => {
  clock = createFakeClock();
  issuer = await loadIssuer();
  pods = new Map([["uid-1", { name: "web-1", namespace: "foo", serviceAccount: "web" }]]);
  verifications = 0;
  keySet = counted(issuer.keySet);
  authenticator = createServiceAccountTokenAuthenticator({
    trustDomain: TRUST_DOMAIN,
    trust: { issuer: ISSUER, audiences: ["ca"], keySet: () => keySet, leewaySeconds: LEEWAY_SECONDS },
    pods: { findPod: async (uid) => pods.get(uid) },
    clock,
  });
  token = issuer
    .issueServiceAccountToken({
      namespace: "foo",
      serviceAccount: "web",
      podName: "web-1",
      podUid: "uid-1",
      audiences: ["ca"],
      lifetimeSeconds: LIFETIME_SECONDS,
    })
    .token.expose();
});

const loadIssuer = () => loadTokenIssuer({ issuer: ISSUER, directory: memoryDirectory(), clock, random: systemRandom });

const counted = ({ keys }: JwkSet): JwkSet => ({
  get keys() {
    verifications++;
    return keys;
  },
});

const attempt = (text = token) =>
  authenticator.attempt({ token: new Secret(text), certificateChain: [], peerAddress: "p" });

describe("a token that has been verified", () => {
  beforeEach(async () => {
    expect(await attempt()).toMatchObject({ kind: "authenticated" });
    expect(verifications).toBe(1);
  });

  test("is not verified again", async () => {
    expect(await attempt()).toMatchObject({ kind: "authenticated", caller: { name: "system:serviceaccount:foo:web" } });
    expect(verifications).toBe(1);
  });

  test("is refused once its pod is gone, and verified anew when it is back", async () => {
    const pod = pods.get("uid-1");
    pods.clear();
    expect(await attempt()).toMatchObject({ kind: "refused", code: "ERR_TOKEN_REFUSED" });
    if (pod) pods.set("uid-1", pod);
    expect(await attempt()).toMatchObject({ kind: "authenticated" });
    expect(verifications).toBe(2);
  });

  test("is refused when its pod runs as another account", async () => {
    pods.set("uid-1", { name: "web-1", namespace: "foo", serviceAccount: "api" });
    expect(await attempt()).toMatchObject({ kind: "refused", code: "ERR_TOKEN_REFUSED" });
  });

  test("is taken until it expires, and refused then", async () => {
    await clock.advance((LIFETIME_SECONDS + LEEWAY_SECONDS - 1) * 1000);
    expect(await attempt()).toMatchObject({ kind: "authenticated" });
    await clock.advance(2000);
    expect(await attempt()).toMatchObject({ kind: "refused", code: "ERR_JWT_EXPIRED" });
  });

  test("is refused by other keys", async () => {
    keySet = (await loadIssuer()).keySet;
    expect(await attempt()).toMatchObject({ kind: "refused" });
  });

  test("does not let one pass that differs in its signature or its claims", async () => {
    const [header = "", payload = "", signature = ""] = token.split(".");
    const other = signature.startsWith("A") ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
    expect(await attempt(`${header}.${payload}.${other}`)).toMatchObject({ code: "ERR_JWT_SIGNATURE_INVALID" });
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
    const forged = Buffer.from(JSON.stringify({ ...claims, exp: claims.exp + 1 })).toString("base64url");
    expect(await attempt(`${header}.${forged}.${signature}`)).toMatchObject({ code: "ERR_JWT_SIGNATURE_INVALID" });
  });
});

test("verified tokens are bounded, and the one that was not asked for longest goes first", () => {
  const tokens = new VerifiedServiceAccountTokens();
  for (let n = 0; n < 1024; n++) tokens.add(`token ${n}`, keySet, { n });
  expect(tokens.find("token 0", keySet)).toEqual({ n: 0 });
  tokens.add("one more", keySet, {});
  expect(tokens.size).toBe(1024);
  expect(tokens.find("token 0", keySet)).toBeDefined();
  expect(tokens.find("token 1", keySet)).toBeUndefined();
});
