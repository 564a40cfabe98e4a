import type { RuleItem } from "../authorization/index.ts";
import { nearestName, quoteValue } from "../document/index.ts";
import { parseStringPattern, patternMatches } from "../string-match.ts";
import { type AnalysisContext, itemsOf, type StructuredPolicy } from "./analysis-context.ts";
import type { AnalyzedService } from "./analysis-input.ts";

/** Hosts are compared as the client wrote them, and a Service has several names (ecosystem.md §16, row 10). */
export function checkServiceNames(context: AnalysisContext): void {
  const services = new Map(
    (context.input.inventory?.services ?? []).map((service) => [`${service.name}.${service.namespace}`, service]),
  );
  if (services.size === 0) return;
  for (const structured of context.policies)
    for (const { item, path } of itemsOf(structured))
      if (item.attribute.kind === "host") checkHosts(context, structured, { item, path, services });
}

interface HostList {
  readonly item: RuleItem;
  readonly path: string;
  readonly services: ReadonlyMap<string, AnalyzedService>;
}

function checkHosts(
  { report }: AnalysisContext,
  { policy }: StructuredPolicy,
  { item, path, services }: HostList,
): void {
  const patterns = item.list.values.map(({ value }) => parseStringPattern(value.toLowerCase()));
  const reported = new Set<AnalyzedService>();
  for (const [index, { value, position }] of item.list.values.entries()) {
    const absent = absentService(value.toLowerCase(), services);
    if (absent) report("SYM1033", policy, { ...absent, path: `${path}[${index}]`, position });
    const service = serviceOf(value.toLowerCase(), item.policyNamespace, services);
    if (!service || reported.has(service)) continue;
    reported.add(service);
    const names = namesOf(service, item.policyNamespace);
    const missing = names.filter((name) => !patterns.some((pattern) => patternMatches(pattern, name)));
    if (missing.length === 0) continue;
    const isBypass = (policy.action === "deny") !== item.negated;
    report("SYM1029", policy, {
      path: `${path}[${index}]`,
      position,
      message: `a client may write the same Service as ${missing.map(quoteValue).join(", ")}${isBypass ? ", which gets past this rule" : ""}`,
      fix: `add ${missing
        .flatMap((name) => [name, `${name}:*`])
        .map(quoteValue)
        .join(", ")}`,
      ...(isBypass ? {} : { severity: "info" }),
    });
  }
}

/**
 * A name that only a Service has, of a namespace with Services, and none has it. Other names may be those of other
 * clusters or of hosts outside, and nothing is said of them.
 */
function absentService(
  host: string,
  services: ReadonlyMap<string, AnalyzedService>,
): { readonly message: string; readonly fix?: string } | undefined {
  const [, name, namespace] = IN_CLUSTER.exec(host) ?? [];
  if (name === undefined || namespace === undefined || services.has(`${name}.${namespace}`)) return undefined;
  const there = [...services.values()].filter((service) => service.namespace === namespace);
  if (there.length === 0) return undefined;
  const near = nearestName(
    name,
    there.map((service) => service.name),
  );
  return {
    message: `no Service ${quoteValue(name)} is in namespace ${namespace}`,
    ...(near === undefined ? {} : { fix: `write ${quoteValue(`${near}${host.slice(name.length)}`)}` }),
  };
}

/** Of a whole name with or without port; a name without dots is one of the policy's namespace. */
function serviceOf(
  host: string,
  namespace: string,
  services: ReadonlyMap<string, AnalyzedService>,
): AnalyzedService | undefined {
  const name = host.replace(/:(?:\d+|\*)$/, "");
  const [first = "", second = namespace, ...domain] = name.split(".");
  if (name.includes("*") || !["", "svc", `svc.${CLUSTER_DOMAIN}`].includes(domain.join("."))) return undefined;
  return services.get(`${first}.${second}`);
}

function namesOf({ name, namespace }: AnalyzedService, policyNamespace: string): readonly string[] {
  const long = `${name}.${namespace}`;
  return [...(namespace === policyNamespace ? [name] : []), long, `${long}.svc`, `${long}.svc.${CLUSTER_DOMAIN}`];
}

const CLUSTER_DOMAIN = "cluster.local";
const IN_CLUSTER = /^([^.*]+)\.([^.*]+)\.svc(?:\.cluster\.local)?(?::(?:\d+|\*))?$/;
