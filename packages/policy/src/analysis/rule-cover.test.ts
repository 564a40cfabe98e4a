import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ConnectionAttributes, RequestAttributes } from "../attributes.ts";
import {
  type CompiledAuthorization,
  compileAuthorization,
  type Decision,
  decide,
  type RuleStructure,
  ruleStructures,
} from "../authorization/index.ts";
import type { AuthorizationAction, AuthorizationPolicy } from "../authorization-policy.ts";
import { parseEnvelope } from "../object-envelope.ts";
import { parseAuthorizationPolicy } from "../parse-authorization-policy.ts";
import { requireParsed } from "../require-parsed.ts";
import { parseYamlDocuments } from "../yaml/index.ts";
import { findContradiction, ruleCovers } from "./rule-cover.ts";

const NAMES = { trustDomain: "td", trustDomainAliases: ["old"] };
const RUNS = Number(process.env.ANALYSIS_RUNS ?? 1000);

/** Values so near to each other that covering and not covering are both common. */
const VALUES = {
  principals: ["*", "td/ns/a/sa/b", "old/ns/a/sa/b", "td/ns/a/*", "*/sa/b", "td/ns/c/sa/b"],
  namespaces: ["a", "c", "*", "a*", "*c"],
  serviceAccounts: ["a/b", "b", "foo/b"],
  requestPrincipals: ["*", "i/s", "i/*", "*/s", "j/s"],
  ipBlocks: ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "11.0.0.0/8", "0.0.0.0/0"],
  hosts: ["*", "a.com", "A.com", "*.com", "a*"],
  ports: ["80", "080", "81"],
  methods: ["*", "GET", "G*", "POST"],
  paths: ["*", "/a", "/a/b", "/a/*", "/a*", "*/b", "/{*}", "/a/{*}", "/a/{**}", "/{*}/b"],
} as const;
type Field = keyof typeof VALUES;
const SOURCES: readonly Field[] = ["principals", "namespaces", "serviceAccounts", "requestPrincipals", "ipBlocks"];
const OPERATIONS: readonly Field[] = ["hosts", "ports", "methods", "paths"];

const list = (field: Field) => fc.uniqueArray(fc.constantFrom(...VALUES[field]), { minLength: 1, maxLength: 2 });
const entry = (fields: readonly Field[]) =>
  fc
    .uniqueArray(fc.constantFrom(...fields), { minLength: 1, maxLength: 2 })
    .chain((chosen) =>
      fc
        .tuple(...chosen.map((field) => fc.tuple(fc.boolean(), list(field))))
        .map((lists) =>
          Object.fromEntries(
            chosen.map((field, index) => [
              lists[index]?.[0] ? `not${field.charAt(0).toUpperCase()}${field.slice(1)}` : field,
              lists[index]?.[1],
            ]),
          ),
        ),
    );
const condition = fc.constantFrom<Readonly<Record<string, unknown>>>(
  { key: "request.headers[x]", values: ["1"] },
  { key: "request.headers[x]", values: ["1", "2"] },
  { key: "request.headers[X]", notValues: ["1"] },
  { key: "request.headers[x]", values: ["*"] },
  { key: "source.namespace", values: ["a"] },
  { key: "source.namespace", notValues: ["a"] },
  { key: "request.auth.claims[c]", values: ["v", "w*"] },
  { key: "request.auth.claims[c]", values: ["v"] },
  { key: "destination.port", values: ["80"] },
);
const rule = fc.record(
  {
    from: fc.array(
      // Istio refuses service accounts beside namespaces and principals.
      entry(SOURCES)
        .filter((source) => {
          const text = Object.keys(source).join(" ").toLowerCase();
          return !(text.includes("serviceaccounts") && /namespaces|(?<!request)principals/.test(text));
        })
        .map((source) => ({ source })),
      { minLength: 1, maxLength: 2 },
    ),
    to: fc.array(
      entry(OPERATIONS).map((operation) => ({ operation })),
      { minLength: 1, maxLength: 2 },
    ),
    when: fc.array(condition, { minLength: 1, maxLength: 2 }),
  },
  { requiredKeys: [] },
);

/** Two rules that differ in one part, which the first one often does not have. */
const nearPair = fc
  .tuple(rule, rule, fc.constantFrom("from" as const, "to" as const, "when" as const), fc.boolean())
  .map(([left, right, part, isDropped]) => {
    const { [part]: _, ...rest } = right;
    return [left[part] && !isDropped ? { ...rest, [part]: left[part] } : rest, right] as const;
  });

