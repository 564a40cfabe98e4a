/**
 * Request authentication beside Envoy 1.40 with the filter that Istio configures (istio-security §2.3, §7): the same
 * requests, the same decision, answer, claims, headers and target. ADR 13 names where we differ on purpose.
 */
import { describe, expect, test } from "bun:test";
import {
  compileRequestAuthentication,
  type JwtRule,
  type RequestAuthentication,
  type RequestAuthenticationOutcome,
} from "@symbolon/policy";
import { checkSignature, parseProviderKeySet } from "@symbolon/spiffe/jwt";
import { installEnvoy } from "../../tools/envoy.ts";
import { type EnvoyAnswer, startEnvoy } from "./envoy-under-test.ts";
import { createRandom, type HeaderLines, type JwtRequest, randomRequest, randomRules } from "./jwt-cases.ts";

const SEED = 2026;
const POLICY_SETS = 25;
const REQUESTS_EACH = 80;
/** Where Envoy's sentence is another one: its base64 takes white space. The decision is the same. */
const OTHER_SENTENCE = ["Jwt header is an invalid Base64url encoded", "Jwt header is an invalid JSON"];
const WRITTEN_BY_RULES = /^x-(out|pay)-/;
/** Written by Envoy, or by the way the request takes. */
const NOT_COMPARED = /^(x-claims|x-forwarded-proto|x-request-id|x-envoy-.*|connection|content-length|host)$/;

const binary = installEnvoy();
if (binary) {
  describe(`Envoy decides like us, seed ${SEED}`, () => {
    test(`${POLICY_SETS * REQUESTS_EACH} requests`, async () => {
      const random = createRandom(SEED);
      const counts = { anonymous: 0, authenticated: 0, refused: 0 };
      const differences: string[] = [];
      for (let set = 0; set < POLICY_SETS; set++) {
        const rules = randomRules(random);
        const evaluate = compileRequestAuthentication([policyOf(rules)]);
        const envoy = await startEnvoy(binary, [jwtFilter(rules)], {
          "x-claims": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload)%",
        });
        try {
          for (let i = 0; i < REQUESTS_EACH; i++) {
            const now = new Date();
            const sent = randomRequest(random, rules, Math.floor(now.getTime() / 1000));
            const answer = await envoy.send(sent.method, sent.path, sent.headers);
            const ours = evaluate({ ...sent, host: "svc.foo", headers: linesOf(sent.headers) }, now, verification);
            counts[ours.kind]++;
            const found = compare(ours, answer, sent);
            if (found) differences.push(`set ${set}, request ${i}: ${found}; ${JSON.stringify({ rules, sent })}`);
          }
        } finally {
          await envoy.stop();
        }
      }
      console.log(`seed ${SEED}: ${JSON.stringify(counts)}, ${differences.length} differences`);
      for (const difference of differences.slice(0, 5)) console.log(difference);
      expect(differences.length).toBe(0);
      expect(Math.min(...Object.values(counts))).toBeGreaterThan(100);
    }, 300_000);
  });
}

const verification = {
  keysOf: ({ jwks = "" }: JwtRule) => parseProviderKeySet(jwks),
  verifySignature: ({ text }: { readonly text: string }, keys: Parameters<typeof checkSignature>[1]) =>
    checkSignature(text, keys),
};

function policyOf(jwtRules: readonly JwtRule[]): RequestAuthentication {
  const position = { file: "f.yaml", line: 1, column: 1 };
  return { kind: "RequestAuthentication", namespace: "foo", name: "jwt", position, targetRefs: [], jwtRules };
}

/** As Istio writes it: providers by issuer, any(P0, …, all(any(P0, missing), …)). */
function jwtFilter(rules: readonly JwtRule[]): object {
  const sorted = rules.toSorted((a, b) => (a.issuer < b.issuer ? -1 : a.issuer > b.issuer ? 1 : 0));
  const providers = Object.fromEntries(sorted.map((rule, index) => [`origins-${index}`, provider(rule)]));
  const any = (...requirements: object[]) => ({ requires_any: { requirements } });
  const named = Object.keys(providers).map((name) => ({ provider_name: name }));
  const orMissing = named.map((requirement, index) =>
    sorted[index]?.isTokenRequired ? requirement : any(requirement, { allow_missing: {} }),
  );
  const [only] = orMissing;
  const requires = orMissing.length === 1 ? only : any(...named, { requires_all: { requirements: orMissing } });
  return {
    name: "jwt",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
      bypass_cors_preflight: true,
      providers,
      rules: [{ match: { prefix: "/" }, requires }],
    },
  };
}

