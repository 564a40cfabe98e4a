/** Policy sets that are easily read wrong, each with what the reference (istio-security §3) says of some callers. */
import type { ConnectionAttributes, JwtClaims, PathNormalization } from "@symbolon/policy";

/** 400: no server is given such a path. "ask": a provider decides. */
export type Verdict = "allow" | "deny" | "400" | "ask";

export interface TrickySet {
  readonly title: string;
  /** `spec` in YAML; PORT stands for the port that listens. Of namespace foo, unless it begins with another and a colon. */
  readonly policies: readonly string[];
  readonly trustDomain?: string;
  readonly aliases?: readonly string[];
  readonly normalization?: PathNormalization;
  /** Attempt, and what comes of it. */
  readonly tries: readonly (readonly [Attempt, Verdict])[];
}

export interface Attempt extends Pick<ConnectionAttributes, "remoteAddress" | "sni"> {
  /** SPIFFE ID without its scheme; absent: plaintext. */
  readonly from?: string;
  readonly source?: string;
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  readonly headers?: readonly (readonly [name: string, ...values: string[]])[];
  readonly claims?: JwtClaims;
}

const CURL = "cluster.local/ns/foo/sa/curl";
const id = (from: string) => ({ from });
const path = (text: string) => ({ path: text });
const host = (text: string) => ({ host: text });
const role = (...values: readonly string[]) => ({ headers: [["x-role", ...values]] as const });
const token = (claims: JwtClaims) => ({ claims });
/** The same verdict for several attempts. */
const each = (verdict: Verdict, ...attempts: readonly Attempt[]) =>
  attempts.map((attempt) => [attempt, verdict] as const);

