import type { AuthorizationPolicy, Condition, Operation, Rule, Source, ValueList } from "@symbolon/policy";

/**
 * An AuthorizationPolicy as a proxy is told it: what decides, and nothing that only explains. Values without their places
 * in files are a quarter of the text, and every proxy reads them with every change.
 */
export interface WirePolicy {
  readonly namespace: string;
  readonly name: string;
  readonly action: AuthorizationPolicy["action"];
  /** Absent: false. */
  readonly dryRun?: true;
  readonly rules: readonly WireRule[];
}

interface WireRule {
  readonly from?: readonly WireFields[];
  readonly to?: readonly WireFields[];
  readonly when?: readonly {
    readonly key: string;
    readonly values?: readonly string[];
    readonly notValues?: readonly string[];
  }[];
}

type WireFields = Readonly<Record<string, readonly string[]>>;

export function policyToWire({ namespace, name, action, dryRun, rules }: AuthorizationPolicy): WirePolicy {
  return { namespace, name, action, ...(dryRun ? { dryRun } : {}), rules: rules.map(ruleToWire) };
}

function ruleToWire({ from, to, when }: Rule): WireRule {
  return {
    ...(from ? { from: from.map(fieldsToWire) } : {}),
    ...(to ? { to: to.map(fieldsToWire) } : {}),
    ...(when.length > 0
      ? {
          when: when.map(({ key, values, notValues }) => ({
            key,
            ...(values ? { values: textsOf(values) } : {}),
            ...(notValues ? { notValues: textsOf(notValues) } : {}),
          })),
        }
      : {}),
  };
}

function fieldsToWire({ position: _, ...fields }: Source | Operation): WireFields {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([field, list]) => (list === undefined ? [] : [[field, textsOf(list)]])),
  );
}

function textsOf({ values }: ValueList): readonly string[] {
  return values.map(({ value }) => value);
}

/** Places and selector have stayed behind: it is in no file, and attached. @throws TypeError for what is no such policy */
export function policyFromWire({ namespace, name, action, dryRun, rules }: WirePolicy): AuthorizationPolicy {
  return {
    kind: "AuthorizationPolicy",
    namespace,
    name,
    action,
    dryRun: dryRun === true,
    targetRefs: [],
    position,
    rules: rules.map(ruleFromWire),
  };
}

function ruleFromWire({ from, to, when = [] }: WireRule): Rule {
  return {
    position,
    ...(from ? { from: from.map(fieldsFromWire<Source>) } : {}),
    ...(to ? { to: to.map(fieldsFromWire<Operation>) } : {}),
    when: when.map(
      ({ key, values, notValues }): Condition => ({
        key,
        position,
        ...(values ? { values: listOf(values) } : {}),
        ...(notValues ? { notValues: listOf(notValues) } : {}),
      }),
    ),
  };
}

/** INVARIANT: the names are those that `fieldsToWire` has taken from the same type. */
function fieldsFromWire<Entry extends Source | Operation>(fields: WireFields): Entry {
  const lists = Object.entries(fields).map(([field, texts]) => [field, listOf(texts)]);
  return { position, ...Object.fromEntries(lists) } as Entry;
}

function listOf(texts: readonly string[]): ValueList {
  return { position, values: texts.map((value) => ({ value, position })) };
}

const position = Object.freeze({ file: "", line: 1, column: 1 });
