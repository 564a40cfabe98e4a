/** SR-40, default deny on doubt: whatever goes wrong around a policy, nobody gets in by it. */
import { afterEach, describe, expect, spyOn, test } from "bun:test";
import type net from "node:net";
import { compileAuthorization } from "@symbolon/policy";
import { VerifiedTokens } from "../../packages/symbolon/src/proxy/verified-tokens.ts";
import { createControlPlaneFixture } from "../fakes/control-plane-fixture.ts";
import {
  type InboundFixture,
  MESH,
  type ProxyFixtureOptions,
  startInbound,
  talk,
  tlsClient,
} from "../fakes/proxy-fixture.ts";
import { buildPolicy } from "../oracle/build-policy.ts";

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const ALLOW_ALL = buildPolicy({ rules: [{}] });
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Start extends ProxyFixtureOptions {
  readonly protocol?: "http" | "tcp";
  readonly handle?: (socket: net.Socket) => void;
}

async function start(options: Start): Promise<InboundFixture> {
  const server = await startInbound({
    http: {},
    protocol: "http",
    mode: "strict",
    handle: (socket) => void socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
    ...options,
  });
  closing.push(server.close);
  return server;
}

function client(server: InboundFixture): net.Socket {
  return tlsClient(server, { svid: MESH.issue("/ns/foo/sa/client"), ALPNProtocols: ["istio-http/1.1", "istio"] });
}

async function statusOf(server: InboundFixture, ...lines: readonly string[]): Promise<string> {
  const request = ["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n");
  return (await talk(client(server), request, 1)).received.toString().slice(9, 12);
}