export const HTTP_SETS: readonly TrickySet[] = [
  {
    title: "notPrincipals of an ALLOW lets plaintext in",
    policies: [`{rules: [{from: [{source: {notPrincipals: [${CURL}]}}]}]}`],
    tries: [...each("allow", {}, id("cluster.local/ns/foo/sa/curl2"), id("td2/ns/foo/sa/curl")), [id(CURL), "deny"]],
  },
  {
    title: "notNamespaces of a DENY keeps plaintext out",
    policies: ["{action: DENY, rules: [{from: [{source: {notNamespaces: [foo]}}]}]}"],
    tries: [...each("deny", {}, id("cluster.local/ns/foo-bar/sa/curl")), [id(CURL), "allow"]],
  },
  {
    title: "a scheme before a principal matches nobody",
    policies: [`{rules: [{from: [{source: {principals: ["spiffe://${CURL}"]}}]}]}`],
    tries: each("deny", id(CURL), {}),
  },
  {
    title: "a star in the middle of a principal is a letter",
    policies: ['{rules: [{from: [{source: {principals: ["cluster.local/*/sa/curl"]}}]}]}'],
    tries: each("deny", id(CURL), {}),
  },
  {
    title: "a prefix of a principal does not stop at a slash",
    policies: ['{rules: [{from: [{source: {principals: ["cluster.local/ns/foo*"]}}]}]}'],
    tries: [
      ...each("allow", id(CURL), id("cluster.local/ns/foo-bar/sa/x"), id("cluster.local/ns/foobar/sa/x")),
      ...each("deny", id("cluster.local.evil/ns/foo/sa/curl"), id("cluster.local/ns/fo/sa/x"), {}),
    ],
  },
  {
    title: "a suffix of a principal takes any trust domain",
    policies: ['{rules: [{from: [{source: {principals: ["*/ns/foo/sa/curl"]}}]}]}'],
    tries: [
      ...each("allow", id(CURL), id("evil/ns/foo/sa/curl"), id("evil/x/ns/foo/sa/curl")),
      ...each("deny", id("cluster.local/ns/foo/sa/curl/x"), id("cluster.local/ns/xfoo/sa/curl")),
    ],
  },
  {
    title: "a dot in a namespace is a dot",
    policies: ['{rules: [{from: [{source: {namespaces: ["f.o", "b*r"]}}]}]}'],
    tries: [
      ...each("deny", id("td/ns/foo/sa/x"), id("td/ns/bar-x/sa/x"), id("td/ns/xbar/sa/x"), {}),
      ...each("allow", id("td/ns/f.o/sa/x"), id("td/ns/br/sa/x"), id("td/ns/baaar/sa/x")),
      // `.*` of the pattern goes over slashes.
      [id("td/ns/b/sa/r/x"), "allow"],
    ],
  },
  {
    title: "a namespace is looked for anywhere in an identity",
    policies: ["{action: DENY, rules: [{from: [{source: {namespaces: [foo]}}]}]}"],
    tries: [
      ...each("deny", id("td/ns/bar/ns/foo/sa/x"), id("td/ns/foo/ns/bar/sa/x"), id("ns/foo/sa/curl")),
      ...each("allow", id("td/ns/bar/sa/foo"), id("td/ns/foo"), {}),
    ],
  },
  {
    title: "a service account without namespace is of the policy's own",
    policies: ["{rules: [{from: [{source: {serviceAccounts: [curl, bar/c.rl]}}]}]}"],
    tries: [
      ...each("allow", id(CURL), id("td2/ns/foo/sa/curl"), id("td/ns/bar/sa/c.rl"), id("td/ns/foo/sa/curl/x")),
      ...each("deny", id("td/ns/bar/sa/curl"), id("td/ns/foo/sa/curl2"), id("td/ns/bar/sa/cxrl"), {}),
    ],
  },
  {
    title: "a root namespace's service account without namespace is of the root namespace",
    policies: ["istio-system: {action: DENY, rules: [{from: [{source: {serviceAccounts: [curl]}}]}]}"],
    tries: [
      [id(CURL), "allow"],
      [id("td/ns/istio-system/sa/curl"), "deny"],
    ],
  },
  {
    title: "a trust domain ends where it ends",
    policies: ['{rules: [{from: [{source: {trustDomains: [td1, "*.td2"]}}]}]}'],
    tries: [
      ...each("allow", id("td1/x"), id("a.td2/x"), id("a.b.td2/x")),
      ...each("deny", id("td1.evil/x"), id("xtd1/x"), id("td2/x"), id("evil/td1/x"), id("a.td2.evil/x"), {}),
    ],
  },
  {
    title: "cluster.local is the local trust domain and its aliases, and nobody else",
    policies: [`{rules: [{from: [{source: {principals: ["${CURL}"]}}]}]}`],
    trustDomain: "td1",
    aliases: ["td2"],
    tries: [
      ...each("allow", id("td1/ns/foo/sa/curl"), id("td2/ns/foo/sa/curl")),
      ...each("deny", id(CURL), id("td3/ns/foo/sa/curl"), {}),
    ],
  },
  {
    title: "a notPrincipals is widened by aliases as well",
    policies: ['{action: DENY, rules: [{from: [{source: {notPrincipals: ["td2/ns/foo/sa/curl"]}}]}]}'],
    trustDomain: "td1",
    aliases: ["td2"],
    tries: [
      ...each("allow", id("td1/ns/foo/sa/curl"), id("td2/ns/foo/sa/curl")),
      ...each("deny", id("td3/ns/foo/sa/curl"), {}),
    ],
  },
  {
    title: "two sources are OR, two fields of one are AND",
    policies: [
      "{rules: [{from: [{source: {namespaces: [foo], ipBlocks: [127.0.0.2]}}, {source: {namespaces: [bar]}}]}]}",
    ],
    tries: [
      ...each("allow", { ...id(CURL), source: "127.0.0.2" }, id("td/ns/bar/sa/x")),
      ...each("deny", { source: "127.0.0.2" }, id(CURL)),
    ],
  },
  {
    title: "a field and its negation are AND",
    policies: ['{rules: [{to: [{operation: {paths: ["/a*"], notPaths: ["/a/secret*"]}}]}]}'],
    tries: [
      ...each("allow", path("/a"), path("/a/b"), path("/a/Secret")),
      ...each("deny", path("/a/secret"), path("/a/secret/../secrets"), path("/a/x/../secret?x"), path("/b")),
    ],
  },
  {
    title: "a block with host bits is the whole block",
    policies: ["{rules: [{from: [{source: {ipBlocks: [127.0.0.7/29]}}]}]}"],
    tries: [
      ...each("allow", { source: "127.0.0.1" }, { source: "127.0.0.6" }),
      ...each("deny", { source: "127.0.0.8" }, { source: "127.0.1.1" }),
    ],
  },
  {
    title: "remoteIpBlocks look at who is behind, ipBlocks at who connects",
    policies: [
      "{action: DENY, rules: [{from: [{source: {remoteIpBlocks: [127.9.0.0/16], notIpBlocks: [127.9.0.1]}}]}]}",
    ],
    tries: [
      [{ source: "127.0.0.1", remoteAddress: "127.9.0.1" }, "deny"],
      [{ source: "127.0.0.1" }, "allow"],
      [{ source: "127.9.0.2" }, "deny"],
      [{ source: "127.9.0.1" }, "allow"],
    ],
  },
  {
    title: "a host is compared without case, and with the port that the client sent",
    policies: ['{rules: [{to: [{operation: {hosts: ["Foo.com", "*.bar.com"]}}]}]}'],
    tries: [
      ...each("allow", host("foo.com"), host("FOO.COM"), host("a.BAR.com"), host(".bar.com")),
      ...each("deny", host("foo.com:80"), host("foo.com."), host("bar.com"), host("a.bar.com:80"), host("a.foo.com")),
    ],
  },
  {
    title: "a host with a port and any port are two patterns",
    policies: ['{action: DENY, rules: [{to: [{operation: {hosts: ["foo.com:*"]}}]}]}'],
    tries: [
      ...each("deny", host("foo.com:80"), host("FOO.com:")),
      ...each("allow", host("foo.com"), host("foo.com.:80")),
    ],
  },
  {
    title: "an exact path is that path alone",
    policies: ["{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}"],
    tries: [
      ...each("deny", ...["/admin", "/admin?x", "/admin#f", "/%61dmin", "/x/../admin", "/%2e/admin"].map(path)),
      ...each("deny", ...["/./admin", "/x\\..\\admin", "/%2E%2e/admin"].map(path)),
      ...each(
        "allow",
        ...["/admin/", "/admin;a=b", "/ADMIN", "//admin", "/admin%2f", "/%2fadmin", "/%2561dmin"].map(path),
      ),
      ...each("400", path("/admin%00")),
    ],
  },
  {
    title: "without normalisation every spelling is its own path",
    policies: ["{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}"],
    normalization: "none",
    tries: [
      ...each("deny", path("/admin"), path("/admin#f"), path("/admin?x")),
      ...each("allow", path("/%61dmin"), path("/x/../admin"), path("/./admin")),
    ],
  },
  {
    title: "slashes are merged only when asked to",
    policies: ["{action: DENY, rules: [{to: [{operation: {paths: [/admin/x]}}]}]}"],
    normalization: "merge-slashes",
    tries: [
      ...each("deny", path("//admin//x"), path("/admin/\\x"), path("/y/../admin//x")),
      ...each("allow", path("/y//../admin/x"), path("/admin%2fx"), path("/admin%2f/x"), path("/admin/x/")),
    ],
  },
  {
    title: "escaped slashes are slashes only when asked to",
    policies: ['{action: DENY, rules: [{to: [{operation: {paths: ["/admin/*"]}}]}]}'],
    normalization: "decode-and-merge-slashes",
    tries: [
      ...each("deny", path("/admin%2Fx"), path("/x%5c..%2fadmin%2f%2fy"), path("/%2fadmin/x")),
      ...each("allow", path("/admin%252fx"), path("/admin%2"), path("/admin")),
    ],
  },
  {
    title: "a star at both ends is a suffix with a star in it",
    policies: ['{rules: [{to: [{operation: {paths: ["*admin*"]}}]}]}'],
    tries: [[path("/x/admin*"), "allow"], ...each("deny", path("/admin"), path("/admin/x"))],
  },
  {
    title: "a template's star is one segment",
    policies: ['{rules: [{to: [{operation: {paths: ["/a/{*}/b", "/c/{**}"]}}]}]}'],
    tries: [
      ...each(
        "allow",
        ...["/a/x/b", "/a/x%2fy/b", "/a/x/b?q", "/a/x=y/b", "/a/./x/b", "/c/", "/c/x/y", "/c/a=b/"].map(path),
      ),
      ...each("deny", ...["/a/b", "/a//b", "/a/x/y/b", "/a/x/b/", "/c", "/c?x/", "/A/x/b"].map(path)),
    ],
  },
  {
    title: "methods are whole words",
    policies: ['{rules: [{to: [{operation: {methods: ["GET", "P*T"]}}]}]}'],
    tries: [[{ method: "GET" }, "allow"], ...each("deny", { method: "PUT" }, { method: "POST" })],
  },
  {
    title: "a star for tokens wants a subject as well",
    policies: ['{rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}'],
    tries: [
      [token({ iss: "https://i.io", sub: "a" }), "allow"],
      ...each("deny", {}, token({ iss: "https://i.io" }), token({ sub: "a" }), token({ iss: "i", sub: "" })),
    ],
  },
  {
    title: "an issuer ends at the last slash",
    policies: ['{rules: [{from: [{source: {requestPrincipals: ["https://i.io/x/al*", "issuer"]}}]}]}'],
    tries: [
      ...each("allow", token({ iss: "https://i.io/x", sub: "alice" }), token({ iss: "https://i.io/x", sub: "al/bob" })),
      ...each("deny", token({ iss: "https://i.io", sub: "x/alice" }), token({ iss: "issuer", sub: "a" }), {}),
    ],
  },
  {
    title: "notRequestPrincipals of a DENY keeps out who has no token",
    policies: ['{action: DENY, rules: [{from: [{source: {notRequestPrincipals: ["*"]}}]}]}'],
    tries: [...each("deny", {}, token({ iss: "i" })), [token({ iss: "i", sub: "a" }), "allow"]],
  },
  {
    title: "only text matches a claim, alone or in a list",
    policies: ['{rules: [{when: [{key: "request.auth.claims[role]", values: ["7", admin, "true"]}]}]}'],
    tries: [
      ...each("allow", token({ role: "admin" }), token({ role: ["x", "admin"] }), token({ role: "7" })),
      ...each("deny", token({ role: 7 }), token({ role: [7] }), token({ role: true }), token({ role: "admin user" })),
      ...each("deny", token({ role: { admin: "admin" } }), token({ role: [["admin"]] }), token({}), {}),
    ],
  },
  {
    title: "notValues is true of a claim that is not there",
    policies: ['{action: DENY, rules: [{when: [{key: "request.auth.claims[a][b]", notValues: [ok]}]}]}'],
    tries: [
      ...each("deny", {}, token({ a: "ok" }), token({ a: { b: "no" } }), token({ "a][b": "ok" })),
      ...each("allow", token({ a: { b: "ok" } }), token({ a: { b: ["no", "ok"] } })),
    ],
  },
  {
    title: "values and notValues of a condition are AND",
    policies: ['{rules: [{when: [{key: "request.headers[X-Role]", values: ["adm*"], notValues: [admin]}]}]}'],
    tries: [...each("allow", role("admin2"), role("adm")), ...each("deny", role("admin"), role("user"), {})],
  },
  {
    title: "repeated headers are looked at one by one and together",
    policies: ["{action: DENY, rules: [{when: [{key: 'request.headers[x-role]', values: [admin]}]}]}"],
    tries: [
      ...each("deny", role("admin"), { headers: [["X-ROLE", "admin"]] }, role("admin", "admin")),
      ...each("allow", role("user"), role("Admin"), role("admin2"), {}),
    ],
  },
  {
    title: "the pseudo-header of the path has its query",
    policies: ["{rules: [{when: [{key: 'request.headers[:path]', values: ['/a?x=1', '/b*']}]}]}"],
    tries: [...each("allow", path("/a?x=1"), path("/b?y")), ...each("deny", path("/a"), path("/a?x=2"), path("/x/b"))],
  },
  {
    title: "the header host is the host",
    policies: ["{action: DENY, rules: [{when: [{key: 'request.headers[host]', values: ['foo.com']}]}]}"],
    tries: [[host("foo.com"), "deny"], ...each("allow", host("foo.com:80"), host("bar.com"))],
  },
  {
    title: "SNI is what TLS says, and not the host",
    policies: ["{rules: [{when: [{key: connection.sni, values: ['*.foo.com']}]}]}"],
    tries: [
      [{ ...id(CURL), sni: "a.foo.com" }, "allow"],
      ...each("deny", { ...id(CURL), sni: "foo.com" }, id(CURL), host("a.foo.com")),
    ],
  },
  { title: "an ALLOW without rules denies all", policies: ["{}"], tries: each("deny", {}, id(CURL)) },
  {
    title: "a DENY wins over an ALLOW of everything",
    policies: ["{rules: [{}]}", "{action: DENY, rules: [{to: [{operation: {ports: ['PORT'], methods: [POST]}}]}]}"],
    tries: [
      [{ method: "POST" }, "deny"],
      [{ method: "GET" }, "allow"],
    ],
  },
  {
    title: "an ALLOW of the root namespace widens that of a namespace",
    policies: [
      "istio-system: {rules: [{to: [{operation: {paths: [/health]}}]}]}",
      "{rules: [{from: [{source: {namespaces: [foo]}}]}]}",
    ],
    tries: [...each("allow", path("/health"), id(CURL)), [path("/x"), "deny"]],
  },
  {
    title: "an AUDIT is no ALLOW",
    policies: ["{action: AUDIT, rules: [{to: [{operation: {methods: [GET]}}]}]}"],
    tries: each("allow", { method: "GET" }, { method: "POST" }),
  },
  {
    title: "a dry run of an ALLOW makes nothing denied",
    policies: ["dry-run: {rules: [{to: [{operation: {methods: [GET]}}]}]}"],
    tries: each("allow", { method: "GET" }, { method: "POST" }),
  },
  {
    title: "a dry run of a DENY beside an ALLOW denies nobody",
    policies: ["dry-run: {action: DENY, rules: [{}]}", "{rules: [{to: [{operation: {methods: [GET]}}]}]}"],
    tries: [
      [{ method: "GET" }, "allow"],
      [{ method: "POST" }, "deny"],
    ],
  },
  {
    title: "a provider that nobody knows denies what the policy matches",
    policies: ["{action: CUSTOM, provider: {name: gone}, rules: [{to: [{operation: {paths: ['/admin*']}}]}]}"],
    tries: [...each("deny", path("/admin"), path("/x/../admin")), [path("/x"), "allow"]],
  },
  {
    title: "a provider is asked before a DENY",
    policies: [
      "{action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {notPaths: [/x]}}]}]}",
      "{action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}",
    ],
    tries: [
      [path("/x"), "deny"],
      [path("/y"), "ask"],
    ],
  },
];

