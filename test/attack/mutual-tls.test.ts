/**
 * Ways around policies for who has a certificate of the mesh: names in certificates and in the ClientHello, requests behind
 * one another, fields, tokens. The oracles are the engine's decision for the identity that the proxy should have seen, and
 * what the application has received.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import net from "node:net";
import tls from "node:tls";
import { compileAuthorization, decide } from "@symbolon/policy";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";
import { createTestAuthority, type TestLeafOptions } from "@symbolon/spiffe/testing";
import { certificatesToPem } from "@symbolon/spiffe/x509";
import {
  type InboundFixture,
  MESH,
  type ProxyFixtureOptions,
  startInbound,
  type TlsClientOptions,
  talk,
  tlsClient,
  until,
} from "../fakes/proxy-fixture.ts";
import { buildPolicy, type PolicyText } from "../oracle/build-policy.ts";

const ADMIN = "spiffe://mesh.example/ns/foo/sa/admin";
const GUEST = MESH.issue("/ns/foo/sa/guest");
const HTTP = ["istio-http/1.1", "istio"];
const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function put({ config }: InboundFixture, ...policies: readonly PolicyText[]): void {
  const { current } = config;
  if (!current) throw new Error("no configuration");
  const local = { ...current.local, authorizationPolicies: policies.map(buildPolicy) };
  config.set({ ...current, version: current.version + 1, local });
}

async function startHttp(options: ProxyFixtureOptions & { readonly handle?: (socket: net.Socket) => void }) {
  const server = await startInbound({ http: {}, protocol: "http", mode: "strict", ...options });
  closing.push(server.close);
  return server;
}

async function open(server: InboundFixture, options: TlsClientOptions = {}): Promise<net.Socket> {
  const socket = tlsClient(server, { svid: GUEST, ALPNProtocols: HTTP, ...options });
  closing.push(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return socket;
}

describe("a certificate", () => {
  let server: InboundFixture;
  beforeAll(async () => {
    server = await startInbound({ mode: "strict", protocol: "tcp" });
  });
  afterAll(() => server.close());

  const passes = async ({ cert, key }: { readonly cert: string; readonly key: string }): Promise<boolean> => {
    const before = server.application.received().length;
    const { received } = await talk(tlsClient(server, { cert, key }), "ping", 4);
    expect(server.application.received().length > before).toBe(received.length > 0);
    return received.toString() === "ping";
  };
  const issue = (options: TestLeafOptions, ...more: Parameters<typeof certificatesToPem>[0]) => {
    const { chain, keyPair } = MESH.issueCertificate(options);
    const key = keyPair.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    return { cert: certificatesToPem([...chain, ...more]), key };
  };

  const NO_IDENTITY: readonly (readonly [string, TestLeafOptions])[] = [
    ["with its name as DNS name", { uris: [], dnsNames: [ADMIN] }],
    ["without any name", { uris: [] }],
    ...[
      `${ADMIN}/`,
      ADMIN.replace("spiffe:", "SPIFFE:"),
      ADMIN.replace("mesh", "Mesh"),
      ADMIN.replace("admin", "%61dmin"),
      `${ADMIN}?a`,
      `${ADMIN}#a`,
      ADMIN.replace("mesh.example", "mesh.example:443"),
      ADMIN.replace("mesh.example", "a@mesh.example"),
      ADMIN.replace("/ns/", "//ns/"),
      ADMIN.replace("/sa/", "/./sa/"),
      ADMIN.replace("foo", "bar/../foo"),
      `${ADMIN}\u0000`,
      ` ${ADMIN}`,
      `${ADMIN}\n`,
      ADMIN.replace("mesh.example", "mesh.example.evil"),
      "spiffe:///ns/foo/sa/admin",
      "spiffe:ns/foo/sa/admin",
    ].map((uri) => [`that says ${JSON.stringify(uri)}`, { uris: [uri] }] as const),
    ["with two names", { uris: [ADMIN, GUEST.spiffeId.toString()] }],
  ];
  test.each(NO_IDENTITY)("%s is nobody's, and opens nothing", async (_what, options) => {
    put(server);
    expect(await passes(issue(options))).toBe(false);
  });

  const SETS: readonly PolicyText[] = [
    { rules: [{ from: [{ principals: ["mesh.example/ns/foo/sa/admin"] }] }] },
    { rules: [{ from: [{ principals: ["*/sa/admin"] }] }] },
    { rules: [{ from: [{ namespaces: ["foo"] }] }] },
    { rules: [{ from: [{ serviceAccounts: ["foo/admin"] }] }] },
    { rules: [{ from: [{ trustDomains: ["mesh.example"] }] }] },
    { action: "deny", rules: [{ from: [{ notPrincipals: ["mesh.example/ns/foo/sa/admin"] }] }] },
    { action: "deny", rules: [{ from: [{ notNamespaces: ["foo"] }] }] },
    { action: "deny", rules: [{ from: [{ notServiceAccounts: ["foo/admin"] }] }] },
  ];
  test.each([
    ["/ns/foo/sa/admin", SETS.length],
    ["/ns/foo/sa/admin/x", undefined],
    ["/ns/foo/sa/Admin", undefined],
    ["/ns/foo/sa/admin.", undefined],
    ["/ns/foo/sa/ad-min", undefined],
    ["/x/ns/foo/sa/admin", undefined],
    ["/sa/admin/ns/foo", undefined],
    ["/ns/bar/sa/x/ns/foo/sa/admin", undefined],
    ["/ns/foo/sa/guest/sa/admin", undefined],
    ["/mesh.example/ns/foo/sa/admin", undefined],
    ["/admin", undefined],
  ] as const)("of %s is decided as the engine decides", async (path, all) => {
    const outcomes: boolean[] = [];
    const wanted: boolean[] = [];
    const peerSpiffeId = `spiffe://mesh.example${path}`;
    for (const text of SETS) {
      put(server, text);
      outcomes.push(await passes(issue({ uris: [peerSpiffeId] })));
      const rules = compileAuthorization([buildPolicy(text)], { trustDomain: "mesh.example" });
      const connection = {
        peerSpiffeId,
        sourceAddress: "127.0.0.1",
        destinationAddress: server.address,
        destinationPort: server.port,
      };
      wanted.push(decide(rules.connection(connection)).outcome === "allow");
    }
    expect(outcomes).toEqual(wanted);
    if (all !== undefined) expect(outcomes.filter(Boolean)).toHaveLength(all);
    else expect(outcomes[0]).toBe(false);
  });

  test("that shows another's behind its own has its own name", async () => {
    put(server, { rules: [{ from: [{ principals: ["mesh.example/ns/foo/sa/admin"] }] }] });
    const admin = MESH.issueCertificate({ uris: [ADMIN] }).certificate;
    expect(await passes(issue({ uris: [GUEST.spiffeId.toString()] }, admin))).toBe(false);
    expect(await passes(issue({ uris: [ADMIN] }, GUEST.leaf))).toBe(true);
  });

  test("below a leaf, or of an authority of the same name, is nobody's", async () => {
    put(server);
    const template = { basicConstraints: { ca: false } };
    for (const authority of [MESH.intermediate({ template }), createTestAuthority("mesh.example")]) {
      const { chain, keyPair } = authority.issueCertificate({ uris: [ADMIN] });
      const key = keyPair.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
      expect(await passes({ cert: certificatesToPem(chain), key })).toBe(false);
    }
  });
});

