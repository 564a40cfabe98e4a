import type { ConnectionAttributes, JsonValue, RequestAttributes } from "@symbolon/policy";
import type { Fields, PolicyText, RuleText } from "./build-policy.ts";
import type { SeededRandom } from "./random.ts";
import type { SlowOptions } from "./slow-evaluator.ts";

export interface RandomCase {
  readonly policies: readonly PolicyText[];
  readonly options: SlowOptions;
  readonly connection: ConnectionAttributes;
  /** Absent: TCP. */
  readonly request?: RequestAttributes;
}

/**
 * A policy set, a connection and a request over a vocabulary so small that values nearly meet: `foo` beside `foo-bar`,
 * `/admin` beside `/admin/` and `/%61dmin`, one address inside a block and the next one outside it.
 */
export function randomCase(random: SeededRandom): RandomCase {
  return {
    policies: Array.from({ length: 1 + random.below(5) }, (_, index) => randomPolicy(random, index)),
    options: {
      trustDomain: random.pick(["cluster.local", "td1"]),
      trustDomainAliases: random.pick([[], [], ["td2"], ["old.td1", "cluster.local"], ["*.td1"], ["td2", "old*"]]),
      pathNormalization: random.pick(["none", "base", "merge-slashes", "decode-and-merge-slashes"]),
      providers: new Map([
        ["opa", "grpc"],
        ["ext", "http"],
      ]),
      allowSeveralProviders: random.chance(0.5),
    },
    connection: randomConnection(random),
    ...(random.chance(0.8) && { request: randomRequest(random) }),
  };
}

function randomPolicy(random: SeededRandom, index: number): PolicyText {
  const action = random.pick(["allow", "allow", "allow", "deny", "deny", "audit", "custom"] as const);
  const rules = Array.from({ length: random.chance(0.1) ? 0 : 1 + random.below(3) }, () => randomRule(random, action));
  const dryRun = (action === "allow" || action === "deny") && random.chance(0.15);
  return {
    namespace: random.pick(["foo", "bar", "istio-system"]),
    name: `${random.pick(["a", "b", "z"])}${index}`,
    action,
    dryRun,
    rules,
    ...(action === "custom" && { provider: random.pick(["opa", "opa", "ext", "gone"]) }),
  };
}

function randomRule(random: SeededRandom, action: string): RuleText {
  const isCustom = action === "custom";
  const conditionKeys = isCustom ? CONDITIONS.filter(([key]) => !/^source\.[nspt]|auth/.test(key)) : CONDITIONS;
  const sourceFields = isCustom ? SOURCES.filter(([field]) => /IpBlocks/i.test(field)) : SOURCES;
  return {
    ...(random.chance(0.6) && { from: entries(random, sourceFields) }),
    ...(random.chance(0.6) && { to: entries(random, OPERATIONS) }),
    ...(random.chance(0.35) && {
      when: random.some(conditionKeys, 2).map(([key, vocabulary]) => {
        const both = random.chance(0.15);
        const negative = random.chance(0.3);
        return {
          key,
          ...((both || !negative) && { values: random.some(vocabulary, 2) }),
          ...((both || negative) && { notValues: random.some(vocabulary, 2) }),
        };
      }),
    }),
  };
}

