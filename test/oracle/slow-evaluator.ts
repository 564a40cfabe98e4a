/**
 * Istio's authorization written down a second time, straight from the boolean structure of the reference (istio-security §3),
 * and as slow as that is. It shares no code with the engine, only the types of what goes in.
 */
import type {
  AuthorizationPolicy,
  ConnectionAttributes,
  JsonValue,
  PathNormalization,
  RequestAttributes,
  Rule,
} from "@symbolon/policy";
import { addressInBlock } from "./slow-address.ts";
import { slowNormalize } from "./slow-normalize.ts";

export interface SlowOptions {
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly pathNormalization: PathNormalization;
  readonly providers: ReadonlyMap<string, "http" | "grpc">;
  readonly allowSeveralProviders: boolean;
}

export interface SlowDecision {
  readonly outcome: "allow" | "deny" | "ask_provider";
  readonly reason: string;
  readonly policyId?: string;
  readonly asks?: readonly string[];
  readonly audit: boolean;
  readonly shadow?: { readonly allow?: string; readonly deny?: string };
}

interface World {
  readonly options: SlowOptions;
  readonly connection: ConnectionAttributes;
  readonly request: RequestAttributes | undefined;
  readonly policy: AuthorizationPolicy;
}

export function slowDecide(
  policies: readonly AuthorizationPolicy[],
  options: SlowOptions,
  connection: ConnectionAttributes,
  request: RequestAttributes | undefined,
): SlowDecision {
  if (request && slowNormalize(cutQuery(request.path), options.pathNormalization) === undefined)
    return { outcome: "deny", reason: "path_refused", audit: false };
  const matching = (filter: (policy: AuthorizationPolicy) => boolean): string | undefined =>
    policies
      .filter(filter)
      .flatMap((policy) =>
        policy.rules.flatMap((rule, index) =>
          ruleMatches(rule, { options, connection, request, policy })
            ? [`ns[${policy.namespace}]-policy[${policy.name}]-rule[${index}]`]
            : [],
        ),
      )
      .sort((left, right) => (left < right ? -1 : left > right ? 1 : 0))[0];

  const custom = policies.filter(({ action, dryRun, rules }) => action === "custom" && !dryRun && rules.length > 0);
  const names = [...new Set(custom.map(({ provider }) => provider ?? ""))].sort();
  const bad = "-deny-due-to-bad-CUSTOM-action";
  if (names.length > 1 && !options.allowSeveralProviders) {
    const id = matching((policy) => custom.includes(policy));
    if (id) return { outcome: "deny", reason: "several_providers", policyId: id + bad, audit: false };
  } else {
    const asks: { name: string; id: string }[] = [];
    for (const name of names) {
      const id = matching((policy) => custom.includes(policy) && policy.provider === name);
      if (!id) continue;
      if (!options.providers.has(name))
        return { outcome: "deny", reason: "provider_missing", policyId: id + bad, audit: false };
      if (!request && options.providers.get(name) === "http") continue;
      asks.push({ name, id: `istio-ext-authz-${name}-${id}` });
    }
    if (asks[0])
      return {
        outcome: "ask_provider",
        reason: "custom_rule_matched",
        policyId: asks[0].id,
        asks: asks.map(({ name, id }) => `${name} ${id}`),
        audit: false,
      };
  }

  const audit = matching(({ action, dryRun }) => action === "audit" && !dryRun) !== undefined;
  const denying = matching(({ action, dryRun }) => action === "deny" && !dryRun);
  const shadow: { allow?: string; deny?: string } = {};
  if (policies.some(({ action, dryRun }) => action === "deny" && dryRun)) {
    const id = matching(({ action, dryRun }) => action === "deny" && dryRun);
    shadow.deny = id ? `denied ${id}` : "allowed";
  }
  if (!denying && policies.some(({ action, dryRun }) => action === "allow" && dryRun)) {
    const id = matching(({ action, dryRun }) => action === "allow" && dryRun);
    shadow.allow = id ? `allowed ${id}` : "denied";
  }
  const hasShadow = policies.some(({ action, dryRun }) => dryRun && (action === "allow" || action === "deny"));
  const rest = { audit, ...(hasShadow && { shadow }) };
  if (denying) return { outcome: "deny", reason: "deny_rule_matched", policyId: denying, ...rest };
  if (!policies.some(({ action, dryRun }) => action === "allow" && !dryRun))
    return { outcome: "allow", reason: "no_allow_policy", ...rest };
  const allowing = matching(({ action, dryRun }) => action === "allow" && !dryRun);
  if (allowing) return { outcome: "allow", reason: "allow_rule_matched", policyId: allowing, ...rest };
  return { outcome: "deny", reason: "no_allow_rule_matched", ...rest };
}