describe("SR-40: a change that is not understood", () => {
  const FOO = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {istio-injection: enabled}}\n---\n";
  const WEB =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: foo}\nspec: {containers: [{name: c, image: i}]}\n---\n";
  const policy = (spec: string) =>
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: foo}\nspec: ${spec}\n`;

  test.each([
    ["is no YAML", "{rules: [{}"],
    ["has an unknown field", "{rules: [{}], selectr: {}}"],
    ["has an unknown field in a rule", "{rules: [{form: [{source: {principals: [x]}}]}]}"],
    ["has an unknown action", "{action: PERMIT, rules: [{}]}"],
    ["has an unknown key in a condition", '{rules: [{when: [{key: "request.time", values: ["x"]}]}]}'],
    ["asks a provider that nobody has", "{action: CUSTOM, provider: {name: opa}, rules: [{}]}"],
    ["has an empty list", "{rules: [{from: []}]}"],
  ])("that %s is refused, and the running proxy denies as before", async (_what, spec) => {
    const mesh = await createControlPlaneFixture({ files: FOO + WEB });
    expect(await mesh.apply(policy("{}"))).toMatchObject({ accepted: true });
    const [pod] = mesh.control.desiredPods.current;
    const told = () => {
      const config = mesh.control.configs.current(pod?.uid ?? "");
      if (!config) throw new Error("no configuration");
      return config;
    };
    const server = await start({ local: { authorizationPolicies: told().local.authorizationPolicies } });
    const { current } = server.config;
    if (!current) throw new Error("no configuration");
    expect(await statusOf(server)).toBe("403");
    expect(await mesh.apply(policy(spec))).toMatchObject({ accepted: false });
    const { authorizationPolicies } = told().local;
    server.config.set({ ...current, version: 2, local: { ...current.local, authorizationPolicies } });
    expect(await statusOf(server)).toBe("403");
    expect(server.application.connections).toEqual([]);
    // The nearest change that is understood opens it, so that the refusals above are about what is wrong.
    expect(await mesh.apply(policy("{rules: [{}]}"))).toMatchObject({ accepted: true });
    const local = { ...current.local, authorizationPolicies: told().local.authorizationPolicies };
    server.config.set({ ...current, version: 3, local });
    expect(await statusOf(server)).toBe("200");
  });

  test("by a proxy opens nothing at its start", async () => {
    const unknown = { ...ALLOW_ALL, action: "permit" as "allow" };
    const server = await start({ local: { authorizationPolicies: [unknown] } });
    expect(server.proxy.ready).toBe(false);
    await expect(
      new Promise((resolve, reject) => client(server).once("secureConnect", resolve).once("error", reject)),
    ).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

describe("SR-40: a throw", () => {
  const connection = compileAuthorization([ALLOW_ALL], { trustDomain: "mesh.example" }).connection({
    sourceAddress: "127.0.0.1",
    destinationAddress: "127.0.0.1",
    destinationPort: 1,
  });
  const decisions: { decide: unknown } = Object.getPrototypeOf(connection);
  const broken = (): never => {
    throw new Error("a defect");
  };
  const position = { file: "f.yaml", line: 1, column: 1 };
  const jwtRule = {
    position,
    issuer: "i",
    audiences: [],
    fromHeaders: [],
    fromParams: [],
    fromCookies: [],
    outputClaimToHeaders: [],
    forwardOriginalToken: false,
    timeoutMs: 5000,
    spaceDelimitedClaims: [],
    jwksUri: "https://i/jwks",
  };
  const requestAuthentication = {
    policies: [
      { kind: "RequestAuthentication", namespace: "foo", name: "jwt", position, targetRefs: [], jwtRules: [jwtRule] },
    ],
    keySets: [],
  } as never;
  const TOKEN = `Authorization: Bearer ${['{"alg":"ES256"}', '{"iss":"i","sub":"s","exp":4000000000}', "s"].map((part) => Buffer.from(part).toString("base64url")).join(".")}`;

  test("of a matcher, for a request: 503 with the reason; the proxy goes on", async () => {
    const server = await start({ local: { authorizationPolicies: [ALLOW_ALL] }, mesh: { denialReasonHeader: true } });
    const decide = spyOn(decisions as { decide: () => unknown }, "decide").mockImplementation(broken);
    try {
      const { received } = await talk(client(server), GET, 1);
      expect(received.toString()).toMatch(/^HTTP\/1\.1 503 .*\r\nX-Symbolon-Reason: evaluation_failed\r\n/s);
    } finally {
      decide.mockRestore();
    }
    expect(server.application.connections).toEqual([]);
    expect(server.requests).toMatchObject([{ status: 503, detail: "policy_evaluation_failed" }]);
    expect(server.denials).toMatchObject([{ what: "request", reason: "evaluation_failed", detail: "a defect" }]);
    expect(await statusOf(server)).toBe("200");
  });

  test("of a matcher, for a connection: closed before the application is dialled; the proxy goes on", async () => {
    const server = await start({ protocol: "tcp", local: { authorizationPolicies: [ALLOW_ALL] } });
    const decide = spyOn(decisions as { decide: () => unknown }, "decide").mockImplementation(broken);
    try {
      expect((await talk(client(server), "ping", 1)).received).toHaveLength(0);
    } finally {
      decide.mockRestore();
    }
    expect(server.application.connections).toEqual([]);
    expect(server.proxy.vitals().connections).toEqual([]);
    expect((await talk(client(server), "ping", 1)).received.toString()).toStartWith("HTTP/1.1 200");
  });

  test("of the check of a token: 503; keys that are not there: 401", async () => {
    const server = await start({ local: { requestAuthentication } });
    expect(await statusOf(server, TOKEN)).toBe("401");
    const find = spyOn(VerifiedTokens.prototype, "find").mockImplementation(broken);
    try {
      expect(await statusOf(server, TOKEN)).toBe("503");
    } finally {
      find.mockRestore();
    }
    expect(server.application.connections).toEqual([]);
    expect(await statusOf(server)).toBe("200");
  });

  test("where a denial is recorded: no answer of the application, and the proxy goes on", async () => {
    const server = await start({ local: { authorizationPolicies: [buildPolicy({})] } });
    const push = server.denials.push.bind(server.denials);
    server.denials.push = broken;
    expect(await statusOf(server)).not.toBe("200");
    server.denials.push = push;
    expect(await statusOf(server)).toBe("403");
    expect(server.application.connections).toEqual([]);
  });

  test("while a request under way is decided again: 503, and the application's answer is not passed on", async () => {
    const server = await start({ local: { authorizationPolicies: [ALLOW_ALL] }, handle: () => undefined });
    const answer = talk(client(server), GET, 1);
    while (server.application.received().length === 0) await new Promise((resolve) => setImmediate(resolve));
    const { current } = server.config;
    if (!current) throw new Error("no configuration");
    const decide = spyOn(decisions as { decide: () => unknown }, "decide").mockImplementation(broken);
    try {
      const authorizationPolicies = [buildPolicy({ rules: [{}, {}] })];
      server.config.set({ ...current, version: 2, local: { ...current.local, authorizationPolicies } });
    } finally {
      decide.mockRestore();
    }
    expect((await answer).received.toString()).toStartWith("HTTP/1.1 503");
  });
});
