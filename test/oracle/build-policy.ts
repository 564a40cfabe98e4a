import type { AuthorizationPolicy, Condition, Operation, Rule, Source, ValueList } from "@symbolon/policy";

const POSITION = { file: "case.yaml", line: 1, column: 1 };

export interface PolicyText {
  readonly namespace?: string;
  readonly name?: string;
  readonly action?: AuthorizationPolicy["action"];
  readonly provider?: string;
  readonly dryRun?: boolean;
  readonly rules?: readonly RuleText[];
}
export type Fields = Readonly<Record<string, readonly string[]>>;
export interface RuleText {
  readonly from?: readonly Fields[];
  readonly to?: readonly Fields[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}

/** A policy value from its plain JSON form; the fields are not checked, so that tests can say what they like. */
export function buildPolicy(text: PolicyText): AuthorizationPolicy {
  const { namespace = "foo", name = "policy", action = "allow", dryRun = false, rules = [], provider } = text;
  return {
    kind: "AuthorizationPolicy",
    namespace,
    name,
    position: POSITION,
    targetRefs: [],
    action,
    ...(provider !== undefined && { provider }),
    dryRun,
    rules: rules.map(buildRule),
  };
}

function buildRule({ from, to, when = [] }: RuleText): Rule {
  return {
    position: POSITION,
    ...(from && { from: from.map((fields) => buildEntry(fields) as Source) }),
    ...(to && { to: to.map((fields) => buildEntry(fields) as Operation) }),
    when: when.map(
      ({ key, values, notValues }): Condition => ({
        position: POSITION,
        key,
        ...(values && { values: buildList(values) }),
        ...(notValues && { notValues: buildList(notValues) }),
      }),
    ),
  };
}

function buildEntry(fields: Fields): object {
  const lists = Object.entries(fields).map(([field, values]) => [field, buildList(values)]);
  return { position: POSITION, ...Object.fromEntries(lists) };
}

function buildList(values: readonly string[]): ValueList {
  return { position: POSITION, values: values.map((value) => ({ value, position: POSITION })) };
}