/** "rule = OR(from entries; true if no from) AND OR(to entries; true if no to) AND AND(when entries)". */
export function ruleMatches(rule: Rule, world: World): boolean {
  const entries = [...(rule.from ?? []), ...(rule.to ?? [])].flatMap((entry) => fieldsOf(entry));
  const conditions = rule.when.map(({ key }) => key);
  const needsHttp = [...entries, ...conditions].some(isHttpOnly);
  // "ALLOW: the entire rule is dropped."
  if (!world.request && needsHttp && world.policy.action === "allow") return false;
  const entryMatches = (entry: object) =>
    fieldsOf(entry).every((field) => {
      if (!world.request && isHttpOnly(field)) return true;
      const list = (entry as Record<string, { values: readonly { value: string }[] }>)[field]?.values ?? [];
      const plain = field.startsWith("not") ? field.charAt(3).toLowerCase() + field.slice(4) : field;
      const any = list.some(({ value }) => attributeMatches(plain, value, world));
      return field.startsWith("not") ? !any : any;
    });
  const conditionMatches = ({ key, values, notValues }: Rule["when"][number]) => {
    if (!world.request && isHttpOnly(key)) return true;
    if (values && !values.values.some(({ value }) => attributeMatches(key, value, world))) return false;
    return !notValues?.values.some(({ value }) => attributeMatches(key, value, world));
  };
  return (
    (rule.from ? rule.from.some(entryMatches) : true) &&
    (rule.to ? rule.to.some(entryMatches) : true) &&
    rule.when.every(conditionMatches)
  );
}

function fieldsOf(entry: object): string[] {
  return Object.keys(entry).filter((key) => key !== "position");
}

export function isHttpOnly(key: string): boolean {
  return /^(not)?(hosts|methods|paths|requestPrincipals)$/i.test(key) || key.startsWith("request.");
}

/** Whether one written value matches. */
function attributeMatches(key: string, value: string, world: World): boolean {
  const { connection, request, policy, options } = world;
  const id = connection.peerSpiffeId;
  const expandedMatch = (match: (expanded: string) => boolean) => expandAliases(key, value, options).some(match);
  switch (key) {
    case "principals":
    case "source.principal":
      return id !== undefined && expandedMatch((expanded) => principalRegex(expanded).test(id));
    case "namespaces":
    case "source.namespace":
      return id !== undefined && regexOf(`^.*/ns/${value.split("*").map(quote).join(".*")}/.*$`).test(id);
    case "serviceAccounts":
    case "source.serviceAccount": {
      const [namespace = "", account = ""] = value.includes("/") ? value.split("/") : [policy.namespace, value];
      const pattern = `^spiffe://.+/ns/${quote(namespace)}/(.+/|)sa/${quote(account)}(/.+)?$`;
      return id !== undefined && regexOf(pattern).test(id);
    }
    case "trustDomains":
    case "source.trustDomain":
      return id !== undefined && expandedMatch((expanded) => trustDomainRegex(expanded).test(id));
    case "ipBlocks":
    case "source.ip":
      return addressInBlock(connection.sourceAddress, value);
    case "remoteIpBlocks":
    case "remote.ip":
      return addressInBlock(connection.remoteAddress ?? connection.sourceAddress, value);
    case "destination.ip":
      return addressInBlock(connection.destinationAddress, value);
    case "ports":
    case "destination.port":
      return connection.destinationPort === Number(value);
    case "connection.sni":
      return connection.sni !== undefined && textMatches(value, connection.sni, false);
    case "hosts":
      return request !== undefined && textMatches(value.toLowerCase(), request.host.toLowerCase(), true);
    case "methods":
      return request !== undefined && textMatches(value, request.method, true);
    case "paths": {
      const path = slowNormalize(cutQuery(request?.path ?? ""), options.pathNormalization) ?? "";
      return request !== undefined && pathMatches(value, path);
    }
    case "requestPrincipals":
    case "request.auth.principal":
      return requestPrincipalMatches(value, request);
    case "request.auth.audiences":
      return claimMatches(value, request, ["aud"]);
    case "request.auth.presenter":
      return claimMatches(value, request, ["azp"]);
  }
  if (key.startsWith("request.headers[")) {
    const name = key.slice("request.headers[".length, -1).toLowerCase();
    return headerLines(name, request, options).some((line) => textMatches(value, line, true));
  }
  if (key.startsWith("request.auth.claims[")) {
    const inner = key.slice("request.auth.claims[".length, -1);
    return claimMatches(value, request, inner.split("]["));
  }
  if (key.startsWith("experimental.envoy.filters.")) return false;
  throw new Error(`unknown key ${key}`);
}

