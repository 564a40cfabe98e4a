/** One workload's policies as the filters that Istio configures Envoy with (istio-security §3.3, §3.10 to §3.12). */
import type { AuthorizationPolicy, Rule } from "@symbolon/policy";
import { isHttpOnly, type SlowOptions } from "../oracle/slow-evaluator.ts";
import { type Json, translateRule } from "./translate-rule.ts";

export type FilterKind = "http" | "network";
export type Verdict = "allow" | "deny";

export interface Workload {
  readonly policies: readonly AuthorizationPolicy[];
  readonly options: SlowOptions;
  /** What each provider answers here. */
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

const EXTENSIONS = "type.googleapis.com/envoy.extensions.filters";
const BAD_CUSTOM = "-deny-due-to-bad-CUSTOM-action";

/** CUSTOM stands before the filter that verifies tokens. */
export function customFilters(workload: Workload, kind: FilterKind): Json[] {
  const { policies, options } = workload;
  const custom = policies.filter(({ action, dryRun, rules }) => action === "custom" && !dryRun && rules.length > 0);
  const names = [...new Set(custom.map(({ provider }) => provider ?? ""))].sort();
  const rulesOf = (some: readonly AuthorizationPolicy[], id: (text: string) => string) =>
    actionRules("DENY", some, { options, kind, id });
  const refuse = (name: string, some: readonly AuthorizationPolicy[]) =>
    rbac(`refuse-${name}`, kind, { rules: rulesOf(some, (id) => id + BAD_CUSTOM) });
  if (names.length > 1 && !options.allowSeveralProviders) return [refuse("several", custom)];
  const of = (name: string) => custom.filter(({ provider }) => provider === name);
  const missing = names.filter((name) => !options.providers.has(name));
  // "An HTTP provider cannot serve TCP chains (ignored there)."
  const asked = names.filter(
    (name) => options.providers.get(name) === "grpc" || (kind === "http" && !missing.includes(name)),
  );
  return [
    ...missing.map((name) => refuse(name, of(name))),
    ...asked.flatMap((name) => [
      rbac(`ask-${name}`, kind, {
        shadow_rules: rulesOf(of(name), (id) => `istio-ext-authz-${name}-${id}`),
        shadow_rules_stat_prefix: shadowPrefix(name),
      }),
      externalAuthorization(name, workload, kind),
    ]),
  ];
}

/** AUDIT, DENY, ALLOW. There is no filter for an action without policies; an ALLOW filter may have none and denies all. */
export function actionFilters({ policies, options }: Workload, kind: FilterKind): Json[] {
  return (["audit", "deny", "allow"] as const).flatMap((action) => {
    const rules = (dryRun: boolean) => {
      const some = policies.filter((policy) => policy.action === action && policy.dryRun === dryRun);
      const name = action === "audit" ? "LOG" : action.toUpperCase();
      return some.length === 0 ? undefined : actionRules(name, some, { options, kind, id: (text) => text });
    };
    const [enforced, shadow] = [rules(false), rules(true)];
    if (!enforced && !shadow) return [];
    return [
      rbac(action, kind, {
        ...(enforced && { rules: enforced }),
        ...(shadow && { shadow_rules: shadow, shadow_rules_stat_prefix: `istio_dry_run_${action}_` }),
      }),
    ];
  });
}

function actionRules(
  action: string,
  policies: readonly AuthorizationPolicy[],
  {
    options,
    kind,
    id,
  }: { readonly options: SlowOptions; readonly kind: FilterKind; readonly id: (text: string) => string },
): Json {
  const rules = policies.flatMap((policy) =>
    policy.rules.flatMap((rule, index) => {
      const seen = kind === "http" ? rule : withoutHttp(rule, policy.action);
      const name = id(`ns[${policy.namespace}]-policy[${policy.name}]-rule[${index}]`);
      return seen ? [[name, translateRule(seen, { policy, options })]] : [];
    }),
  );
  return { action, policies: Object.fromEntries(rules) };
}

/** §3.9: ALLOW loses the whole rule, everything else the items. */
function withoutHttp(rule: Rule, action: AuthorizationPolicy["action"]): Rule | undefined {
  const fields = [...(rule.from ?? []), ...(rule.to ?? [])].flatMap(Object.keys);
  if (action === "allow" && [...fields, ...rule.when.map(({ key }) => key)].some(isHttpOnly)) return undefined;
  const strip = <Entry extends object>(entry: Entry) =>
    Object.fromEntries(Object.entries(entry).filter(([field]) => !isHttpOnly(field))) as Entry;
  return {
    position: rule.position,
    ...(rule.from && { from: rule.from.map(strip) }),
    ...(rule.to && { to: rule.to.map(strip) }),
    when: rule.when.filter(({ key }) => !isHttpOnly(key)),
  };
}

function rbac(name: string, kind: FilterKind, config: Json): Json {
  const typed = { "@type": `${EXTENSIONS}.${kind}.rbac.v3.RBAC`, ...(kind === "network" && { stat_prefix: "r" }) };
  return { name: `rbac-${name}`, typed_config: { ...typed, ...config } };
}

/** Asks only when the shadow rules before it matched. */
function externalAuthorization(name: string, { options, verdicts }: Workload, kind: FilterKind): Json {
  const question = `${verdicts.get(name)}/${name}`;
  const http = { uri: "http://provider", cluster: HTTP_PROVIDERS, timeout: "5s" };
  const service =
    options.providers.get(name) === "http"
      ? { http_service: { server_uri: http, path_prefix: `/${question}` } }
      : {
          grpc_service: {
            envoy_grpc: { cluster_name: GRPC_PROVIDERS },
            timeout: "5s",
            initial_metadata: [{ key: "x-question", value: question }],
          },
        };
  return {
    name: `ask-${name}`,
    typed_config: {
      "@type": `${EXTENSIONS}.${kind}.ext_authz.v3.ExtAuthz`,
      ...(kind === "network" && { stat_prefix: "e" }),
      transport_api_version: "V3",
      ...service,
      filter_enabled_metadata: {
        filter: `envoy.filters.${kind}.rbac`,
        path: [{ key: `${shadowPrefix(name)}shadow_effective_policy_id` }],
        value: { string_match: { prefix: `istio-ext-authz-${name}-` } },
      },
    },
  };
}

function shadowPrefix(provider: string): string {
  return `istio_ext_authz_${provider}_`;
}

export const HTTP_PROVIDERS = "http-providers";
export const GRPC_PROVIDERS = "grpc-providers";
