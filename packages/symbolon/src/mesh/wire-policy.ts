import type { AuthorizationPolicy, Condition, Operation, Rule, Source, ValueList } from "@symbolon/policy";
import { productError } from "../core/index.ts";

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

type Known<Name extends PropertyKey> = Readonly<Record<Exclude<Name, "position">, true>>;

const SOURCE: Known<keyof Source> = {
  principals: true,
  notPrincipals: true,
  requestPrincipals: true,
  notRequestPrincipals: true,
  namespaces: true,
  notNamespaces: true,
  serviceAccounts: true,
  notServiceAccounts: true,
  trustDomains: true,
  notTrustDomains: true,
  ipBlocks: true,
  notIpBlocks: true,
  remoteIpBlocks: true,
  notRemoteIpBlocks: true,
};
const OPERATION: Known<keyof Operation> = {
  hosts: true,
  notHosts: true,
  ports: true,
  notPorts: true,
  methods: true,
  notMethods: true,
  paths: true,
  notPaths: true,
};
const POLICY: Known<keyof WirePolicy> = { namespace: true, name: true, action: true, dryRun: true, rules: true };
const ACTION: Known<AuthorizationPolicy["action"]> = { allow: true, deny: true, audit: true, custom: true };
const RULE: Known<keyof WireRule> = { from: true, to: true, when: true };
const CONDITION: Known<keyof Condition> = { key: true, values: true, notValues: true };

/** What a proxy takes for a rule it must know whole: an item that it left out could open what is closed (CV-35). */
function requireKnown(names: readonly string[], known: Readonly<Record<string, true>>): void {
  const strange = names.find((name) => !Object.hasOwn(known, name));
  if (strange !== undefined)
    throw productError(
      "ERR_FRAME_INVALID",
      `a policy has ${JSON.stringify(strange)}, which this version does not know`,
    );
}

/**
 * Places and selector have stayed behind: it is in no file, and attached.
 * @throws ERR_FRAME_INVALID for what this version does not know; TypeError for what is no such policy
 */
export function policyFromWire(policy: WirePolicy): AuthorizationPolicy {
  const { namespace, name, action, dryRun, rules } = policy;
  requireKnown(Object.keys(policy), POLICY);
  requireKnown([action], ACTION);
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

function ruleFromWire(rule: WireRule): Rule {
  const { from, to, when = [] } = rule;
  requireKnown(Object.keys(rule), RULE);
  return {
    position,
    ...(from ? { from: from.map((fields) => fieldsFromWire<Source>(fields, SOURCE)) } : {}),
    ...(to ? { to: to.map((fields) => fieldsFromWire<Operation>(fields, OPERATION)) } : {}),
    when: when.map(conditionFromWire),
  };
}

function conditionFromWire(condition: NonNullable<WireRule["when"]>[number]): Condition {
  const { key, values, notValues } = condition;
  requireKnown(Object.keys(condition), CONDITION);
  return {
    key,
    position,
    ...(values ? { values: listOf(values) } : {}),
    ...(notValues ? { notValues: listOf(notValues) } : {}),
  };
}

/** INVARIANT: the names are those of the type; they have just been checked. */
function fieldsFromWire<Entry extends Source | Operation>(fields: WireFields, known: Known<keyof Entry>): Entry {
  requireKnown(Object.keys(fields), known);
  const lists = Object.entries(fields).map(([field, texts]) => [field, listOf(texts)]);
  return { position, ...Object.fromEntries(lists) } as Entry;
}

function listOf(texts: readonly string[]): ValueList {
  return { position, values: texts.map((value) => ({ value, position })) };
}

const position = Object.freeze({ file: "", line: 1, column: 1 });
