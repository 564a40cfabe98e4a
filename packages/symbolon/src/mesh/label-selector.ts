import { type DocumentNode, type ReadContext, readObject } from "@symbolon/policy";
import type { Labels } from "./object.ts";

/** Kubernetes' LabelSelector; all requirements must hold. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
}

export interface LabelRequirement {
  readonly key: string;
  readonly operator: LabelOperator;
  readonly values: readonly string[];
}

export type LabelOperator = "In" | "NotIn" | "Exists" | "DoesNotExist";

const OPERATORS = { In: "In", NotIn: "NotIn", Exists: "Exists", DoesNotExist: "DoesNotExist" } as const;

export function selectorMatches(selector: LabelSelector, labels: Labels): boolean {
  return selector.requirements.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
    }
  });
}

export function readLabelSelector(node: DocumentNode, context: ReadContext): LabelSelector | undefined {
  const reader = readObject(node, context);
  const matchLabels = reader.stringMap("matchLabels") ?? {};
  const expressions = reader.list("matchExpressions", readRequirement) ?? [];
  const equal = Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "In" as const, values: [value] }));
  return reader.finish(() => ({ requirements: [...equal, ...expressions] }));
}

function readRequirement(node: DocumentNode, context: ReadContext): LabelRequirement | undefined {
  const reader = readObject(node, context);
  const key = reader.string("key", { required: true });
  const operator = reader.enumeration<LabelOperator>("operator", OPERATORS, { required: true });
  const values = reader.strings("values") ?? [];
  const takesValues = operator === "In" || operator === "NotIn";
  if (operator !== undefined && takesValues !== values.length > 0)
    reader.report(
      "SYM0104",
      takesValues ? `must be given with ${operator}` : `may not be given with ${operator}`,
      "values",
    );
  return reader.finish(() => ({ key, operator: operator ?? "Exists", values }));
}

/**
 * kubectl's `-l`: `app=web,tier!=db,env in (a,b),!old,present`.
 * Answers a sentence on what is wrong for anything else.
 */
export function parseLabelSelector(text: string): LabelSelector | { readonly error: string } {
  const requirements: LabelRequirement[] = [];
  for (const part of splitOutsideParentheses(text)) {
    const requirement = parseRequirement(part.trim());
    if (!requirement)
      return {
        error: `"${part.trim()}" is not a label requirement such as app=web, app!=web, app in (a,b), app or !app`,
      };
    requirements.push(requirement);
  }
  return { requirements };
}

function parseRequirement(text: string): LabelRequirement | undefined {
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(text);
  if (set?.[1] !== undefined && set[3] !== undefined && isLabelKey(set[1])) {
    const values = set[3].split(",").map((value) => value.trim());
    return { key: set[1], operator: set[2] === "in" ? "In" : "NotIn", values };
  }
  const comparison = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/.exec(text);
  if (comparison?.[1] !== undefined && isLabelKey(comparison[1]))
    return { key: comparison[1], operator: comparison[2] === "!=" ? "NotIn" : "In", values: [comparison[3] ?? ""] };
  if (text.startsWith("!") && isLabelKey(text.slice(1)))
    return { key: text.slice(1), operator: "DoesNotExist", values: [] };
  return isLabelKey(text) ? { key: text, operator: "Exists", values: [] } : undefined;
}

function isLabelKey(text: string): boolean {
  return /^([a-z0-9][-a-z0-9.]*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/.test(text);
}

function splitOutsideParentheses(text: string): readonly string[] {
  return text.match(/(?:\([^)]*\)|[^,(])+/g) ?? [text];
}

export function describeSelector(selector: LabelSelector): string {
  return selector.requirements
    .map(({ key, operator, values }) => {
      if (operator === "Exists") return key;
      if (operator === "DoesNotExist") return `!${key}`;
      if (operator === "In" && values.length === 1) return `${key}=${values[0]}`;
      return `${key} ${operator === "In" ? "in" : "notin"} (${values.join(",")})`;
    })
    .join(",");
}