describe("a server name", () => {
  const SPELLINGS = ["admin.example", "ADMIN.example", "aDmIn.ExAmPlE"];

  test("is the same name for a rule however it is written, over mutual TLS", async () => {
    const server = await startHttp({ handle: answering });
    put(server, { action: "deny", rules: [{ when: [{ key: "connection.sni", values: ["admin.example"] }] }] });
    for (const servername of SPELLINGS)
      expect(await ask(await open(server, { servername }), GET)).toStartWith("HTTP/1.1 403");
    for (const servername of ["admin.example.org", "xadmin.example"])
      expect(await ask(await open(server, { servername }), GET)).toStartWith("HTTP/1.1 200");
    expect(await ask(await open(server), GET)).toStartWith("HTTP/1.1 200");
  });

  test("and for a client's own TLS that is passed on", async () => {
    const server = await startInbound({ http: {}, protocol: "auto", mode: "permissive" });
    closing.push(server.close);
    put(server, { action: "deny", rules: [{ when: [{ key: "connection.sni", values: ["admin.example"] }] }] });
    for (const servername of SPELLINGS) {
      const socket = tlsClient(server, { ALPNProtocols: ["http/1.1"], servername });
      await new Promise<void>((resolve) => socket.on("error", () => undefined).once("close", () => resolve()));
    }
    expect(server.application.connections).toEqual([]);
    expect(server.denials.map(({ connection }) => connection.sni)).toEqual(SPELLINGS.map(() => "admin.example"));
  });

  test("that is not one host name is passed on to no server, which could find a name in it", async () => {
    const server = await startInbound({ http: {}, protocol: "auto", mode: "permissive" });
    closing.push(server.close);
    const hello = await firstBytes({ servername: "admin.example" });
    const at = hello.indexOf("admin.example");
    // Another type of name: some servers look for the next one, and find theirs.
    hello[at - 3] = 1;
    const { received } = await talk(connectPlain(server), hello, 1);
    expect(received).toHaveLength(0);
    expect(await server.nextRecord()).toMatchObject({ reason: "foreign_tls_refused" });
    expect(server.application.connections).toEqual([]);
  });
});