/** HTTP/2's pseudo-headers are headers as well; the path among them has its query. */
function headerLines(
  name: string,
  request: RequestAttributes | undefined,
  { pathNormalization }: SlowOptions,
): readonly string[] {
  if (!request) return [];
  const { host, method, path, headers } = request;
  if (name === "host" || name === ":authority") return [host];
  if (name === ":method") return [method];
  if (name !== ":path") return headers.get(name) ?? [];
  const query = /\?.*$/s.exec(path.replace(/#.*$/s, ""))?.[0] ?? "";
  return [(slowNormalize(cutQuery(path), pathNormalization) ?? "") + query];
}

/** §3.4. `presence`: `*` asks that the attribute is there, even if empty. */
function textMatches(value: string, text: string, presence: boolean): boolean {
  if (value === "*") return presence || /^.+$/s.test(text);
  if (value.startsWith("*")) return regexOf(`^.*${quote(value.slice(1))}$`, "s").test(text);
  if (value.endsWith("*")) return regexOf(`^${quote(value.slice(0, -1))}.*$`, "s").test(text);
  return value === text;
}

function pathMatches(value: string, path: string): boolean {
  if (!value.includes("{*}") && !value.includes("{**}")) return textMatches(value, path, false);
  const pattern = value
    .split(/(\{\*\*?\})/)
    .map((part) => (part === "{**}" ? ".*" : part === "{*}" ? "[a-zA-Z0-9\\-._~%!$&'()+,;:@=*]+" : quote(part)))
    .join("");
  return regexOf(`^${pattern}$`, "s").test(path);
}

/** The table of §3.4 for principals. */
function principalRegex(value: string): RegExp {
  if (value === "*") return /^.+$/;
  if (value.startsWith("*")) return regexOf(`^spiffe://.*${quote(value.slice(1))}$`);
  if (value.endsWith("*")) return regexOf(`^spiffe://${quote(value.slice(0, -1))}`);
  return regexOf(`^spiffe://${quote(value)}$`);
}

function trustDomainRegex(value: string): RegExp {
  if (value === "*") return /^spiffe:\/\//;
  return regexOf(`^spiffe://${value.split("*").map(quote).join("[^/]*")}/`);
}

/** The table of §3.6; an absent claim fits nothing, an empty one the exact empty text alone. */
function requestPrincipalMatches(value: string, request: RequestAttributes | undefined): boolean {
  const { iss, sub } = request?.claims ?? {};
  if (typeof iss !== "string" || typeof sub !== "string") return false;
  const slash = value.lastIndexOf("/");
  if (value === "*") return iss !== "" && sub !== "";
  if (slash < 0) {
    if (value.startsWith("*")) return iss !== "" && sub.endsWith(value.slice(1));
    if (value.endsWith("*")) return iss.startsWith(value.slice(0, -1)) && sub !== "";
    return iss === value && sub === "";
  }
  const [a, x] = [value.slice(0, slash), value.slice(slash + 1)];
  if (a === "*") return iss !== "" && sub === x;
  if (a.startsWith("*")) return iss.endsWith(a.slice(1)) && sub === x;
  if (iss !== a) return false;
  if (x === "*") return sub !== "";
  return x.endsWith("*") ? sub.startsWith(x.slice(0, -1)) : sub === x;
}

function claimMatches(value: string, request: RequestAttributes | undefined, path: readonly string[]): boolean {
  let claim: JsonValue | undefined = request?.claims;
  for (const name of path)
    claim =
      typeof claim === "object" && claim !== null && !Array.isArray(claim) && Object.hasOwn(claim, name)
        ? (claim as Readonly<Record<string, JsonValue>>)[name]
        : undefined;
  const elements = Array.isArray(claim) ? claim : [claim];
  return elements.some((element) => typeof element === "string" && textMatches(value, element, false));
}

/** §3.15. */
export function expandAliases(key: string, value: string, { trustDomain, trustDomainAliases }: SlowOptions): string[] {
  const all = [trustDomain, ...trustDomainAliases];
  if (key === "trustDomains" || key === "source.trustDomain") return all.includes(value) ? all : [value];
  const parts = value.split("/");
  const first = parts[0] ?? "";
  if (parts.length !== 5 || first === "*" || first === "") return [value];
  const fits = (pattern: string, text: string) =>
    regexOf(`^${quote(pattern).replace(/^\\\*|\\\*$/g, ".*")}$`).test(text);
  if (first !== "cluster.local" && !all.some((domain) => fits(first, domain) || fits(domain, first))) return [value];
  const kept = (domain: string) => first.startsWith("*") && fits(first, domain);
  return [...new Set(all.map((domain) => [kept(domain) ? first : domain, ...parts.slice(1)].join("/")))];
}

function cutQuery(target: string): string {
  return target.replace(/[?#].*$/s, "");
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}

/** Written once for each text: the vocabulary is small, and most of the time would go into this. */
function regexOf(source: string, flags = ""): RegExp {
  const key = `${flags}/${source}`;
  const known = REGEXES.get(key) ?? new RegExp(source, flags);
  REGEXES.set(key, known);
  return known;
}

const REGEXES = new Map<string, RegExp>();
