/**
 * Past attacks on policies, by their row in the table of CVEs (CV-…), against the running proxy. The oracle is what the
 * server behind it has seen: a request that policy forbids arrives in no spelling.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { createKeptClient, type KeptClient } from "../fakes/kept-client.ts";
import {
  captureClientHello,
  freeNetwork,
  type InboundFixture,
  keyPem,
  MESH,
  type ProxyFixture,
  type Relay,
  startInbound,
  startProxy,
  talk,
  tlsClient,
} from "../fakes/proxy-fixture.ts";
import { buildPolicy, type PolicyText, type RuleText } from "../oracle/build-policy.ts";
import { missingPrograms, RECORDERS, type Recorder } from "./recorders.ts";

const PORT = 8080;
const missing = missingPrograms();
const PATH = "/ns/ns1/sa/my.sa";
const svid = MESH.issue(PATH);

interface Try {
  readonly target?: string;
  readonly method?: string;
  readonly lines?: readonly string[];
  readonly passes: boolean;
}

type Normalization = "base" | "merge-slashes" | "decode-and-merge-slashes";

interface Attack {
  readonly row: string;
  readonly what: string;
  readonly policies: readonly PolicyText[];
  /** "base" when absent. */
  readonly pathNormalization?: Normalization;
  readonly tries: readonly Try[];
}

const deny = (rule: RuleText): readonly PolicyText[] => [{ action: "deny", rules: [rule] }];
const allow = (rule: RuleText): readonly PolicyText[] => [{ rules: [rule] }];
const onPaths = (...paths: readonly string[]): RuleText => ({ to: [{ paths }] });
const onRole = (...values: readonly string[]): RuleText => ({ when: [{ key: "request.headers[x-role]", values }] });
const role = (...values: readonly string[]) => values.map((value) => `x-role: ${value}`);
const refused = (...targets: readonly string[]): readonly Try[] => targets.map((target) => ({ target, passes: false }));
const passed = (...targets: readonly string[]): readonly Try[] => targets.map((target) => ({ target, passes: true }));