describe("a change of policy, over mutual TLS", () => {
  const DENY_ADMIN: PolicyText = { action: "deny", rules: [{ to: [{ paths: ["/admin*"] }] }] };

  test("holds for requests that were sent before it, behind one that is under way", async () => {
    const waiting: (() => void)[] = [];
    const server = await startHttp({
      handle: (socket) =>
        socket.on("data", () => waiting.push(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))),
    });
    const socket = await open(server);
    const answers = collect(socket);
    const ask = (target: string) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`;
    socket.write(ask("/slow") + ask("/admin/1") + ask("/ok") + ask("/admin/2"));
    await until(() => waiting.length === 1);
    put(server, DENY_ADMIN);
    waiting[0]?.();
    await until(() => waiting.length === 2);
    waiting[1]?.();
    await until(() => answers().length === 4);
    expect(answers()).toEqual([200, 403, 200, 403]);
    expect(targets(server)).toEqual(["/slow", "/ok"]);
  });

  test("that denies a request in the middle of its content: what follows is never another request", async () => {
    const server = await startHttp({ handle: () => undefined });
    const socket = await open(server);
    const answers = collect(socket);
    const hidden = "POST /public HTTP/1.1\r\nHost: a\r\n\r\n";
    socket.write(`POST /admin HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length * 2}\r\n\r\n${hidden}`);
    await until(() => server.application.received().includes("/public"));
    put(server, DENY_ADMIN);
    const closed = new Promise<void>((resolve) => socket.once("end", () => resolve()).once("close", () => resolve()));
    await until(() => answers().length === 1);
    socket.write(hidden);
    await closed;
    expect(answers()).toEqual([403]);
    expect(server.application.connections).toHaveLength(1);
    expect(server.requests.map(({ path, status }) => [path, status])).toEqual([["/admin", 403]]);
  });

  test("to and fro while requests are pipelined: none arrives that the policy in force forbids when its turn comes", async () => {
    const server = await startHttp({ handle: answering });
    const socket = await open(server);
    const answers = collect(socket);
    for (let round = 1; round <= 20; round++) {
      const isDenied = round % 2 === 0;
      put(server, ...(isDenied ? [DENY_ADMIN] : []));
      const before = targets(server).length;
      socket.write("GET /admin HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5));
      await until(() => answers().length === round * 5);
      expect(answers().slice(-5)).toEqual(Array(5).fill(isDenied ? 403 : 200));
      expect(targets(server).length - before).toBe(isDenied ? 0 : 5);
    }
  });
});

describe("fields, over mutual TLS", () => {
  const FORGED = `By=spiffe://mesh.example/ns/foo/sa/server;URI=${ADMIN}`;
  const NAMES = ["X-Forwarded-Client-Cert", "x-forwarded-CLIENT-cert", "X_Forwarded_Client_Cert"];
  const forms = (name: string) => [
    `GET / HTTP/1.1\r\nHost: a\r\n${name}: ${FORGED}\r\n\r\n`,
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: x-forwarded-client-cert\r\n${name}: ${FORGED}\r\n\r\n`,
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${name}: ${FORGED}\r\n\r\n`,
  ];

  test.each(NAMES)("%s of a client is no identity, wherever it stands", async (name) => {
    const server = await startHttp({ handle: answering });
    put(server, { rules: [{ from: [{ principals: ["mesh.example/ns/foo/sa/admin"] }] }] });
    for (const form of forms(name)) expect(await ask(await open(server), form)).toMatch(/^HTTP\/1\.1 40[03] /);
    expect(server.application.received()).toHaveLength(0);
    put(server);
    for (const form of forms(name)) await ask(await open(server), form);
    // What a peer says comes first and is its word; the last element is this proxy's. "_" is "-" for servers of the CGI family.
    const heads = server.application.received().toString("latin1").replaceAll("_", "-");
    for (const line of heads.match(/^x-forwarded-client-cert:.*$/gim) ?? [])
      expect(line).toEndWith(";URI=spiffe://mesh.example/ns/foo/sa/guest");
    expect(server.requests.map(({ status }) => status).slice(-3)).toEqual(
      name.includes("_") ? [400, 400, 400] : [200, 400, 400],
    );
  });
});