const CALLERS = [
  undefined,
  "spiffe://td/ns/a/sa/b",
  "spiffe://old/ns/a/sa/b",
  "spiffe://td/ns/c/sa/b",
  "spiffe://x/ns/ac/sa/b",
];
const connection = fc.record({
  peer: fc.constantFrom(...CALLERS),
  sourceAddress: fc.constantFrom("10.1.2.3", "10.1.9.9", "10.9.9.9", "11.1.1.1"),
  destinationPort: fc.constantFrom(80, 81),
});
const request = fc.record({
  method: fc.constantFrom("GET", "POST", "GO"),
  host: fc.constantFrom("a.com", "b.com", "a.org"),
  path: fc.constantFrom("/a", "/a/b", "/a/", "/ab", "/a/b/c", "/c/b", "/"),
  header: fc.constantFrom([], ["1"], ["2"], ["1", "2"]),
  claims: fc.constantFrom(undefined, { iss: "i", sub: "s", c: "v" }, { iss: "j", sub: "s", c: ["u", "w1"] }),
});
const situation = fc.tuple(connection, fc.option(request, { nil: undefined, freq: 6 }));

function policyOf(written: unknown, action: AuthorizationAction): AuthorizationPolicy {
  const object = {
    apiVersion: "security.istio.io/v1",
    kind: "AuthorizationPolicy",
    metadata: { name: "p", namespace: "foo" },
    spec: { action: action.toUpperCase(), rules: [written] },
  };
  const [node] = parseYamlDocuments(JSON.stringify(object), "f.json").documents;
  assert.ok(node);
  return requireParsed(parseAuthorizationPolicy(requireParsed(parseEnvelope(node))));
}

type Situation = readonly [
  { readonly peer: string | undefined; readonly sourceAddress: string; readonly destinationPort: number },
  (
    | {
        readonly method: string;
        readonly host: string;
        readonly path: string;
        readonly header: readonly string[];
        readonly claims: Readonly<Record<string, string | readonly string[]>> | undefined;
      }
    | undefined
  ),
];

function matcherOf(policy: AuthorizationPolicy): (where: Situation) => boolean {
  const compiled = compileAuthorization([policy], NAMES);
  return (where) => (decideIn(compiled, where) === "allow") === (policy.action === "allow");
}

function decideIn(compiled: CompiledAuthorization, [{ peer, ...rest }, asked]: Situation): Decision["outcome"] {
  const attributes: ConnectionAttributes = {
    ...(peer === undefined ? {} : { peerSpiffeId: peer }),
    destinationAddress: "10.0.0.1",
    ...rest,
  };
  const headers = new Map(asked && asked.header.length > 0 ? [["x", asked.header]] : []);
  const http: RequestAttributes | undefined = asked && {
    method: asked.method,
    host: asked.host,
    path: asked.path,
    headers,
    ...(asked.claims ? { claims: asked.claims } : {}),
  };
  return decide(compiled.connection(attributes), http).outcome;
}

function structureOf(policy: AuthorizationPolicy): RuleStructure {
  const [structure] = ruleStructures(policy, NAMES);
  assert.ok(structure);
  return structure;
}

describe("what rules cover", () => {
  test(
    "a rule that covers another one matches whatever that one matches, over HTTP and TCP",
    { timeout: 120_000 },
    () => {
      let covered = 0;
      fc.assert(
        fc.property(
          fc.constantFrom<AuthorizationAction>("allow", "deny"),
          nearPair,
          fc.array(situation, { minLength: 12, maxLength: 12 }),
          (action, [left, right], situations) => {
            const [wide, narrow] = [policyOf(left, action), policyOf(right, action)];
            if (!ruleCovers(structureOf(wide), structureOf(narrow))) return;
            covered += 1;
            const [ofWide, ofNarrow] = [matcherOf(wide), matcherOf(narrow)];
            for (const where of situations) if (ofNarrow(where)) assert.ok(ofWide(where));
          },
        ),
        { numRuns: RUNS },
      );
      assert.ok(covered > RUNS / 4, `${covered} of ${RUNS}`);
    },
  );

  test("an ALLOW rule that a DENY rule covers allows nothing", { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(nearPair, fc.array(situation, { minLength: 12, maxLength: 12 }), ([left, right], situations) => {
        const [deny, allow] = [policyOf(left, "deny"), policyOf(right, "allow")];
        if (!ruleCovers(structureOf(deny), structureOf(allow))) return;
        const [denies, allows] = [matcherOf(deny), matcherOf(allow)];
        for (const where of situations) if (allows(where)) assert.ok(denies(where));
      }),
      { numRuns: RUNS },
    );
  });

  test("a rule whose parts contradict themselves matches nothing", { timeout: 120_000 }, () => {
    let contradicting = 0;
    fc.assert(
      fc.property(rule, fc.array(situation, { minLength: 12, maxLength: 12 }), (written, situations) => {
        const policy = policyOf(written, "allow");
        const { from = [[]], to = [[]], when } = structureOf(policy);
        const never = (entries: typeof from) => entries.every((items) => findContradiction([...items, ...when]));
        if (!never(from) && !never(to)) return;
        contradicting += 1;
        const matches = matcherOf(policy);
        for (const where of situations) assert.ok(!matches(where));
      }),
      { numRuns: RUNS },
    );
    assert.ok(contradicting > RUNS / 100, `${contradicting} of ${RUNS}`);
  });
});
