/**
 * Malformed and forged tokens (CV-46): whatever is not a token that was signed for this issuer is refused with 401, and
 * nothing throws. One in a hundred goes over a connection to the running proxy, before an application that counts.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import net from "node:net";
import type { JwtRule } from "@symbolon/policy";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { createTokenCompiler } from "../../packages/symbolon/src/proxy/token-authentication.ts";
import type { AuthenticateTokens } from "../../packages/symbolon/src/proxy/workload-policy.ts";
import { createKeptClient, type KeptClient } from "../fakes/kept-client.ts";
import { type InboundFixture, startInbound } from "../fakes/proxy-fixture.ts";
import { createTokenMutator } from "./tokens.ts";

/** A signature is ten times the work of a head. */
const EXECUTIONS = Number(process.env.EXECUTIONS ?? 100_000) / 10;
const OVER_THE_WIRE = 100;
const ISSUER = "https://issuer.example";
const clock = createFakeClock();
const EC = generateKeyPairSync("ec", { namedCurve: "P-256" });
const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const exp = Math.floor(clock.now().getTime() / 1000) + 600;
const GOOD = [
  signJws({ iss: ISSUER, sub: "alice", exp }, { kid: "ec", privateKey: EC.privateKey }),
  signJws({ iss: ISSUER, sub: "alice", exp }, { kid: "rsa", privateKey: RSA.privateKey }),
  signJws({ iss: ISSUER, sub: "zoë", exp, aud: ["a", "b"], groups: ["x"] }, { kid: "ec", privateKey: EC.privateKey }),
];

const position = { file: "f.yaml", line: 1, column: 1 };
const jwks = JSON.stringify({
  keys: [jwkFromPublicKey(EC.publicKey, { kid: "ec" }), jwkFromPublicKey(RSA.publicKey, { kid: "rsa" })],
});
const rule: JwtRule = {
  position,
  issuer: ISSUER,
  audiences: [],
  fromHeaders: [],
  fromParams: [],
  fromCookies: [],
  outputClaimToHeaders: [],
  forwardOriginalToken: false,
  timeoutMs: 5000,
  spaceDelimitedClaims: [],
  jwks,
};
const requestAuthentication = {
  policies: [
    { kind: "RequestAuthentication", namespace: "foo", name: "jwt", position, targetRefs: [], jwtRules: [rule] },
  ] as const,
  keySets: [],
};

let server: InboundFixture;
let client: KeptClient;
let authenticate: AuthenticateTokens;
let asked = 0;
beforeAll(async () => {
  server = await startInbound({
    http: {},
    protocol: "http",
    clock: { ...clock, now: () => clock.now() },
    local: { requestAuthentication },
    handle: (socket) =>
      void socket.on("data", () => {
        asked++;
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }),
  });
  client = createKeptClient(async () => net.connect({ host: server.address, port: server.port }));
  const config = server.config.current;
  const compiled = config && createTokenCompiler({ clock, keyUnknown: () => undefined })(config);
  if (!compiled) throw new Error("no tokens are looked at");
  authenticate = compiled;
});
afterAll(async () => {
  client?.close();
  await server?.close();
});

/** What the proxy does with it: 401 and the text, or "passed". */
function outcomeOf(token: string): string {
  const headers = new Map([["authorization", [`Bearer ${token}`]]]);
  const outcome = authenticate({ method: "GET", path: "/", host: "a", scheme: "http", headers });
  return outcome.kind === "passed"
    ? outcome.claims
      ? "passed"
      : "no token"
    : `${outcome.reply.status} ${outcome.reply.body}`;
}

test(`${EXECUTIONS} malformed and forged tokens are refused, and the proxy serves on (CV-46)`, async () => {
  const mutator = createTokenMutator(1, GOOD);
  const counts = new Map<string, number>();
  const count = (outcome: string): void => void counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  for (const token of GOOD) expect(outcomeOf(token)).toBe("passed");
  for (let execution = 0; execution < EXECUTIONS; execution++) {
    const token = mutator.next();
    const outcome = outcomeOf(token);
    count(outcome);
    if (!isRight(token, outcome)) expect({ execution, token, outcome }).toBeUndefined();
    // What is no field of a request is refused as that, which is not the matter here.
    if (execution % OVER_THE_WIRE > 0 || !/^[\x21-\x7e]{1,8000}$/.test(token)) continue;
    const before = asked;
    const { status, body } = await client.ask(`GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    const passes = outcome === "passed";
    const seen = { token, answer: passes ? status : `${status} ${body}`, asked: asked - before };
    expect(seen).toEqual({ token, answer: passes ? 200 : outcome, asked: passes ? 1 : 0 });
    count("over the wire");
  }
  console.log([...counts].map((each) => each.join(": ")).join("; "));
  for (const token of GOOD) expect(outcomeOf(token)).toBe("passed");
  // It has to come past the three parts, and to signatures.
  expect(counts.get("401 Jwt verification fails")).toBeGreaterThan(EXECUTIONS / 10);
  expect(counts.size).toBeGreaterThan(12);
});

/**
 * Only what was signed passes, whole, behind characters that no token has (as in Envoy 1.40); whoever brings something is
 * not taken for somebody without a token.
 */
function isRight(token: string, outcome: string): boolean {
  if (outcome === "passed") return GOOD.includes(token.replace(/^[^A-Za-z0-9_.-]+/, ""));
  return outcome.startsWith("401 ");
}