describe("tokens, over mutual TLS", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwks = JSON.stringify({ keys: [jwkFromPublicKey(publicKey, { kid: "one" })] });
  const ISSUER = "mesh.example/ns/foo/sa";
  const position = { file: "f.yaml", line: 1, column: 1 };
  const requestAuthentication = {
    policies: [
      {
        kind: "RequestAuthentication",
        namespace: "foo",
        name: "jwt",
        position,
        targetRefs: [],
        jwtRules: [
          {
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
          },
        ],
      },
    ] as const,
    keySets: [],
  };
  const token = (claims: Readonly<Record<string, unknown>>) =>
    signJws({ iss: ISSUER, exp: Math.floor(Date.now() / 1000) + 600, ...claims }, { kid: "one", privateKey });
  const authorization = (...tokens: readonly string[]) => tokens.map((text) => `Authorization: Bearer ${text}\r\n`);
  const request = (...lines: readonly string[]) => `GET / HTTP/1.1\r\nHost: a\r\n${lines.join("")}\r\n`;

  test("a good token whose issuer and subject spell a principal of the mesh is not that principal", async () => {
    const server = await startHttp({ handle: answering, local: { requestAuthentication } as never });
    const sub = "admin";
    put(server, { rules: [{ from: [{ requestPrincipals: [`${ISSUER}/${sub}`] }] }] });
    expect(await ask(await open(server), request(...authorization(token({ sub }))))).toStartWith("HTTP/1.1 200");
    put(server, { rules: [{ from: [{ principals: [`${ISSUER}/${sub}`] }] }] });
    expect(await ask(await open(server), request(...authorization(token({ sub }))))).toStartWith("HTTP/1.1 403");
    put(server, { rules: [{ from: [{ requestPrincipals: [`${ISSUER}/guest`] }] }] });
    expect(await ask(await open(server), request())).toStartWith("HTTP/1.1 403");
  });

  test("a rule that wants caller and user wants both of the same request", async () => {
    const server = await startHttp({ handle: answering, local: { requestAuthentication } as never });
    put(server, {
      rules: [{ from: [{ principals: ["mesh.example/ns/foo/sa/admin"], requestPrincipals: [`${ISSUER}/alice`] }] }],
    });
    const alice = authorization(token({ sub: "alice" }));
    const admin = await open(server, { svid: MESH.issue("/ns/foo/sa/admin") });
    expect(await ask(admin, request(...alice))).toStartWith("HTTP/1.1 200");
    // The next one of the same connection brings none, and has none.
    expect(await ask(admin, request())).toStartWith("HTTP/1.1 403");
    expect(await ask(admin, request(...authorization(token({ sub: "bob" }))))).toStartWith("HTTP/1.1 403");
    expect(await ask(await open(server), request(...alice))).toStartWith("HTTP/1.1 403");
  });

  test("HTTP/2, which is passed on unread, is no way around a RequestAuthentication, now or when it comes", async () => {
    const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const server = await startHttp({ handle: (socket) => void socket.once("data", () => socket.write("x")) });
    const live = await open(server);
    live.write(PREFACE);
    await new Promise((resolve) => live.once("data", resolve));
    const { current } = server.config;
    if (!current) throw new Error("no configuration");
    const local = { ...current.local, requestAuthentication } as never;
    const closed = new Promise<void>((resolve) => live.on("error", () => undefined).once("close", () => resolve()));
    server.config.set({ ...current, version: current.version + 1, local });
    await closed;
    expect((await talk(await open(server), PREFACE, 1)).received).toHaveLength(0);
    expect(server.application.connections).toHaveLength(1);
    expect(server.records.map(({ reason }) => reason)).toEqual(["access_revoked", "access_denied"]);
    expect(server.denials.map(({ what, reason }) => [what, reason])).toEqual([
      ["revoked", "jwt_http2_unread"],
      ["connection", "jwt_http2_unread"],
    ]);
  });

  test("a second token, good or bad, changes nothing for the better", async () => {
    const server = await startHttp({ handle: answering, local: { requestAuthentication } as never });
    put(server, { rules: [{ from: [{ requestPrincipals: [`${ISSUER}/alice`] }] }] });
    const [alice, bob] = [token({ sub: "alice" }), token({ sub: "bob" })];
    const bad = `${alice.slice(0, -4)}AAAA`;
    for (const tokens of [
      [bad, alice],
      [alice, bad],
      [bob, alice],
      [alice, bob],
      [`${bob},${alice}`],
      [`${bob} ${alice}`],
    ])
      expect(await ask(await open(server), request(...authorization(...tokens)))).toMatch(/^HTTP\/1\.1 (401|403|400)/);
    expect(server.application.received()).toHaveLength(0);
    expect(await ask(await open(server), request(...authorization(alice)))).toStartWith("HTTP/1.1 200");
  });
});