function provider(rule: JwtRule): object {
  return {
    issuer: rule.issuer,
    audiences: rule.audiences,
    local_jwks: { inline_string: rule.jwks },
    from_headers: rule.fromHeaders.map(({ name, prefix }) => ({ name, value_prefix: prefix })),
    from_params: rule.fromParams,
    from_cookies: rule.fromCookies,
    forward: rule.forwardOriginalToken,
    forward_payload_header: rule.outputPayloadToHeader ?? "",
    claim_to_headers: rule.outputClaimToHeaders.map(({ header, claim }) => ({
      header_name: header,
      claim_name: claim,
    })),
    payload_in_metadata: "payload",
    normalize_payload_in_metadata: {
      space_delimited_claims: [...new Set(["permission", "scope", ...rule.spaceDelimitedClaims])],
    },
  };
}

/** Undefined when they agree. */
function compare(ours: RequestAuthenticationOutcome, theirs: EnvoyAnswer, sent: JwtRequest): string | undefined {
  const { forwarded } = theirs;
  if (ours.kind === "refused") {
    if (forwarded) return hasSeveralTokens(sent) ? undefined : `we refuse (${ours.failure}), Envoy forwards`;
    const { status, body, grpcStatus, wwwAuthenticate } = ours.answer;
    const isGrpc = grpcStatus !== undefined;
    const got = isGrpc ? decodeURIComponent(String(theirs.headers["grpc-message"])) : theirs.body;
    const sentence = OTHER_SENTENCE[0] === body && OTHER_SENTENCE[1] === got ? body : got;
    return different(
      "the answer",
      [isGrpc ? grpcStatus : status, body, wwwAuthenticate],
      [isGrpc ? Number(theirs.headers["grpc-status"]) : theirs.status, sentence, theirs.headers["www-authenticate"]],
    );
  }
  if (!forwarded) return `we forward (${ours.kind}), Envoy answers ${theirs.status} ${theirs.body}`;
  const claims = ours.kind === "authenticated" ? ours.claims : undefined;
  const theirClaims = forwarded.headers["x-claims"];
  const ignored = hasSeveralTokens(sent) ? WRITTEN_BY_RULES : undefined;
  return (
    different("claims", sorted(claims), sorted(theirClaims === undefined ? undefined : JSON.parse(theirClaims))) ??
    different("headers", headersAfter(ours, sent.headers, ignored), kept(Object.entries(forwarded.headers), ignored)) ??
    different("target", parametersOf(ours.changes.path ?? sent.path), parametersOf(forwarded.target))
  );
}

/**
 * ADR 13: with several tokens Envoy takes some out before others count, so that it may forward what we refuse; and it
 * writes headers of each token that was good, even of a rule that failed.
 */
function hasSeveralTokens({ path, headers }: JwtRequest): boolean {
  const text = [path, ...headers.map(([, value]) => value)].join(" ");
  return [...text.matchAll(/eyJ[\w-]+\.eyJ/g)].length > 1;
}

type Forwarded = Exclude<RequestAuthenticationOutcome, { kind: "refused" }>;

function headersAfter({ changes }: Forwarded, sent: HeaderLines, ignored: RegExp | undefined): unknown {
  const lines = linesOf(sent);
  for (const name of changes.removeHeaders) lines.delete(name);
  for (const { name, value } of changes.addHeaders) lines.set(name, [...(lines.get(name) ?? []), value]);
  const separator = (name: string) => (name === "cookie" ? "; " : name === "authorization" ? "," : ", ");
  const entries = [...lines].map(([name, values]) => [name, values.join(separator(name))] as const);
  return kept(entries, ignored);
}

function kept(entries: readonly (readonly [string, string])[], ignored: RegExp | undefined): unknown {
  const compared = entries.filter(([name, value]) => !NOT_COMPARED.test(name) && !ignored?.test(name) && value !== "");
  return sorted(Object.fromEntries(compared));
}

/** Envoy sorts the parameters that it keeps. */
function parametersOf(target: string): readonly string[] {
  const [path = "", query = ""] = target.split("?");
  return [path, ...query.split("&").toSorted()];
}

function linesOf(headers: HeaderLines): Map<string, readonly string[]> {
  const lines = new Map<string, readonly string[]>();
  for (const [name, value] of headers) lines.set(name, [...(lines.get(name) ?? []), value.trim()]);
  return lines;
}

function different(what: string, ours: unknown, theirs: unknown): string | undefined {
  const [left, right] = [JSON.stringify(ours), JSON.stringify(theirs)];
  return left === right ? undefined : `${what}: ${left}, Envoy ${right}`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, sorted(member)]));
}
