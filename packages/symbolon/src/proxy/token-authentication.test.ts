/** Tokens of end users before a real application: who gets through, what the refused are told, and what the application sees. */
import { afterEach, describe, expect, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import net from "node:net";
import { fileURLToPath } from "node:url";
import type { JwtRule } from "@symbolon/policy";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";
import { createFakeClock } from "@symbolon/spiffe/testing";
import {
  type InboundFixture,
  type ProxyFixtureOptions,
  startInbound,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";
import { buildPolicy, type PolicyText } from "../../../../test/oracle/build-policy.ts";
import type { FetchedKeySet } from "../mesh/index.ts";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const KEY = generateKeyPairSync("ec", { namedCurve: "P-256" });
const OTHER = generateKeyPairSync("ec", { namedCurve: "P-256" });
const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ISSUER = "https://issuer.example";
const POSITION = { file: "f.yaml", line: 1, column: 1 };

const keySet = (...keys: readonly (readonly [string, KeyObject])[]): string =>
  JSON.stringify({ keys: keys.map(([kid, key]) => jwkFromPublicKey(key, { kid })) });
const JWKS = keySet(["one", KEY.publicKey], ["rsa", RSA.publicKey]);

function rule(fields: Partial<JwtRule> = {}): JwtRule {
  return {
    position: POSITION,
    issuer: ISSUER,
    audiences: [],
    fromHeaders: [],
    fromParams: [],
    fromCookies: [],
    outputClaimToHeaders: [],
    forwardOriginalToken: false,
    timeoutMs: 5000,
    spaceDelimitedClaims: [],
    ...("jwksUri" in fields ? {} : { jwks: JWKS }),
    ...fields,
  };
}

const clock = createFakeClock();
const seconds = (): number => Math.floor(clock.now().getTime() / 1000);

function token(claims: Readonly<Record<string, unknown>> = {}, kid = "one", privateKey = KEY.privateKey): string {
  return signJws({ iss: ISSUER, sub: "alice", exp: seconds() + 600, ...claims }, { kid, privateKey });
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
const answering = (socket: net.Socket): void => {
  socket.on("data", (chunk) => {
    const requests = chunk.toString("latin1").split("\r\n\r\n").length - 1;
    for (let each = 0; each < requests; each++) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
};

const requestAuthentication = (rules: readonly JwtRule[], keySets: readonly FetchedKeySet[] = []) => ({
  policies: [
    {
      kind: "RequestAuthentication",
      namespace: "foo",
      name: "jwt",
      position: POSITION,
      targetRefs: [],
      jwtRules: rules,
    },
  ] as const,
  keySets,
});

interface Start extends ProxyFixtureOptions {
  readonly rules?: readonly JwtRule[];
  readonly keySets?: readonly FetchedKeySet[];
  readonly policies?: readonly PolicyText[];
  readonly handle?: (socket: net.Socket) => void;
}

async function start({ rules = [rule()], keySets, policies = [], ...options }: Start = {}): Promise<InboundFixture> {
  const server = await startInbound({
    http: {},
    protocol: "http",
    handle: answering,
    clock: { ...clock, now: () => clock.now() },
    ...options,
    local: {
      authorizationPolicies: policies.map(buildPolicy),
      requestAuthentication: requestAuthentication(rules, keySets),
    },
  });
  closing.push(() => server.close());
  return server;
}

function ask({ address, port }: InboundFixture, target: string, ...lines: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port });
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("close", () => resolve(text)).on("error", reject);
    socket.write(
      [`GET ${target} HTTP/1.1`, "Host: svc.foo", "Connection: close", ...lines, "", ""].join("\r\n"),
      "latin1",
    );
  });
}

const bearer = (text: string): string => `Authorization: Bearer ${text}`;
const statusOf = async (answer: Promise<string>): Promise<number> => Number((await answer).slice(9, 12));
const seen = (server: InboundFixture): string => server.application.received().toString("latin1");

describe("a request with a token", () => {
  test("that is good passes without it; one with none passes; a bad signature gets Istio's 401 to the letter", async () => {
    const server = await start();
    expect(await statusOf(ask(server, "/a", bearer(token())))).toBe(200);
    expect(seen(server)).not.toContain("uthorization");
    expect(await statusOf(ask(server, "/a"))).toBe(200);
    const before = seen(server).length;
    expect(await ask(server, "/a?x=1", bearer(token({}, "one", OTHER.privateKey)))).toBe(
      'HTTP/1.1 401 Unauthorized\r\nContent-Type: text/plain\r\nContent-Length: 22\r\nWWW-Authenticate: Bearer realm="http://svc.foo/a?x=1", error="invalid_token"\r\nConnection: close\r\n\r\nJwt verification fails',
    );
    expect(seen(server).length).toBe(before);
  });

  const refusals: readonly (readonly [string, () => string, number, string])[] = [
    [
      "not three parts",
      () => "a.b",
      401,
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    ["another issuer", () => token({ iss: "https://other" }), 401, "Jwt issuer is not configured"],
    ["expired", () => token({ exp: seconds() - 61 }), 401, "Jwt is expired"],
    ["not yet valid", () => token({ nbf: seconds() + 61 }), 401, "Jwt not yet valid"],
    ["an audience that is not wanted", () => token({ aud: "b" }), 403, "Audiences in Jwt are not allowed"],
    ["an unknown key", () => token({}, "two"), 401, "Jwks doesn't have key to match kid or alg from Jwt"],
    [
      "a key name that is a path",
      () => token({}, "../../one"),
      401,
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
    [
      "none",
      () => `${encode({ alg: "none" })}.${encode({ iss: ISSUER })}.`,
      401,
      "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
    ],
    [
      "none, with a signature",
      () => `${encode({ alg: "none" })}.${encode({ iss: ISSUER })}.AA`,
      401,
      "Jwt header [alg] is not supported",
    ],
    [
      "an HMAC with the public key",
      () => `${encode({ alg: "HS256", kid: "rsa" })}.${encode({ iss: ISSUER })}.AAAA`,
      401,
      "Jwt header [alg] is not supported",
    ],
    [
      "the algorithm of another key",
      () => `${encode({ alg: "RS256", kid: "one" })}.${token().split(".").slice(1).join(".")}`,
      401,
      "Jwks doesn't have key to match kid or alg from Jwt",
    ],
    [
      "a key that the token brings along",
      () => {
        const [, payload = ""] = token().split(".");
        const header = encode({ alg: "ES256", kid: "one", jwk: jwkFromPublicKey(OTHER.publicKey) });
        const forged = signJws({ iss: ISSUER }, { kid: "one", privateKey: OTHER.privateKey }).split(".")[2];
        return `${header}.${payload}.${forged}`;
      },
      401,
      "Jwt verification fails",
    ],
  ];
  for (const [what, make, status, body] of refusals) {
    test(`is refused: ${what}`, async () => {
      const server = await start({ rules: [rule({ audiences: what.startsWith("an audience") ? ["a"] : [] })] });
      const answer = await ask(server, "/", bearer(make()));
      expect(Number(answer.slice(9, 12))).toBe(status);
      expect(answer).toEndWith(`\r\n\r\n${body}`);
      expect(seen(server)).toBe("");
    });
  }

  test("in no form that a token has is refused, and the proxy serves on (CV-46)", async () => {
    const server = await start({ rules: [rule({ jwks: keySet(["one", RSA.publicKey]) })] });
    const [head = "", payload = "", signature = ""] = token().split(".");
    const part = "A".repeat(20_000);
    const surrogate = Buffer.from('{"iss":"\\ud800","sub":"\\udfff\\ud800"}').toString("base64url");
    const shapes: readonly string[] = [
      token(), // ES256 where the only key of this name is RSA
      head,
      `${head}.${payload}`,
      "..",
      `.${payload}.${signature}`,
      `${head}..${signature}`,
      `${head}.${payload}.`,
      `${head}.${payload}.${signature}.`,
      `${head}.${payload}.${signature}.${payload}.${signature}`,
      `${head}.${surrogate}.${signature}`,
      `${part}.${payload}.${signature}`,
      `${head}.${part}.${signature}`,
      `${head}.${payload}.${part}`,
    ];
    for (const shape of shapes) expect([shape, await statusOf(ask(server, "/", bearer(shape)))]).toEqual([shape, 401]);
    // A mebibyte is no head of a request at all.
    expect(await statusOf(ask(server, "/", bearer(`${head}.${"A".repeat(1 << 20)}.${signature}`)))).toBe(431);
    expect(seen(server)).toBe("");
    expect(await statusOf(ask(server, "/"))).toBe(200);
  });

  test("within a minute of its end passes, verified anew; after it, verified before or not, it does not", async () => {
    const server = await start();
    const text = token({ exp: seconds() + 10 });
    expect(await statusOf(ask(server, "/", bearer(text)))).toBe(200);
    await clock.advance(69_000);
    expect(await statusOf(ask(server, "/", bearer(text)))).toBe(200);
    await clock.advance(2_000);
    expect(await statusOf(ask(server, "/", bearer(text)))).toBe(401);
  });

  test("writes its headers, and a client that sends them is not believed: not by the application, not by a policy", async () => {
    const rules = [
      rule({ outputPayloadToHeader: "X-Payload", outputClaimToHeaders: [{ header: "X-User", claim: "sub" }] }),
    ];
    const fromHeader = { when: [{ key: "request.headers[x-user]", values: ["alice"] }] };
    const server = await start({ rules, policies: [{ rules: [fromHeader] }] });
    const text = token();
    expect(await statusOf(ask(server, "/", "X-User: alice", "x-payload: forged"))).toBe(403);
    expect(await statusOf(ask(server, "/", "X-User: alice", bearer(token({ sub: "bob" }))))).toBe(403);
    expect(await statusOf(ask(server, "/", "X-User: mallory", "x-payload: forged", bearer(text)))).toBe(200);
    expect(seen(server)).toContain("\r\nx-user: alice\r\n");
    expect(seen(server)).toContain(`\r\nx-payload: ${text.split(".")[1]}\r\n`);
    expect(seen(server)).not.toMatch(/mallory|forged/);
  });

  test("gives policies its principal and claims; who has none gets 403", async () => {
    const wanted = {
      from: [{ requestPrincipals: [`${ISSUER}/alice`] }],
      when: [{ key: "request.auth.claims[groups]", values: ["group1"] }],
    };
    const server = await start({ policies: [{ rules: [wanted] }] });
    expect(await statusOf(ask(server, "/", bearer(token({ groups: ["group1", "group2"] }))))).toBe(200);
    expect(await statusOf(ask(server, "/", bearer(token({ groups: ["group2"] }))))).toBe(403);
    expect(await statusOf(ask(server, "/", bearer(token({ sub: "bob", groups: ["group1"] }))))).toBe(403);
    expect(await statusOf(ask(server, "/"))).toBe(403);
  });

  test("in the query reaches neither the application nor a record", async () => {
    const server = await start();
    const text = token();
    expect(await statusOf(ask(server, `/a?access_token=${text}&y=2`))).toBe(200);
    expect(seen(server)).toStartWith("GET /a?y=2 HTTP/1.1\r\n");
    expect(await statusOf(ask(server, "/a?access_token=a.b.c&y=2"))).toBe(401);
    expect(server.requests.map(({ path }) => path)).toEqual(["/a?y=2", "/a?y=2"]);
  });
});

const source = "http://jwks.example/keys";
const remote = [rule({ jwksUri: source })];

describe("keys", () => {
  test("that are not there refuse tokens that need them, with the reason, and nobody else (CV-48)", async () => {
    const server = await start({ rules: remote });
    expect(await ask(server, "/", bearer(token()))).toEndWith("\r\n\r\nJwks remote fetch is failed");
    expect(await statusOf(ask(server, "/"))).toBe(200);
    expect(server.requests[0]?.detail).toContain(
      "RequestAuthentication foo/jwt jwtRules[0], no keys from http://jwks.example/keys",
    );
  });

  for (const [text, body] of [
    ["<html>", "Jwks is an invalid JSON"],
    ["{}", "Jwks does not have [keys] field"],
    ['{"keys":{}}', "[keys] in Jwks is not an array"],
    ['{"keys":[]}', "Jwks doesn't have any valid public key"],
  ] as const) {
    test(`that are ${text} refuse tokens`, async () => {
      const server = await start({ rules: remote, keySets: [{ source, jwks: text }] });
      expect(await ask(server, "/", bearer(token()))).toEndWith(`\r\n\r\n${body}`);
      expect(await statusOf(ask(server, "/"))).toBe(200);
    });
  }

  test("that come while 100 requests have asked for them refuse those, and take the next: nobody waits (CV-50)", async () => {
    const server = await start({ rules: remote });
    const text = token();
    const many = () => Promise.all(Array.from({ length: 100 }, () => statusOf(ask(server, "/", bearer(text)))));
    expect(new Set(await many())).toEqual(new Set([401]));
    swapKeys(server, "<html>");
    expect(new Set(await many())).toEqual(new Set([401]));
    swapKeys(server, JWKS);
    expect(new Set(await many())).toEqual(new Set([200]));
  });

  test("that are swapped end tokens of the old ones at once, verified before or not, and take those of the new", async () => {
    const server = await start({ rules: remote, keySets: [{ source, jwks: JWKS }] });
    const old = token();
    const fresh = token({}, "two", OTHER.privateKey);
    const statuses = async () => [
      await statusOf(ask(server, "/", bearer(old))),
      await statusOf(ask(server, "/", bearer(fresh))),
    ];
    expect(await statuses()).toEqual([200, 401]);
    const current = server.config.current;
    if (!current) throw new Error("no configuration");
    const keySets = [{ source, jwks: keySet(["two", OTHER.publicKey]) }];
    const local = { ...current.local, requestAuthentication: requestAuthentication(remote, keySets) };
    server.config.set({ ...current, version: 2, local });
    expect(await statuses()).toEqual([401, 200]);
  });
});

const OLD_KEYS = keySet(["one", KEY.publicKey]);
const NEW_KEYS = keySet(["two", OTHER.publicKey]);

function swapKeys(server: InboundFixture, jwks: string, rules: readonly JwtRule[] = remote): void {
  const current = server.config.current;
  if (!current) throw new Error("no configuration");
  const local = { ...current.local, requestAuthentication: requestAuthentication(rules, [{ source, jwks }]) };
  server.config.set({ ...current, version: current.version + 1, local });
}

describe("keys that are swapped under load", () => {
  test("decide each request by the set in force when it comes, 20 times to and fro over 8 connections", async () => {
    const server = await start({ rules: remote, keySets: [{ source, jwks: OLD_KEYS }] });
    const tokens = [token(), token({}, "two", OTHER.privateKey)];
    let swaps = 0;
    const counts = { sure: 0, across: 0 };
    const wrong: string[] = [];
    const client = async (first: number): Promise<void> => {
      for (let number = first; swaps < 20; number++) {
        const before = swaps;
        const status = await statusOf(ask(server, "/", bearer(tokens[number % 2] ?? "")));
        const right = Array.from({ length: swaps - before + 1 }, (_, each) => (before + each) % 2 === number % 2);
        if (!right.includes(status === 200)) wrong.push(`${status}, swaps ${before} to ${swaps}, token ${number % 2}`);
        const isSure = right.length === 1;
        counts[isSure ? "sure" : "across"]++;
        if (isSure && counts.sure % 8 === 0) swapKeys(server, ++swaps % 2 === 0 ? OLD_KEYS : NEW_KEYS);
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, first) => client(first)));
    expect(wrong).toEqual([]);
    expect(counts.sure).toBeGreaterThan(100);
  });

  test("let a request end that was admitted before, and refuse the next one", async () => {
    const waiting: net.Socket[] = [];
    const server = await start({
      rules: remote,
      keySets: [{ source, jwks: OLD_KEYS }],
      handle: (socket) => waiting.push(socket),
    });
    const answer = ask(server, "/", bearer(token()));
    await until(() => seen(server).includes("GET /"));
    swapKeys(server, NEW_KEYS);
    waiting[0]?.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect(await statusOf(answer)).toBe(200);
    expect(await statusOf(ask(server, "/", bearer(token())))).toBe(401);
    expect(waiting).toHaveLength(1);
  });
});

describe("a WebSocket that was opened with a token", () => {
  const upgrading = (socket: net.Socket): void => {
    socket.once("data", () => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      socket.pipe(socket);
    });
  };
  async function open(text: string | undefined, options: Start = {}) {
    const server = await start({
      rules: remote,
      keySets: [{ source, jwks: OLD_KEYS }],
      handle: upgrading,
      ...options,
    });
    const socket = net.connect({ host: server.address, port: server.port });
    closing.push(() => void socket.destroy());
    const next = () => new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
    const opened = next();
    const lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
    const credentials = text === undefined ? [] : [bearer(text)];
    socket.write(
      ["GET /chat HTTP/1.1", "Host: a", ...lines, "Sec-WebSocket-Version: 13", ...credentials, "", ""].join("\r\n"),
    );
    expect(await opened).toStartWith("HTTP/1.1 101");
    const echo = (): Promise<string> => {
      const answer = next();
      socket.write("x");
      return answer;
    };
    return {
      server,
      echo,
      ended: new Promise((resolve) => socket.once("close", resolve).on("error", () => undefined)),
    };
  }

  test("goes on past its end and when keys are added, and is closed when its key is withdrawn", async () => {
    const both = keySet(["one", KEY.publicKey], ["two", OTHER.publicKey]);
    const { server, echo, ended } = await open(token());
    swapKeys(server, both);
    expect(await echo()).toBe("x");
    swapKeys(server, NEW_KEYS);
    await ended;
    expect(await server.nextRecord()).toMatchObject({ reason: "access_revoked" });
    expect(server.denials).toMatchObject([
      { what: "revoked", reason: "jwt_no_matching_key", request: { path: "/chat" } },
    ]);
    expect(JSON.stringify(server.denials)).not.toContain("eyJ");
  });

  test("goes on when its token expires, until keys or rules change", async () => {
    const { server, echo, ended } = await open(token({ exp: seconds() + 10 }));
    await clock.advance(71_000);
    expect(await echo()).toBe("x");
    swapKeys(server, keySet(["one", KEY.publicKey], ["two", OTHER.publicKey]));
    await ended;
    expect(server.denials).toMatchObject([{ what: "revoked", reason: "jwt_expired" }]);
  });

  test("is decided by policies with the claims that its token has under the new rules", async () => {
    const policies = [{ rules: [{ from: [{ requestPrincipals: [`${ISSUER}/alice`] }] }] }];
    const { server, echo, ended } = await open(token(), { policies });
    swapKeys(server, OLD_KEYS, [rule({ jwksUri: source, audiences: [] }), rule({ issuer: "https://other" })]);
    expect(await echo()).toBe("x");
    const current = server.config.current;
    if (!current) throw new Error("no configuration");
    const { requestAuthentication: _, ...local } = current.local;
    server.config.set({ ...current, version: 9, local });
    await ended;
    expect(server.denials).toMatchObject([{ what: "revoked", reason: "no_allow_rule_matched" }]);
  });

  test("without any goes on when rules come that ask for none", async () => {
    const { server, echo } = await open(undefined);
    swapKeys(server, NEW_KEYS);
    expect(await echo()).toBe("x");
  });
});

test("a token of an issuer that no rule names is refused beside rules that ask for none; no token passes, without principal (CV-47)", async () => {
  const rules = [
    rule(),
    rule({ issuer: "https://optional" }),
    rule({ issuer: "https://third", fromHeaders: [{ name: "x-t", prefix: "" }] }),
  ];
  const server = await start({
    rules,
    policies: [{ action: "deny", rules: [{ to: [{ paths: ["/in"] }], from: [{ notRequestPrincipals: ["*"] }] }] }],
  });
  expect(await statusOf(ask(server, "/", bearer(token({ iss: "https://unknown" }))))).toBe(401);
  expect(await statusOf(ask(server, "/", bearer(token({ iss: `${ISSUER}/` }))))).toBe(401);
  expect(seen(server)).toBe("");
  expect(await statusOf(ask(server, "/"))).toBe(200);
  expect(await statusOf(ask(server, "/in"))).toBe(403);
  expect(await statusOf(ask(server, "/in", bearer(token())))).toBe(200);
});

test("headers that tokens write are not taken from a client's trailers either", async () => {
  const rules = [rule({ outputClaimToHeaders: [{ header: "X-User", claim: "sub" }] })];
  const server = await start({ rules });
  const socket = net.connect({ host: server.address, port: server.port });
  closing.push(() => void socket.destroy());
  const answered = new Promise((resolve) => socket.once("data", resolve));
  const head = ["POST / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", bearer(token()), "", ""];
  socket.write(`${head.join("\r\n")}0\r\nX-USER: root\r\nX-Sum: 1\r\n\r\n`);
  await answered;
  await until(() => seen(server).endsWith("\r\n\r\n"));
  expect(seen(server)).toContain("\r\nx-user: alice\r\n");
  expect(seen(server)).toMatch(/\r\n0\r\nX-Sum: 1\r\n\r\n$/i);
});

test("a clock that is off by an hour: the record has both times, and the answer neither", async () => {
  const server = await start();
  const exp = seconds() - 3600;
  expect(await ask(server, "/", bearer(token({ exp })))).toEndWith("\r\n\r\nJwt is expired");
  const { detail } = server.requests[0] ?? {};
  expect(detail).toContain("jwt_authn_access_denied{Jwt_is_expired}");
  expect(detail).toContain(
    `exp ${new Date(exp * 1000).toISOString()}, clock of this proxy ${clock.now().toISOString()}`,
  );
});

const WYCHEPROOF = fileURLToPath(
  new URL("../../../../../shared/vectors/wycheproof/json_web_signature_test.json", import.meta.url),
);
if (existsSync(WYCHEPROOF)) {
  test("Wycheproof's 401 signatures: none of them signs claims, and all are refused but for the three that are no token at all; the same keys sign claims that pass", async () => {
    const { testGroups }: { testGroups: readonly Group[] } = JSON.parse(readFileSync(WYCHEPROOF, "utf8"));
    const passed: number[] = [];
    let asked = 0;
    const controls: number[] = [];
    for (const { public: publicKey, private: privateKey, tests } of testGroups) {
      const server = await start({
        rules: [rule({ issuer: "", jwks: JSON.stringify({ keys: [publicKey ?? privateKey] }) })],
      });
      for (const { tcId, jws } of tests) {
        asked++;
        const text = (typeof jws === "string" ? jws : JSON.stringify(jws)).replace(/[\r\n]/g, " ");
        if ((await statusOf(ask(server, "/", bearer(text)))) !== 401) passed.push(tcId);
      }
      if (publicKey?.kty === "EC" && privateKey && publicKey.use === "sig" && publicKey.alg === "ES256") {
        const key = createPrivateKey({ key: privateKey, format: "jwk" });
        const text = signJws({ sub: "a" }, { kid: String(publicKey.kid), privateKey: key });
        controls.push(await statusOf(ask(server, "/", bearer(text))));
      }
    }
    expect({ asked, passed, controls }).toEqual({ asked: 401, passed: [13, 30, 45], controls: [200, 200] });
  }, 60_000);
}

interface Group {
  readonly public?: Readonly<Record<string, string>>;
  readonly private?: Readonly<Record<string, string>>;
  readonly tests: readonly { readonly tcId: number; readonly jws: unknown }[];
}
