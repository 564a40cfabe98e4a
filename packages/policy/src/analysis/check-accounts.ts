import type { RuleItem } from "../authorization/index.ts";
import { quoteValue, type SourcePosition, suggestion } from "../document/index.ts";
import { expandPrincipal, namesTrustDomain, type TrustDomainNames } from "../trust-domain-aliases.ts";
import { type AnalysisContext, itemsOf, type StructuredPolicy } from "./analysis-context.ts";
import type { MeshInventory } from "./analysis-input.ts";

/** Callers that a rule names and that do not exist: accounts that nobody runs as, trust domains of nobody here. */
export function checkAccounts(context: AnalysisContext): void {
  const accounts = accountsOf(context.input.inventory);
  for (const structured of context.policies)
    for (const { item, path } of itemsOf(structured))
      for (const [index, { value, position }] of item.list.values.entries())
        checkValue(context, structured, { item, value, path: `${path}[${index}]`, position, accounts });
}

interface NamedCaller {
  readonly item: RuleItem;
  readonly value: string;
  readonly path: string;
  readonly position: SourcePosition;
  /** Accounts by namespace. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
}

function checkValue(
  { input: { meshConfig }, report }: AnalysisContext,
  { policy }: StructuredPolicy,
  { item, value, path, position, accounts }: NamedCaller,
): void {
  const foreign = meshConfig && item.attribute.kind === "principal" ? foreignDomain(value, meshConfig) : undefined;
  if (foreign !== undefined && meshConfig) {
    const own = [meshConfig.trustDomain, ...meshConfig.trustDomainAliases];
    report("SYM1027", policy, {
      path,
      position,
      message: `trust domain ${quoteValue(foreign)} is none of this mesh's (${own.join(", ")})${suggestion(foreign, own)}`,
    });
    return;
  }
  const account = accountOf(value, item);
  const known = account && accounts.get(account.namespace);
  if (!known || known.has(account.name)) return;
  report("SYM1026", policy, {
    path,
    position,
    message: `namespace ${account.namespace} has no service account ${quoteValue(account.name)}, and no workload runs as it${suggestion(account.name, known)}`,
  });
}

/** Istio's own warning (istio-security §3.15): such a principal stays as it is, and no caller of this mesh has it. */
function foreignDomain(value: string, names: TrustDomainNames): string | undefined {
  const domain = value.slice(0, Math.max(value.indexOf("/"), 0));
  if (!namesTrustDomain(value) || domain.includes("*") || domain === "" || domain.includes(":")) return undefined;
  const all = [names.trustDomain, ...(names.trustDomainAliases ?? [])];
  const expanded = expandPrincipal(value, names);
  return all.includes(domain) || expanded.length > 1 || expanded[0] !== value ? undefined : domain;
}

/** The one account that a value names. */
function accountOf(value: string, { attribute, policyNamespace }: RuleItem) {
  if (value.includes("*")) return undefined;
  if (attribute.kind === "principal") {
    const [, namespace, name] = /^[^/:]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(value) ?? [];
    return namespace !== undefined && name !== undefined ? { namespace, name } : undefined;
  }
  if (attribute.kind !== "serviceAccount") return undefined;
  const slash = value.indexOf("/");
  return { namespace: slash < 0 ? policyNamespace : value.slice(0, slash), name: value.slice(slash + 1) };
}

/** Of namespaces that anything is known of; every namespace has the account that nobody chose. */
function accountsOf(inventory: MeshInventory | undefined): ReadonlyMap<string, ReadonlySet<string>> {
  const accounts = new Map<string, Set<string>>();
  const add = (namespace: string, name: string) => {
    const known = accounts.get(namespace) ?? new Set(["default"]);
    accounts.set(namespace, known.add(name));
  };
  for (const { namespace, serviceAccount } of inventory?.workloads ?? []) add(namespace, serviceAccount);
  for (const { namespace, name } of inventory?.serviceAccounts ?? []) add(namespace, name);
  return accounts;
}
