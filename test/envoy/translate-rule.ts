/** One rule of a policy as a policy of Envoy's RBAC filters, as istio-security §3 and §7 describe it. */
import type { AuthorizationPolicy, Rule, ValueList } from "@symbolon/policy";
import { expandAliases, type SlowOptions } from "../oracle/slow-evaluator.ts";

export type Json = Readonly<Record<string, unknown>>;

const TEMPLATE = "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig";

export interface RuleContext {
  readonly policy: AuthorizationPolicy;
  readonly options: SlowOptions;
}

/** All of a rule is AND of its `permissions` and its `principals`, each an OR. */
export function translateRule(rule: Rule, context: RuleContext): Json {
  const conditions = rule.when.flatMap(({ key, values, notValues }) => [
    ...(values ? [{ key, list: values, negated: false }] : []),
    ...(notValues ? [{ key, list: notValues, negated: true }] : []),
  ]);
  const isPermission = (key: string) => /^(destination\.|connection\.|experimental\.)/.test(key);
  const translated = (which: (key: string) => boolean, kind: Kind) =>
    conditions
      .filter(({ key }) => which(key))
      .map(({ key, list, negated }) => oneOf(key, list, { negated, kind, ...context }));
  const entries = (list: readonly object[] | undefined, kind: Kind): Json[] =>
    (list ?? [{}]).map((entry) => {
      const fields = Object.entries(entry)
        .filter(([field]) => field !== "position")
        .map(([field, values]) => {
          const negated = field.startsWith("not");
          const plain = negated ? field.charAt(3).toLowerCase() + field.slice(4) : field;
          return oneOf(plain, values as ValueList, { negated, kind, ...context });
        });
      return and(kind, fields);
    });
  return {
    permissions: [and("rules", [or("rules", entries(rule.to, "rules")), ...translated(isPermission, "rules")])],
    principals: [and("ids", [or("ids", entries(rule.from, "ids")), ...translated((key) => !isPermission(key), "ids")])],
  };
}

/** The name of the lists inside Envoy's `and_…` and `or_…`: permissions have rules, principals have ids. */
type Kind = "rules" | "ids";

function and(kind: Kind, list: readonly Json[]): Json {
  return list.length === 0 ? { any: true } : { [`and_${kind}`]: { [kind]: list } };
}

function or(kind: Kind, list: readonly Json[]): Json {
  return { [`or_${kind}`]: { [kind]: list } };
}

function oneOf(
  key: string,
  { values }: ValueList,
  { negated, kind, ...context }: RuleContext & { readonly negated: boolean; readonly kind: Kind },
): Json {
  const alternatives = values.flatMap(({ value }) => translateValue(key, value, context));
  const any = or(kind, alternatives);
  return negated ? { [kind === "rules" ? "not_rule" : "not_id"]: any } : any;
}

