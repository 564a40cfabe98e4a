/** Hand-written sets: the reference's word, the engine and a real Envoy say the same. */
import { describe, expect, test } from "bun:test";
import {
  type AuthorizationPolicy,
  compileAuthorization,
  parseAuthorizationPolicy,
  parseEnvelope,
  requireParsed,
} from "@symbolon/policy";
import { parseYamlDocuments } from "@symbolon/policy/yaml";
import { installEnvoy } from "../../tools/envoy.ts";
import type { FilterKind } from "./authorization-filters.ts";
import { compareWithEnvoy, type Trial } from "./compare.ts";
import { type Attempt, HTTP_SETS, TCP_SETS, type TrickySet } from "./tricky-policies.ts";

const ADDRESS = "127.0.0.9";
const MINUTES = 5 * 60_000;
const envoy = installEnvoy() ?? "";

describe.skipIf(envoy === "")("policies that are easily read wrong", () => {
  for (const { kind, what, sets, firstPort } of [
    { kind: "http", what: "requests", sets: HTTP_SETS, firstPort: 25_000 },
    { kind: "network", what: "connections without HTTP", sets: TCP_SETS, firstPort: 25_500 },
  ] as const)
    test(
      `${sets.length} sets mean of ${what} what the reference says, to the engine and to Envoy`,
      async () => {
        const trials = sets.map((set, index) => trialOf(set, kind, firstPort + index));
        expect(trials.flatMap((trial, index) => misjudged(sets[index], trial))).toEqual([]);
        const { differences, counts } = await compareWithEnvoy(trials, { envoy, kind });
        const tries = trials.reduce((total, { exchanges }) => total + exchanges.length, 0);
        const reached = [...counts].map((entry) => entry.join(" ")).join(", ");
        console.log(`${sets.length} sets, ${tries} ${what}, ${differences.length} differences; ${reached}`);
        expect(differences).toEqual([]);
      },
      MINUTES,
    );
});

function trialOf(set: TrickySet, kind: FilterKind, port: number): Trial {
  const { policies, trustDomain = "cluster.local", aliases = [], normalization = "base", tries } = set;
  return {
    listener: {
      address: ADDRESS,
      port,
      policies: policies.map((text, index) => readPolicy(text.replaceAll("PORT", String(port)), index)),
      options: {
        trustDomain,
        trustDomainAliases: aliases,
        pathNormalization: normalization,
        providers: new Map([
          ["opa", "grpc"],
          ["ext", "http"],
        ]),
        allowSeveralProviders: false,
      },
      verdicts: new Map([["opa", "allow"]]),
    },
    exchanges: tries.map(([attempt]) => exchangeOf(attempt, kind, port)),
  };
}

function readPolicy(text: string, index: number): AuthorizationPolicy {
  const [, prefix, spec] = /^(?:([a-z-]+): )?(\{.*\})$/.exec(text) ?? [];
  const isDryRun = prefix === "dry-run";
  const namespace = isDryRun || prefix === undefined ? "foo" : prefix;
  const annotations = isDryRun ? 'annotations: {istio.io/dry-run: "true"}' : "";
  const metadata = `{name: p${index}, namespace: ${namespace}, ${annotations}}`;
  const yaml = `{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: ${metadata}, spec: ${spec}}`;
  const [document] = parseYamlDocuments(yaml, "policy.yaml").documents;
  if (!document) throw new Error(`no document: ${yaml}`);
  return requireParsed(parseAuthorizationPolicy(requireParsed(parseEnvelope(document))));
}

function exchangeOf(attempt: Attempt, kind: FilterKind, port: number): Trial["exchanges"][number] {
  const { from, source = "127.0.0.1", remoteAddress, sni, method = "GET", path = "/", host = "foo", claims } = attempt;
  const connection = {
    sourceAddress: source,
    destinationAddress: ADDRESS,
    destinationPort: port,
    ...(from !== undefined && { peerSpiffeId: `spiffe://${from}` }),
    ...(remoteAddress !== undefined && { remoteAddress }),
    ...(sni !== undefined && { sni }),
  };
  if (kind === "network") return { connection };
  const headers = new Map((attempt.headers ?? []).map(([name, ...values]) => [name.toLowerCase(), values]));
  return { connection, request: { method, path, host, headers, ...(claims && { claims }) } };
}

/** Where the engine says something else than the reference. */
function misjudged(set: TrickySet | undefined, { listener, exchanges }: Trial): readonly string[] {
  const compiled = compileAuthorization(listener.policies, listener.options);
  return exchanges.flatMap(({ connection, request }, index) => {
    const { outcome, reason } = compiled.connection(connection).decide(request);
    const said = reason === "path_refused" ? "400" : outcome === "ask_provider" ? "ask" : outcome;
    const [attempt, wanted] = set?.tries[index] ?? [];
    return said === wanted
      ? []
      : [`${set?.title}: ${JSON.stringify(attempt)} wanted ${wanted}, got ${said} (${reason})`];
  });
}
