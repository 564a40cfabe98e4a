/**
 * Past attacks on policies, by their row in the table of CVEs (CV-…), against the running proxy. The oracle is what the
 * server behind it has seen: a request that policy forbids arrives in no spelling.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { createKeptClient, type KeptClient } from "../fakes/kept-client.ts";
import {
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

  const lets = async (protocol: "http" | "tcp", policies: readonly PolicyText[]): Promise<boolean> => {
    const server = servers.get(protocol);
    if (!server) throw new Error("not started");
    putInForce(server, policies);
    const isHttp = protocol === "http";
    const { cert, key } = { cert: svid.certificateChainPem(), key: keyPem(svid) };
    const socket = tlsClient(server, { cert, key, ALPNProtocols: isHttp ? ["istio-http/1.1"] : ["istio"] });
    const seenBefore = server.application.received().length;
    const { received } = await talk(socket, isHttp ? "GET / HTTP/1.1\r\nHost: a\r\n\r\n" : "ping", isHttp ? 12 : 4);
    const passes = isHttp ? received.toString().startsWith("HTTP/1.1 200") : received.toString() === "ping";
    expect(server.application.received().length > seenBefore).toBe(passes);
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
    const { current } = server.config;
    if (!current) throw new Error("no configuration");
    const inboundPorts = current.local.inboundPorts.map((port) => ({ ...port, mode: "permissive" as const }));
    server.config.set({ ...current, version: current.version + 1, local: { ...current.local, inboundPorts } });
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

  test("CV-35: a policy that this version cannot read keeps what was in force", async () => {
    expect(await lets("tcp", deny({}))).toBe(false);
    expect(await lets("tcp", allow({ when: [{ key: "of.a.later.version", values: ["x"] }] }))).toBe(false);
    expect(await lets("tcp", [])).toBe(true);
  });
});

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
