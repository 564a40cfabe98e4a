import type {
  AuthorizationAction,
  Negated,
  Operation,
  OperationField,
  Rule,
  Source,
  SourceField,
  ValueList,
} from "./authorization-policy.ts";
import {
  type CheckValue,
  checkAddress,
  checkPath,
  checkPort,
  checkServiceAccount,
  checkText,
  checkTrustDomain,
} from "./authorization-values.ts";
import { type DocumentNode, type ObjectReader, type ReadContext, readObject, reportAt } from "./document/index.ts";
import { readCondition } from "./read-authorization-condition.ts";
import { readValueList } from "./read-value-list.ts";

export interface RulePlace {
  readonly action: AuthorizationAction;
  readonly index: number;
}

/** One element of `rules`, with Istio's checks and texts (istio-security §3.2, §3.10, §3.17). */
export function readRule(node: DocumentNode, context: ReadContext, place: RulePlace): Rule | undefined {
  if (node.kind === "null") {
    reportAt(context, "SYM0504", node, `\`rule\` must not be nil, found at rule ${place.index}`);
    return undefined;
  }
  const reader = readObject(node, context);
  const from = readPart(reader, "from", place, (entry, at) => readFrom(entry, at, place));
  const to = readPart(reader, "to", place, (entry, at) => readTo(entry, at, place));
  const when = readPart(reader, "when", place, (entry, at) => readCondition(entry, at, place));
  return reader.finish(() => ({
    position: node.position,
    ...(from ? { from } : {}),
    ...(to ? { to } : {}),
    when: when ?? [],
  }));
}

function readPart<T>(
  reader: ObjectReader,
  field: "from" | "to" | "when",
  { index }: RulePlace,
  read: (node: DocumentNode, context: ReadContext) => T | undefined,
): readonly T[] | undefined {
  let count = 0;
  const readEntry = (node: DocumentNode, context: ReadContext) => {
    count += 1;
    return read(node, context);
  };
  const entries = reader.list(field, readEntry, field === "from" ? { max: 512 } : {});
  if (entries && count === 0) reader.report("SYM0505", `\`${field}\` must not be empty, found at rule ${index}`, field);
  return entries;
}

function readFrom(node: DocumentNode, context: ReadContext, place: RulePlace): Source | undefined {
  return readWrapped(
    node,
    context,
    "source",
    `\`from.source\` must not be nil, found at rule ${place.index}`,
    (reader) => {
      const lists = readFields(reader, SOURCE_CHECKS, place);
      if (reader.hasErrors) return reader.finish(() => undefined);
      const has = (...fields: readonly SourceField[]) =>
        fields.some((field) => lists.has(field) || lists.has(negated(field)));
      if (has("serviceAccounts") && has("namespaces", "principals"))
        reader.report(
          "SYM0512",
          `cannot set serviceAccounts with namespaces or principals, found at rule ${place.index}`,
        );
      if (place.action === "custom")
        for (const field of lists.keys())
          if (!ALLOWED_IN_CUSTOM.has(field))
            reader.report("SYM0515", `From.${capital(field)} is currently not supported with CUSTOM action`, field);
      // Every key is a field of Source: they are those of SOURCE_CHECKS and their negations.
      return reader.finish(() => {
        if (lists.size === 0)
          reader.report("SYM0505", `\`from.source\` must not be empty, found at rule ${place.index}`);
        return { position: reader.position, ...Object.fromEntries(lists) } as Source;
      });
    },
  );
}

function readTo(node: DocumentNode, context: ReadContext, place: RulePlace): Operation | undefined {
  return readWrapped(
    node,
    context,
    "operation",
    `\`to.operation\` must not be nil, found at rule ${place.index}`,
    (reader) => {
      const lists = readFields(reader, OPERATION_CHECKS, place);
      // Every key is a field of Operation: they are those of OPERATION_CHECKS and their negations.
      return reader.finish(() => {
        if (lists.size === 0)
          reader.report("SYM0505", `\`to.operation\` must not be empty, found at rule ${place.index}`);
        return { position: reader.position, ...Object.fromEntries(lists) } as Operation;
      });
    },
  );
}

/** `{source: {…}}` and `{operation: {…}}`; that one is empty is said only where nothing in it was a typing error. */
function readWrapped<T>(
  node: DocumentNode,
  context: ReadContext,
  field: string,
  missing: string,
  read: (reader: ObjectReader) => T | undefined,
): T | undefined {
  const reader = readObject(node, context);
  const value = reader.object(field, read);
  return reader.finish(() => {
    if (!reader.has(field)) reader.report("SYM0505", missing);
    return value;
  });
}

function readFields(
  reader: ObjectReader,
  checks: Readonly<Record<string, CheckValue>>,
  { index }: RulePlace,
): ReadonlyMap<string, ValueList> {
  const lists = new Map<string, ValueList>();
  for (const [field, check] of Object.entries(checks)) {
    for (const name of [field, negated(field)]) {
      const max = field === "serviceAccounts" ? { max: 16 } : {};
      const list = readValueList(reader, name, { name: capital(name), ruleIndex: index, check, ...max });
      if (list) lists.set(name, list);
    }
  }
  return lists;
}

function negated<Field extends string>(field: Field): Negated<Field> {
  return `not${capital(field)}` as Negated<Field>;
}

function capital(field: string): string {
  return field.charAt(0).toUpperCase() + field.slice(1);
}

const SOURCE_CHECKS: Readonly<Record<SourceField, CheckValue>> = {
  principals: checkText,
  requestPrincipals: checkText,
  namespaces: checkText,
  serviceAccounts: checkServiceAccount,
  trustDomains: checkTrustDomain,
  ipBlocks: checkAddress,
  remoteIpBlocks: checkAddress,
};
const OPERATION_CHECKS: Readonly<Record<OperationField, CheckValue>> = {
  hosts: checkText,
  ports: checkPort,
  methods: checkText,
  paths: checkPath,
};
const ALLOWED_IN_CUSTOM: ReadonlySet<string> = new Set([
  "ipBlocks",
  "notIpBlocks",
  "remoteIpBlocks",
  "notRemoteIpBlocks",
]);