const ATTACKS: readonly Attack[] = [
  {
    row: "CV-01",
    what: "a path that is another one when it is resolved",
    policies: deny(onPaths("/admin*")),
    tries: [
      ...refused("/public/../admin", "/public/%2e%2e/admin", "/./admin", "/a/..\\admin", "/%61dmin"),
      ...passed("/public/admin", "/%2561dmin"),
    ],
  },
  {
    row: "CV-04",
    what: "slashes that are written otherwise",
    policies: deny(onPaths("/admin")),
    pathNormalization: "decode-and-merge-slashes",
    tries: [
      ...refused("//admin", "/%2fadmin", "/%5cadmin", "/x/%2e%2e%2fadmin", "/%2F%5C/admin"),
      ...passed("/x/admin", "/%252fadmin"),
    ],
  },
  {
    row: "CV-10, CV-12",
    what: "several lines of one field: a DENY matches any of them",
    policies: deny(onRole("admin")),
    tries: [
      { lines: role("user", "admin"), passes: false },
      { lines: role("admin", "user"), passes: false },
      { lines: ["X-ROLE:admin\t "], passes: false },
      // One line is one value, as in Envoy 1.40: whoever means lists writes a suffix or a prefix.
      { lines: role("user,admin"), passes: true },
      { lines: role("user"), passes: true },
    ],
  },
  {
    row: "CV-12",
    what: "several lines of one field: an ALLOW needs one of them, whole",
    policies: allow(onRole("user")),
    tries: [
      { lines: role("user", "admin"), passes: true },
      { lines: role("user,admin"), passes: false },
      { lines: role("User"), passes: false },
      { passes: false },
    ],
  },
  {
    row: "CV-12",
    what: "several lines of one field: notValues forbids each",
    policies: allow({ when: [{ key: "request.headers[x-role]", notValues: ["admin"] }] }),
    tries: [{ lines: role("user", "admin"), passes: false }, { lines: role("user"), passes: true }, { passes: true }],
  },
  {
    row: "CV-19",
    what: "two slashes are no authority",
    policies: deny(onPaths("/admin/*")),
    pathNormalization: "merge-slashes",
    tries: [...refused("//admin/secret", "///admin/secret", "/\\admin/x"), ...passed("//adminx/secret")],
  },
  {
    row: "CV-20",
    what: "the query is no part of the path",
    policies: allow(onPaths("/mypath")),
    tries: [...passed("/mypath", "/mypath?foo=bar", "/mypath?"), ...refused("/mypath%3ffoo=bar", "/mypath/")],
  },
  {
    row: "CV-21",
    what: "one segment of a template is anything that RFC 3986 allows in one",
    policies: allow(onPaths("/api/{*}/x")),
    tries: [
      ...passed("/api/a*b/x", "/api/a+b/x", "/api/~/x", "/api/!/x", "/api/'()/x", "/api/a:b@c;d,e$f&g/x"),
      ...refused("/api//x", "/api/a/b/x", "/api/a/x/", "/api/a"),
    ],
  },
  {
    row: "CV-22",
    what: "200 templates and a path of 8,000 characters",
    policies: Array.from({ length: 200 }, (_, index) => ({
      name: `policy-${index}`,
      ...allow(onPaths(`/{*}/a/{*}/${"b/".repeat(index % 7)}{**}/c${index}`))[0],
    })),
    tries: [...passed(`/x/a/y/${"a/b/".repeat(1990)}c0`), ...refused(`/x/a/y/${"a/b/".repeat(1990)}d`)],
  },
  {
    row: "CV-33",
    what: "a dot in a service account is a dot",
    policies: allow({ from: [{ serviceAccounts: ["ns1/my-sa", "ns1/myXsa", "ns1/m..sa"] }] }),
    tries: refused("/"),
  },
  {
    row: "CV-33",
    what: "the account itself",
    policies: allow({ from: [{ serviceAccounts: ["ns1/my.sa"] }] }),
    tries: passed("/"),
  },
  ...[".", "[", "+", "(", "$", "^", "\\", "|", "?"].map(
    (character): Attack => ({
      row: "CV-34",
      what: `${character} in a namespace, an account and a principal is that character`,
      policies: allow({
        from: [
          { namespaces: [`n${character}1`, `${character}s1`, `ns${character}`] },
          { principals: [`*/sa/my${character}sa`.replace("my.sa", "mysa"), `*${character}`] },
          { serviceAccounts: [`ns1/my${character === "." ? ".." : character}sa`] },
        ],
      }),
      tries: refused("/"),
    }),
  ),
  {
    row: "CV-37",
    what: "a DENY by principal holds for whoever has that principal",
    policies: deny({ from: [{ principals: [`mesh.example${PATH}`] }] }),
    tries: refused("/"),
  },
];

