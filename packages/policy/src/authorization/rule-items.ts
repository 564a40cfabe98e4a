import type {
  AuthorizationAction,
  AuthorizationPolicy,
  Condition,
  Negated,
  Operation,
  OperationField,
  Rule,
  Source,
  SourceField,
  ValueList,
} from "../authorization-policy.ts";
import { type ConditionAttribute, parseConditionKey } from "../condition-key.ts";
import { invalidAuthorization } from "../errors.ts";
import { expandPrincipal, expandTrustDomain, type TrustDomainNames } from "../trust-domain-aliases.ts";

/** What a field or a condition looks at. */
export type Attribute = ConditionAttribute | { readonly kind: "host" | "method" | "path" };

/** One list of values of a rule: `notPaths: [...]`, the `values` of a condition. The smallest thing that is true or false. */
export interface RuleItem {
  readonly attribute: Attribute;
  /** As written: "notPaths", "when request.headers[x-token] notValues". */
  readonly field: string;
  readonly negated: boolean;
  readonly list: ValueList;
  /** The written values with trust-domain aliases put in. */
  readonly values: readonly string[];
  /** Service accounts without namespace are of this one. */
  readonly policyNamespace: string;
}

/** A rule as the boolean structure of istio-security §3.2, free of the two ways to write it (fields and conditions). */
export interface RuleStructure {
  readonly policy: AuthorizationPolicy;
  readonly ruleIndex: number;
  readonly rule: Rule;
  /** OR of ANDs; absent = true. */
  readonly from?: readonly (readonly RuleItem[])[];
  readonly to?: readonly (readonly RuleItem[])[];
  readonly when: readonly RuleItem[];
}

export function ruleStructures(policy: AuthorizationPolicy, names: TrustDomainNames): RuleStructure[] {
  return policy.rules.map((rule, ruleIndex) => ruleStructure(policy, ruleIndex, names, rule));
}

function ruleStructure(
  policy: AuthorizationPolicy,
  ruleIndex: number,
  names: TrustDomainNames,
  rule: Rule,
): RuleStructure {
  const item = (attribute: Attribute, field: string, negated: boolean, list: ValueList): RuleItem => ({
    attribute,
    field,
    negated,
    list,
    values: expandValues(attribute, list, names),
    policyNamespace: policy.namespace,
  });
  return {
    policy,
    ruleIndex,
    rule,
    ...(rule.from && { from: rule.from.map((source) => fieldItems(source, SOURCE_FIELDS, item)) }),
    ...(rule.to && { to: rule.to.map((operation) => fieldItems(operation, OPERATION_FIELDS, item)) }),
    when: rule.when.flatMap((condition) => conditionItems(condition, item)),
  };
}

type CreateItem = (attribute: Attribute, field: string, negated: boolean, list: ValueList) => RuleItem;

/** "AND over the fields that are set … X and notX both set: AND." */
function fieldItems(entry: Source | Operation, fields: readonly FieldRow[], item: CreateItem): RuleItem[] {
  // A source has no fields of an operation, and the other way round.
  const lists = entry as Partial<Record<FieldName | Negated<FieldName>, ValueList>>;
  const items: RuleItem[] = [];
  for (const { field, notField, attribute } of fields) {
    const wanted = lists[field];
    const unwanted = lists[notField];
    if (wanted) items.push(item(attribute, field, false, wanted));
    if (unwanted) items.push(item(attribute, notField, true, unwanted));
  }
  return items;
}

function conditionItems({ key, values, notValues }: Condition, item: CreateItem): RuleItem[] {
  const attribute = parseConditionKey(key);
  // The parser refuses such a key; a condition that is left out would widen an ALLOW.
  if (!attribute) throw invalidAuthorization(`unknown attribute: ${key}`);
  return [
    ...(values ? [item(attribute, `when ${key} values`, false, values)] : []),
    ...(notValues ? [item(attribute, `when ${key} notValues`, true, notValues)] : []),
  ];
}

/** The values that one written value stands for. */
export function expandValue(attribute: Attribute, value: string, names: TrustDomainNames): readonly string[] {
  if (attribute.kind === "principal") return expandPrincipal(value, names);
  return attribute.kind === "trustDomain" ? expandTrustDomain(value, names) : [value];
}

function expandValues(attribute: Attribute, list: ValueList, names: TrustDomainNames): readonly string[] {
  const expanded = list.values.flatMap(({ value }) => expandValue(attribute, value, names));
  return expanded.length > list.values.length ? [...new Set(expanded)] : expanded;
}

/** Whether an item can be decided without an HTTP request (istio-security §3.9). */
export function isHttpOnly({ attribute }: Pick<RuleItem, "attribute">): boolean {
  return HTTP_ONLY.has(attribute.kind);
}

/**
 * A rule as a TCP connection sees it (istio-security §3.9). ALLOW: "the entire rule is dropped" when any item needs HTTP.
 * DENY, AUDIT, CUSTOM: "only the HTTP-only items are dropped; if nothing remains the rule matches everything".
 */
export function tcpStructure(structure: RuleStructure, action: AuthorizationAction): RuleStructure | undefined {
  const { from, to, when, ...rest } = structure;
  const items = [...(from ?? []).flat(), ...(to ?? []).flat(), ...when];
  if (!items.some(isHttpOnly)) return structure;
  if (action === "allow") return undefined;
  const withoutHttp = (entry: readonly RuleItem[]) => entry.filter((item) => !isHttpOnly(item));
  return {
    ...rest,
    ...(from && { from: from.map(withoutHttp) }),
    ...(to && { to: to.map(withoutHttp) }),
    when: withoutHttp(when),
  };
}

type FieldName = SourceField | OperationField;

interface FieldRow {
  readonly field: FieldName;
  readonly notField: Negated<FieldName>;
  readonly attribute: Attribute;
}

const row = (field: FieldName, kind: Exclude<Attribute["kind"], "header" | "claim">): FieldRow => ({
  field,
  notField: `not${field.charAt(0).toUpperCase()}${field.slice(1)}` as Negated<FieldName>,
  attribute: { kind },
});
export const SOURCE_FIELDS: readonly FieldRow[] = [
  row("principals", "principal"),
  row("requestPrincipals", "requestPrincipal"),
  row("namespaces", "namespace"),
  row("serviceAccounts", "serviceAccount"),
  row("trustDomains", "trustDomain"),
  row("ipBlocks", "sourceAddress"),
  row("remoteIpBlocks", "remoteAddress"),
];
export const OPERATION_FIELDS: readonly FieldRow[] = [
  row("hosts", "host"),
  row("ports", "destinationPort"),
  row("methods", "method"),
  row("paths", "path"),
];
const HTTP_ONLY: ReadonlySet<Attribute["kind"]> = new Set([
  "host",
  "method",
  "path",
  "header",
  "requestPrincipal",
  "claim",
  "audience",
  "presenter",
]);
