import type { AuthorizationAction, Condition, ValueList } from "./authorization-policy.ts";
import {
  type CheckValue,
  checkAddress,
  checkPort,
  checkServiceAccount,
  checkText,
  checkTrustDomain,
} from "./authorization-values.ts";
import { type ConditionAttribute, parseConditionKey } from "./condition-key.ts";
import { type DocumentNode, type ReadContext, readObject } from "./document/index.ts";
import { readValueList } from "./read-value-list.ts";

/** One entry of `when` (istio-security §3.7, §3.17). */
export function readCondition(
  node: DocumentNode,
  context: ReadContext,
  rule: { readonly action: AuthorizationAction; readonly index: number },
): Condition | undefined {
  const reader = readObject(node, context);
  const key = reader.string("key") ?? "";
  const attribute = parseConditionKey(key);
  if (reader.hasErrors) reader.ignore(["key"]);
  else if (key === "") reader.report("SYM0513", "`key` must not be empty");
  else if (!attribute)
    reader.report("SYM0513", `invalid \`value\` for \`key\` ${key}: ${describeUnknownKey(key)}`, "key");
  else if (rule.action === "custom" && isUnsupportedInCustom(key))
    reader.report("SYM0515", `${key} is currently not supported with CUSTOM action`, "key");
  const check = attribute ? (CHECKS[attribute.kind] ?? checkText) : undefined;
  const list = (field: "values" | "notValues"): ValueList | undefined =>
    readValueList(reader, field, {
      ruleIndex: rule.index,
      name: key,
      // What a value of an unknown key must look like is not known.
      check: check ?? (() => undefined),
      prefix: `invalid \`${field.slice(0, -1)}\` for \`key\` ${key}: `,
    });
  const values = list("values");
  const notValues = list("notValues");
  if (key !== "" && !reader.has("values") && !reader.has("notValues"))
    reader.report("SYM0514", `at least one of \`values\` or \`notValues\` must be set for key ${key}`);
  return reader.finish(() => ({
    position: node.position,
    key,
    ...(values ? { values } : {}),
    ...(notValues ? { notValues } : {}),
  }));
}

function describeUnknownKey(key: string): string {
  if (key === "destination.namespace") return "attribute destination.namespace is replaced by the metadata.namespace";
  if (key.startsWith("destination.labels")) return `attribute ${key} is replaced by the workload selector`;
  if (key === "destination.name" || key === "destination.user")
    return `deprecated attribute ${key}: only supported in v1alpha1`;
  if (/^(?:request\.headers|request\.auth\.claims|experimental\.envoy\.filters\.)/.test(key))
    return `bad key (${key}): should have format a[b]`;
  return `unknown attribute: ${key}`;
}

/** "when-keys `source.namespace` … `request.auth.*`": identities are known only after the provider has been asked. */
function isUnsupportedInCustom(key: string): boolean {
  return UNSUPPORTED_IN_CUSTOM.has(key) || key.startsWith("request.auth.");
}

const UNSUPPORTED_IN_CUSTOM: ReadonlySet<string> = new Set([
  "source.namespace",
  "source.serviceAccount",
  "source.trustDomain",
  "source.principal",
]);
const CHECKS: Readonly<Partial<Record<ConditionAttribute["kind"], CheckValue>>> = {
  sourceAddress: checkAddress,
  remoteAddress: checkAddress,
  destinationAddress: checkAddress,
  destinationPort: checkPort,
  serviceAccount: checkServiceAccount,
  trustDomain: checkTrustDomain,
};