function entries(random: SeededRandom, fields: readonly Vocabulary[]): Fields[] {
  return Array.from({ length: random.chance(0.7) ? 1 : 2 }, () =>
    Object.fromEntries(
      random.some(fields, 2).flatMap(([field, vocabulary]) => {
        const negated = `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
        const which = random.chance(0.1) ? [field, negated] : [random.chance(0.25) ? negated : field];
        return which.map((name) => [name, random.some(vocabulary, 3)]);
      }),
    ),
  );
}

export function randomConnection(random: SeededRandom): ConnectionAttributes {
  return {
    sourceAddress: random.pick(ADDRESSES),
    destinationAddress: random.pick(["10.0.0.9", "10.0.1.9", "fd00::9"]),
    destinationPort: random.pick([80, 8080, 9090]),
    ...(random.chance(0.8) && { peerSpiffeId: `spiffe://${random.pick(IDENTITIES)}` }),
    ...(random.chance(0.4) && { remoteAddress: random.pick(ADDRESSES) }),
    ...(random.chance(0.5) && { sni: random.pick(NAMES) }),
  };
}

export function randomRequest(random: SeededRandom): RequestAttributes {
  const headers = new Map<string, readonly string[]>();
  for (const name of ["x-role", "x-token"])
    if (random.chance(0.5)) headers.set(name, random.some(["user", "admin", "user,admin", "", "admin-2"], 2));
  return {
    method: random.pick(["GET", "GET", "POST", "PUT", "get", "GETX"]),
    path: random.pick(PATHS) + random.pick(["", "", "", "?x=/admin", "#/admin", "?a#b"]),
    host: random.pick(["foo.com", "FOO.com", "foo.com:80", "www.foo.com", "foo.com.bar", ""]),
    headers,
    ...(random.chance(0.6) && { claims: randomClaims(random) }),
  };
}

function randomClaims(random: SeededRandom): Readonly<Record<string, JsonValue>> {
  const text = () => random.pick(["a", "ab", "b", "admin", "user", ""]);
  const value = (): JsonValue =>
    random.pick<JsonValue>([text(), [text(), text()], 7, true, null, ["a", 7], { b: text() }]);
  return {
    ...(random.chance(0.8) && { iss: random.pick(["https://i.io", "https://i.io/x", "issuer", "", 5]) }),
    ...(random.chance(0.8) && { sub: random.pick(["alice", "al", "bob", "", "x/alice"]) }),
    ...(random.chance(0.5) && { aud: value() }),
    ...(random.chance(0.5) && { azp: value() }),
    ...(random.chance(0.5) && { group: value() }),
    ...(random.chance(0.3) && { "a[b]": value() }),
    ...(random.chance(0.5) && { a: random.pick<JsonValue>([{ b: value() }, { b: { c: value() } }, value()]) }),
  };
}

type Vocabulary = readonly [name: string, values: readonly string[]];

const ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.0.1.1", "::ffff:10.0.0.1", "fd00::1", "fd00:0:0:1::1", "not an address"];
const BLOCKS = [
  "10.0.0.1",
  "10.0.0.0/31",
  "10.0.0.7/29",
  "10.0.0.0/23",
  "0.0.0.0/0",
  "::/0",
  "fd00::/64",
  "fd00::1",
  "::ffff:10.0.0.0/127",
  "::ffff:10.0.0.0/90",
];
const IDENTITIES = [
  "cluster.local/ns/foo/sa/curl",
  "cluster.local/ns/foo-bar/sa/curl",
  "cluster.local/ns/fooXbar/sa/curl",
  "cluster.local/ns/bar/sa/curl2",
  "td1/ns/foo/sa/curl",
  "td2/ns/foo/sa/http.bin",
  "old.td1/ns/foo/sa/httpxbin",
  "my.td1/ns/foo/sa/curl",
  "td1/ns/foo/x/sa/curl/y",
  "td1/x/ns/foo/sa/curl",
  "td1/ns/bar/ns/foo/sa/curl",
  "td1/ns/ns/sa/sa",
  "ns/foo/sa/curl",
  "td1",
];
const PRINCIPALS = [
  ...["*", "cluster.local/ns/foo/sa/curl", "cluster.local/ns/foo/*", "*/sa/curl", "*/ns/foo/sa/curl", "*l"],
  ...["td1/ns/foo/sa/curl", "td2/ns/foo/sa/http.bin", "*td1/ns/foo/sa/curl", "td*/ns/foo/sa/curl", "td1", "td1*"],
  ...["*.td1/ns/foo/sa/httpxbin", "my.td1/ns/foo/sa/curl", "old*/ns/foo/sa/curl"],
  ...["spiffe://td1/ns/foo/sa/curl", "old.td1/ns/foo/sa/httpxbin", "cluster.local/ns/bar/sa/curl*"],
];
const NAMESPACES = ["foo", "foo-bar", "foo.bar", "bar", "foo*", "*bar", "*", "f*o", "ns", "foo/sa", "bar/ns/foo"];
const ACCOUNTS = ["curl", "foo/curl", "bar/curl", "http.bin", "foo/http.bin", "foo/curl2", "ns/sa"];
const DOMAINS = ["cluster.local", "td1", "td2", "td*", "*td1", "*", "old.td1"];
const NAMES = ["foo.com", "www.foo.com", "foo.com.bar", "foo"];
const NAME_PATTERNS = ["foo.com", "*.foo.com", "foo.com*", "*", "FOO.com", "foo.com:80", "foo.com:*", "*foo.com"];
const PATHS = [
  ...["/admin", "/admin/", "/admin/x", "/Admin", "/%61dmin", "//admin", "/x/../admin", "/admin%2fx", "/admin\\x"],
  ...[
    "/admin;a=b",
    "/admin/x/y",
    "/admin/a=b",
    "/public",
    "/",
    "/admin%00",
    "*",
    "//",
    '/admin"x',
    "/admin é",
    "/admin/.",
    "/a/%2e%2E/%2Fadmin",
  ],
];
const PATH_PATTERNS = [
  ...["/admin", "/admin/", "/admin*", "/admin/*", "*/x", "*", "/admin/{*}", "/admin/{**}", "/{*}/x", "/{**}/y", "/"],
  ...["/admin/{*}/y", "/public", "/%61dmin", "*dmin", "//admin"],
];
const TOKENS = [
  "*",
  "https://i.io/alice",
  "https://i.io/*",
  "https://i.io/al*",
  "*/alice",
  "*i.io/alice",
  "*ice",
  "iss*",
  "issuer",
  "https://i.io/x/alice",
  "issuer/x/alice",
];
const WORDS = ["a", "ab", "a*", "*b", "*", "admin", "user"];
const SOURCES: readonly Vocabulary[] = [
  ["principals", PRINCIPALS],
  ["requestPrincipals", TOKENS],
  ["namespaces", NAMESPACES],
  ["serviceAccounts", ACCOUNTS],
  ["trustDomains", DOMAINS],
  ["ipBlocks", BLOCKS],
  ["remoteIpBlocks", BLOCKS],
];
const OPERATIONS: readonly Vocabulary[] = [
  ["hosts", NAME_PATTERNS],
  ["ports", ["80", "8080", "9090"]],
  ["methods", ["GET", "POST", "G*", "*T", "*"]],
  ["paths", PATH_PATTERNS],
  ["paths", PATH_PATTERNS],
];
const HEADER_VALUES = ["user", "admin", "adm*", "*min", "*", "user,admin"];
const CONDITIONS: readonly Vocabulary[] = [
  ["request.headers[x-role]", HEADER_VALUES],
  ["request.headers[X-Token]", HEADER_VALUES],
  ["request.headers[:authority]", NAME_PATTERNS],
  ["request.headers[host]", NAME_PATTERNS],
  ["request.headers[:method]", ["GET", "P*", "*"]],
  ["request.headers[:path]", ["/admin", "/admin?x=/admin", "/admin*", "*x", "*"]],
  ["source.ip", BLOCKS],
  ["remote.ip", BLOCKS],
  ["destination.ip", [...BLOCKS, "10.0.0.9"]],
  ["source.namespace", NAMESPACES],
  ["source.serviceAccount", ACCOUNTS],
  ["source.trustDomain", DOMAINS],
  ["source.principal", PRINCIPALS],
  ["request.auth.principal", TOKENS],
  ["request.auth.audiences", WORDS],
  ["request.auth.presenter", WORDS],
  ["request.auth.claims[group]", WORDS],
  ["request.auth.claims[a][b]", WORDS],
  ["request.auth.claims[a][b][c]", WORDS],
  ["request.auth.claims[a[b]]", WORDS],
  ["destination.port", ["80", "8080"]],
  ["connection.sni", NAME_PATTERNS],
  ["experimental.envoy.filters.a.b[key]", ["x"]],
];