describe.skipIf(missing.length > 0)("attacks on requests", () => {
  for (const [name, start] of Object.entries(RECORDERS).filter(([each]) => each !== "nginx"))
    describe(`to ${name}`, () => {
      let recorder: Recorder;
      let fixture: ProxyFixture;
      let client: KeptClient;
      beforeAll(async () => {
        const network = freeNetwork();
        recorder = await start(`${network}.1`, PORT);
        const inboundPorts = [{ port: PORT, protocol: "http", mode: "strict", decidedBy: "default" }] as const;
        fixture = await startProxy(
          { listenAddress: `${network}.2`, applicationAddress: recorder.address, port: PORT },
          { http: { limits: { applicationKeepAliveMs: 0 } }, local: { inboundPorts } },
        );
        const to = { address: `${network}.2`, port: PORT };
        client = createKeptClient(
          () =>
            new Promise((resolve, reject) => {
              const socket = tlsClient(to, { svid, ALPNProtocols: ["istio-http/1.1", "istio"] });
              socket.once("secureConnect", () => resolve(socket)).once("error", reject);
            }),
        );
      });
      afterAll(async () => {
        client.close();
        await fixture.proxy.drain(0);
        await recorder.close();
      });

      test.each(ATTACKS.map((attack) => [attack.row, attack.what, attack] as const))(
        "%s: %s",
        async (_row, _what, { policies, pathNormalization, tries }) => {
          putInForce(fixture, policies, pathNormalization);
          const before = (await recorder.seen()).length;
          const outcomes: object[] = [];
          const wanted: object[] = [];
          for (const { method = "GET", target = "/", lines = [], passes } of tries) {
            const request = [`${method} ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n");
            const { status, body } = await client.ask(request);
            outcomes.push({ target, lines, status: status === 403 ? `403 ${body}` : "passed" });
            wanted.push({ target, lines, status: passes ? "passed" : "403 RBAC: access denied" });
          }
          expect(outcomes).toEqual(wanted);
          expect((await recorder.seen()).length - before).toBe(tries.filter(({ passes }) => passes).length);
        },
      );
    });
});

/** Every kind of matcher that TCP has: a value that matches this caller, and one that nearly does. */
const CELLS: readonly (readonly [kind: string, matches: RuleText, misses: RuleText])[] = [
  from("principals", `mesh.example${PATH}`, "mesh.example/ns/ns1/sa/my-sa"),
  from("principals", "*/ns/ns1/sa/my.sa", "*/ns/ns1/sa/y.sa"),
  from("principals", "mesh.example/ns/ns1/*", "mesh.example/ns/ns/*"),
  from("principals", "*.sa", "*-sa"),
  from("principals", "*", "spiffe://mesh.example*"),
  from("notPrincipals", "mesh.example/ns/ns1/sa/my-sa", `mesh.example${PATH}`),
  from("notPrincipals", "*/sa/other", "*"),
  from("namespaces", "ns1", "ns"),
  from("namespaces", "ns*", "*ns"),
  from("namespaces", "*", "*2"),
  from("notNamespaces", "ns2", "ns1"),
  from("serviceAccounts", "ns1/my.sa", "ns1/my"),
  from("serviceAccounts", "ns1/my.sa", "my.sa"),
  from("notServiceAccounts", "ns1/my", "ns1/my.sa"),
  from("trustDomains", "mesh.example", "mesh.exampl"),
  from("trustDomains", "mesh*", "*mesh"),
  from("trustDomains", "*.example", "*.exampl"),
  from("notTrustDomains", "other.example", "mesh.example"),
  from("ipBlocks", "127.0.0.1", "127.0.0.2"),
  from("ipBlocks", "127.0.0.0/31", "127.0.0.2/31"),
  from("notIpBlocks", "10.0.0.0/8", "127.0.0.0/8"),
  from("remoteIpBlocks", "127.0.0.1/32", "10.0.0.1"),
  when("source.principal", `mesh.example${PATH}`, "mesh.example/ns/ns1/sa/my"),
  when("source.namespace", "ns1", "ns11"),
];

function from(field: string, match: string, miss: string): (typeof CELLS)[number] {
  const rule = (value: string): RuleText => ({ from: [{ [field]: [value] }] });
  return [`${field} ${match}`, rule(match), rule(miss)];
}

function when(key: string, match: string, miss: string): (typeof CELLS)[number] {
  const rule = (value: string): RuleText => ({ when: [{ key, values: [value] }] });
  return [`${key} ${match}`, rule(match), rule(miss)];
}

describe(`CV-32: ${CELLS.length} kinds of matcher on TCP and HTTP, in ALLOW and DENY`, () => {
  const servers = new Map<"http" | "tcp", InboundFixture>();
  beforeAll(async () => {
    servers.set("tcp", await startInbound({ http: {}, protocol: "tcp", mode: "strict" }));
    const answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    servers.set(
      "http",
      await startInbound({
        http: {},
        protocol: "http",
        mode: "strict",
        handle: (socket) => void socket.once("data", () => socket.end(answer)),
      }),
    );
  });
  afterAll(async () => {
    for (const server of servers.values()) await server.close();
  });

  const lets = async (
    protocol: "http" | "tcp",
    policies: readonly PolicyText[],
    caller: "mtls" | "plaintext" = "mtls",
  ): Promise<boolean> => {
    const server = servers.get(protocol);
    if (!server) throw new Error("not started");
    putInForce(server, policies);
    const isHttp = protocol === "http";
    const { cert, key } = { cert: svid.certificateChainPem(), key: keyPem(svid) };
    const socket =
      caller === "mtls"
        ? tlsClient(server, { cert, key, ALPNProtocols: isHttp ? ["istio-http/1.1"] : ["istio"] })
        : net.connect(server.port, server.address);
    const seenBefore = server.application.received().length;
    const { received } = await talk(socket, isHttp ? "GET / HTTP/1.1\r\nHost: a\r\n\r\n" : "ping", isHttp ? 12 : 4);
    const passes = isHttp ? received.toString().startsWith("HTTP/1.1 200") : received.toString() === "ping";
    const arrives = server.application.received().length > seenBefore;
    // A client's own TLS is passed on as it is, to an application that speaks none.
    if (server.config.current?.local.inboundPorts[0]?.mode === "disable" && caller === "mtls") return arrives;
    expect(arrives).toBe(passes);
    return passes;
  };

  test.each(CELLS)("%s", async (kind, matches, misses) => {
    // A service account without namespace is one of the policy's own namespace, which is another one here.
    for (const protocol of ["tcp", "http"] as const) {
      const outcomes = {
        allow: [await lets(protocol, allow(matches)), await lets(protocol, allow(misses))],
        deny: [await lets(protocol, deny(matches)), await lets(protocol, deny(misses))],
      };
      expect({ kind, protocol, ...outcomes }).toEqual({ kind, protocol, allow: [true, false], deny: [false, true] });
    }
  });

  test("CV-39: a ClientHello in pieces of one byte is no plaintext, and no identity without its certificate", async () => {
    const server = servers.get("http");
    if (!server) throw new Error("not started");
    setMode(server, "permissive");
    putInForce(server, allow({ from: [{ principals: [`mesh.example${PATH}`] }] }));
    const relay = await startByteRelay(server);
    const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (const maxVersion of ["TLSv1.3", "TLSv1.2"] as const) {
      const socket = tlsClient(relay, { svid, ALPNProtocols: ["istio-http/1.1"], maxVersion, minVersion: maxVersion });
      expect((await talk(socket, get, 12)).received.toString()).toStartWith("HTTP/1.1 200");
      const nobody = tlsClient(relay, { ALPNProtocols: ["istio-http/1.1"], maxVersion, minVersion: maxVersion });
      expect((await talk(nobody, get, 12)).received.toString()).toBe("");
    }
    expect((await talk(net.connect(relay.port, relay.address), get, 12)).received.toString()).toStartWith(
      "HTTP/1.1 403",
    );
    relay.close();
  });

  test("CV-36: an item that only HTTP has never opens TCP, and never takes the rest of a DENY with it", async () => {
    const http: readonly RuleText[] = [
      { to: [{ hosts: ["*"] }] },
      { to: [{ methods: ["*"] }] },
      { to: [{ paths: ["*"] }] },
      { to: [{ notPaths: ["/x"] }] },
      { from: [{ requestPrincipals: ["*"] }] },
      { from: [{ notRequestPrincipals: ["*"] }] },
      { when: [{ key: "request.headers[a]", notValues: ["b"] }] },
      { when: [{ key: "request.auth.claims[a]", notValues: ["b"] }] },
    ];
    for (const rule of http) {
      expect({ rule, passes: await lets("tcp", allow(rule)) }).toEqual({ rule, passes: false });
      expect({ rule, passes: await lets("tcp", deny(rule)) }).toEqual({ rule, passes: false });
      const elsewhere = { ...rule, when: [...(rule.when ?? []), { key: "destination.port", values: ["1"] }] };
      expect({ rule, passes: await lets("tcp", deny(elsewhere)) }).toEqual({ rule, passes: true });
    }
  });

  test("CV-39: a ClientHello with GREASE, and one that comes late, are TLS; STRICT closes all plaintext", async () => {
    const server = servers.get("http");
    if (!server) throw new Error("not started");
    const hello = withGrease(await captureClientHello({ ALPNProtocols: ["istio-http/1.1"] }));
    const seenBefore = server.application.received().length;
    for (const mode of ["permissive", "strict"] as const) {
      setMode(server, mode);
      putInForce(server, allow({}));
      const socket = net.connect(server.port, server.address);
      await new Promise((resolve) => socket.once("connect", resolve));
      for (let turns = 0; turns < 100; turns++) await new Promise((resolve) => setImmediate(resolve));
      // The answer is a ServerHello: a record of type handshake.
      expect((await talk(socket, hello, 6)).received.subarray(0, 1)).toEqual(Buffer.of(22));
    }
    for (const plaintext of [
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "\x16",
      "\x16\x03\x01",
    ])
      expect(
        (await talk(net.connect(server.port, server.address), `${plaintext}${"x".repeat(600)}`, 1)).received,
      ).toHaveLength(0);
    expect(server.application.received().length).toBe(seenBefore);
  });

  test("CV-37: in each mode, who has shown a certificate has a principal, and nobody else has", async () => {
    const anybody: RuleText = { from: [{ principals: ["*"] }] };
    const nobody: RuleText = { from: [{ notPrincipals: ["*"] }] };
    for (const protocol of ["tcp", "http"] as const) {
      const server = servers.get(protocol);
      if (!server) throw new Error("not started");
      for (const mode of ["strict", "permissive", "disable"] as const) {
        setMode(server, mode);
        const outcomes = async (caller: "mtls" | "plaintext") => [
          await lets(protocol, allow(anybody), caller),
          await lets(protocol, deny(anybody), caller),
          await lets(protocol, allow(nobody), caller),
          await lets(protocol, deny(nobody), caller),
        ];
        const has = [true, false, false, true];
        const hasNot = [false, true, true, false];
        const none = [false, false, false, false];
        const seen = { mtls: await outcomes("mtls"), plaintext: await outcomes("plaintext") };
        // Where TLS is not ended, a ClientHello is bytes to TCP, and no request to HTTP.
        const ownTls = protocol === "tcp" ? hasNot : none;
        const wanted = { mtls: mode === "disable" ? ownTls : has, plaintext: mode === "strict" ? none : hasNot };
        expect({ protocol, mode, ...seen }).toEqual({ protocol, mode, ...wanted });
      }
      setMode(server, "strict");
    }
  });

  test("CV-35: a policy that this version cannot read is refused whole: what was in force stays, under its version", async () => {
    const server = servers.get("tcp");
    const later = { when: [{ key: "of.a.later.version", values: ["x"] }] };
    expect(await lets("tcp", allow({}))).toBe(true);
    const version = server?.proxy.configVersion;
    // Taken without what is unknown, the one would close, and the other as an ALLOW that never matches.
    expect([await lets("tcp", deny(later)), await lets("tcp", allow(later))]).toEqual([true, true]);
    expect(server?.proxy.configVersion).toBe(version);
    expect(await lets("tcp", deny({}))).toBe(false);
    expect([await lets("tcp", allow(later)), await lets("tcp", [...allow({}), ...deny(later)])]).toEqual([
      false,
      false,
    ]);
    expect(await lets("tcp", [])).toBe(true);
    expect(server?.proxy.configVersion).toBe(server?.config.current?.version);
  });
});

function setMode({ config }: InboundFixture, mode: "strict" | "permissive" | "disable"): void {
  const { current } = config;
  if (!current) throw new Error("no configuration");
  const inboundPorts = current.local.inboundPorts.map((port) => ({ ...port, mode }));
  config.set({ ...current, version: current.version + 1, local: { ...current.local, inboundPorts } });
}

/** RFC 8701: a cipher suite and an extension that nobody has, in front of the others. */
function withGrease(hello: Buffer): Buffer {
  const record = 5;
  const sessionId = record + 4 + 2 + 32;
  const suites = sessionId + 1 + hello.readUInt8(sessionId);
  const compression = suites + 2 + hello.readUInt16BE(suites);
  const extensions = compression + 1 + hello.readUInt8(compression);
  const changed = Buffer.concat([
    hello.subarray(0, suites + 2),
    Buffer.of(0x0a, 0x0a),
    hello.subarray(suites + 2, extensions + 2),
    Buffer.of(0x1a, 0x1a, 0, 0),
    hello.subarray(extensions + 2),
  ]);
  changed.writeUInt16BE(hello.readUInt16BE(3) + 6, 3);
  changed.writeUIntBE(hello.readUIntBE(6, 3) + 6, 6, 3);
  changed.writeUInt16BE(hello.readUInt16BE(suites) + 2, suites);
  changed.writeUInt16BE(hello.readUInt16BE(extensions) + 4, extensions + 2);
  return changed;
}

function putInForce(
  { config }: Pick<ProxyFixture, "config">,
  policies: readonly PolicyText[],
  pathNormalization: Normalization = "base",
): void {
  const { current } = config;
  if (!current) throw new Error("no configuration");
  config.set({
    version: current.version + 1,
    local: { ...current.local, authorizationPolicies: policies.map(buildPolicy) },
    mesh: { ...current.mesh, pathNormalization },
  });
}

/** Passes on what the client says first one byte a segment. */
async function startByteRelay(to: { readonly address: string; readonly port: number }): Promise<Relay> {
  const server = net.createServer((client) => {
    const upstream = net.connect({ host: to.address, port: to.port, noDelay: true });
    client.once("data", async (first) => {
      for (const byte of first) {
        upstream.write(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      client.pipe(upstream);
    });
    upstream.pipe(client);
    for (const socket of [client, upstream])
      socket.on("error", () => upstream.destroy()).on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: "127.0.0.1",
    port: (server.address() as net.AddressInfo).port,
    close: () => void server.close(),
  };
}