function answering(socket: net.Socket): void {
  socket.on("data", (chunk) => {
    const requests = chunk.toString("latin1").match(/^[A-Z]+ \S+ HTTP\/1\.1\r$/gm)?.length ?? 0;
    for (let each = 0; each < requests; each++) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
}

function ask(socket: net.Socket, request: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      const [head = "", body] = text.split("\r\n\r\n", 2);
      if (body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1])) done();
    };
    const done = (): void => {
      socket.off("data", onData).off("close", done);
      resolve(text);
    };
    socket.on("data", onData).on("close", done);
    socket.write(request, "latin1");
  });
}

/** @returns the statuses of the answers so far */
function collect(socket: net.Socket): () => readonly number[] {
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  return () => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

function targets(server: InboundFixture): readonly string[] {
  const text = server.application.received().toString("latin1");
  return [...text.matchAll(/^[A-Z]+ (\S+) HTTP\/1\.1\r$/gm)].map(([, target]) => target ?? "");
}

function connectPlain({ address, port }: InboundFixture): net.Socket {
  return net.connect({ host: address, port });
}

/** A ClientHello as the runtime writes it. */
async function firstBytes(options: tls.ConnectionOptions): Promise<Buffer> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const received = new Promise<Buffer>((resolve) => {
    server.once("connection", (socket) => {
      socket.once("data", (chunk) => {
        resolve(Buffer.from(chunk));
        socket.destroy();
      });
    });
  });
  const client = tls.connect({ host: "127.0.0.1", port, ...options }).on("error", () => undefined);
  const bytes = await received;
  client.destroy();
  server.close();
  return bytes;
}