export const TCP_SETS: readonly TrickySet[] = [
  {
    title: "an ALLOW that looks at HTTP allows no connection",
    policies: ["{rules: [{to: [{operation: {methods: [GET], ports: ['PORT']}}]}]}"],
    tries: each("deny", {}, id(CURL)),
  },
  {
    title: "of an ALLOW, only the rules that look at HTTP go",
    policies: ["{rules: [{to: [{operation: {methods: [GET]}}]}, {from: [{source: {namespaces: [foo]}}]}]}"],
    tries: [
      [id(CURL), "allow"],
      [{}, "deny"],
    ],
  },
  {
    title: "one entry that looks at HTTP takes the rule of an ALLOW with it",
    policies: ["{rules: [{from: [{source: {namespaces: [foo]}}, {source: {requestPrincipals: ['*']}}]}]}"],
    tries: each("deny", id(CURL), {}),
  },
  {
    title: "a DENY of paths alone denies every connection",
    policies: ["{action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}"],
    tries: each("deny", {}, id(CURL)),
  },
  {
    title: "a DENY of notPaths denies every connection as well",
    policies: ["{action: DENY, rules: [{to: [{operation: {notPaths: ['*']}}]}]}"],
    tries: each("deny", {}, id(CURL)),
  },
  {
    title: "a DENY of paths at another port denies none",
    policies: ["{action: DENY, rules: [{to: [{operation: {paths: [/admin], ports: ['1']}}]}]}"],
    tries: each("allow", {}, id(CURL)),
  },
  {
    title: "an entry that loses everything makes a DENY match",
    policies: [
      "{action: DENY, rules: [{from: [{source: {namespaces: [bar]}}, {source: {requestPrincipals: ['*']}}]}]}",
    ],
    tries: each("deny", {}, id(CURL), id("td/ns/bar/sa/x")),
  },
  {
    title: "what a DENY has besides HTTP still counts",
    policies: [
      "{action: DENY, rules: [{from: [{source: {namespaces: [bar], notRequestPrincipals: ['*']}}], when: [{key: 'request.headers[a]', values: [b]}]}]}",
    ],
    tries: [[id("td/ns/bar/sa/x"), "deny"], ...each("allow", id(CURL), {})],
  },
  {
    title: "notPrincipals lets plaintext connections in",
    policies: [`{rules: [{from: [{source: {notPrincipals: [${CURL}]}}]}]}`],
    tries: [
      [{}, "allow"],
      [id(CURL), "deny"],
    ],
  },
  {
    title: "a provider over HTTP is not asked about connections",
    policies: ["{action: CUSTOM, provider: {name: ext}, rules: [{}]}"],
    tries: each("allow", {}, id(CURL)),
  },
  {
    title: "a missing provider denies the connections that are left to it",
    policies: ["{action: CUSTOM, provider: {name: gone}, rules: [{to: [{operation: {paths: [/admin]}}]}]}"],
    tries: each("deny", {}, id(CURL)),
  },
  {
    title: "a dry run of an ALLOW denies no connection",
    policies: ["dry-run: {rules: [{to: [{operation: {methods: [GET]}}]}]}"],
    tries: each("allow", {}, id(CURL)),
  },
];