function translateValue(key: string, value: string, { policy, options }: RuleContext): Json[] {
  const authenticated = (matcher: Json) => ({ authenticated: { principal_name: matcher } });
  const expanded = expandAliases(key, value, options);
  switch (key) {
    case "principals":
    case "source.principal":
      return expanded.map((principal) => authenticated(principalMatcher(principal)));
    case "namespaces":
    case "source.namespace":
      return [authenticated(regex(`.*/ns/${value.split("*").map(quote).join(".*")}/.*`))];
    case "serviceAccounts":
    case "source.serviceAccount": {
      const [namespace = "", account = ""] = value.includes("/") ? value.split("/") : [policy.namespace, value];
      return [authenticated(regex(`spiffe://.+/ns/${quote(namespace)}/(.+/|)sa/${quote(account)}(/.+)?`))];
    }
    case "trustDomains":
    case "source.trustDomain":
      return expanded.map((domain) => {
        if (domain === "*") return authenticated({ prefix: "spiffe://" });
        if (!domain.includes("*")) return authenticated({ prefix: `spiffe://${domain}/` });
        return authenticated(regex(`spiffe://${domain.split("*").map(quote).join("[^/]*")}/.*`));
      });
    case "ipBlocks":
    case "source.ip":
      return [{ direct_remote_ip: cidr(value) }];
    case "remoteIpBlocks":
    case "remote.ip":
      return [{ remote_ip: cidr(value) }];
    case "destination.ip":
      return [{ destination_ip: cidr(value) }];
    case "ports":
    case "destination.port":
      return [{ destination_port: Number(value) }];
    case "connection.sni":
      return [{ requested_server_name: stringMatcher(value) }];
    case "hosts":
      return [{ header: headerMatcher(":authority", value, { ignoreCase: true }) }];
    case "methods":
      return [{ header: headerMatcher(":method", value) }];
    case "paths":
      if (value.includes("{*}") || value.includes("{**}"))
        return [
          {
            uri_template: {
              name: "uri-template",
              typed_config: { "@type": TEMPLATE, path_template: value.replaceAll("{**}", "**").replaceAll("{*}", "*") },
            },
          },
        ];
      return [{ url_path: { path: stringMatcher(value) } }];
    case "requestPrincipals":
    case "request.auth.principal":
      return [requestPrincipal(value)];
    case "request.auth.audiences":
      return [claim(["aud"], stringMatcher(value), "list")];
    case "request.auth.presenter":
      return [claim(["azp"], stringMatcher(value), "list")];
  }
  if (key.startsWith("request.headers["))
    return [{ header: headerMatcher(key.slice("request.headers[".length, -1), value) }];
  if (key.startsWith("request.auth.claims[")) {
    const path = key.slice("request.auth.claims[".length, -1).split("][");
    return [claim(path, stringMatcher(value), "list")];
  }
  const [filter = "", name = ""] = key.slice("experimental.envoy.filters.".length, -1).split("[");
  return [
    {
      metadata: { filter: `envoy.filters.${filter}`, path: [{ key: name }], value: { string_match: { exact: value } } },
    },
  ];
}

function principalMatcher(value: string): Json {
  if (value === "*") return regex(".+");
  if (value.startsWith("*")) return regex(`spiffe://.*${quote(value.slice(1))}`);
  return value.endsWith("*") ? { prefix: `spiffe://${value.slice(0, -1)}` } : { exact: `spiffe://${value}` };
}

/** The table of §3.6: two matches of the payload. */
function requestPrincipal(value: string): Json {
  const both = (issuer: Json, subject: Json) =>
    and("ids", [claim(["iss"], issuer, "text"), claim(["sub"], subject, "text")]);
  const present = regex(".+");
  const slash = value.lastIndexOf("/");
  if (value === "*") return both(present, present);
  if (slash < 0) {
    if (value.startsWith("*")) return both(present, { suffix: value.slice(1) });
    if (value.endsWith("*")) return both({ prefix: value.slice(0, -1) }, present);
    return both({ exact: value }, { exact: "" });
  }
  const [issuer, subject] = [value.slice(0, slash), value.slice(slash + 1)];
  if (value.startsWith("*/")) return both(present, { exact: subject });
  if (value.startsWith("*")) return both({ suffix: issuer.slice(1) }, { exact: subject });
  if (subject === "*") return both({ exact: issuer }, present);
  return both({ exact: issuer }, subject.endsWith("*") ? { prefix: subject.slice(0, -1) } : { exact: subject });
}

function claim(path: readonly string[], matcher: Json, kind: "text" | "list"): Json {
  const text = { string_match: matcher };
  return {
    metadata: {
      filter: "envoy.filters.http.jwt_authn",
      path: ["payload", ...path].map((key) => ({ key })),
      value: kind === "text" ? text : { or_match: { value_matchers: [text, { list_match: { one_of: text } }] } },
    },
  };
}

function headerMatcher(name: string, value: string, { ignoreCase = false } = {}): Json {
  if (value === "*") return { name, present_match: true };
  return { name, string_match: { ...stringMatcher(value), ...(ignoreCase && { ignore_case: true }) } };
}

function stringMatcher(value: string): Json {
  if (value === "*") return regex(".+");
  if (value.startsWith("*")) return { suffix: value.slice(1) };
  return value.endsWith("*") ? { prefix: value.slice(0, -1) } : { exact: value };
}

function regex(pattern: string): Json {
  return { safe_regex: { regex: pattern } };
}

function cidr(value: string): Json {
  const [address_prefix = "", length] = value.split("/");
  return {
    address_prefix,
    prefix_len: length === undefined ? (address_prefix.includes(":") ? 128 : 32) : Number(length),
  };
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
