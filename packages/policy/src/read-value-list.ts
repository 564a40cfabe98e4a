import type { PolicyValue, ValueList } from "./authorization-policy.ts";
import type { CheckValue } from "./authorization-values.ts";
import { type ObjectReader, readString, reportAt } from "./document/index.ts";

export interface ValueListOptions {
  /** How messages name the list: "NotPrincipals". */
  readonly name: string;
  readonly ruleIndex: number;
  readonly check: CheckValue;
  readonly max?: number;
  /** Put before the message of a refused value. */
  readonly prefix?: string;
}

/**
 * A list of values of a rule. Istio takes an empty list for an absent one, which restricts nothing; here it is refused,
 * because nobody who writes one means everybody.
 */
export function readValueList(
  reader: ObjectReader,
  field: string,
  { name, ruleIndex, check, max, prefix = "" }: ValueListOptions,
): ValueList | undefined {
  const values = reader.list(field, (node, context): PolicyValue | undefined => {
    const value = readString(node, context);
    if (value === undefined) return undefined;
    const problem = check(value, name);
    if (problem) reportAt(context, problem.code, node, `${prefix}${problem.message}`);
    return problem ? undefined : { value, position: node.position };
  });
  if (!values) return undefined;
  const position = reader.positionOf(field);
  if (!reader.hasErrors && values.length === 0)
    reader.report("SYM0505", `\`${field}\` must not be empty, found at rule ${ruleIndex}`, field);
  if (max !== undefined && values.length > max)
    reader.report("SYM0510", `${field} may not have more than ${max} values`, field);
  return { position, values };
}
