import {
  checkLabelValue,
  checkQualifiedName,
  type DocumentNode,
  type ReadContext,
  readLabels,
  readObject,
} from "@symbolon/policy";
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
  const matchLabels = readLabels(reader, "matchLabels");
  const expressions = reader.list("matchExpressions", readRequirement) ?? [];
  const equal = Object.entries(matchLabels).map(([key, value]) => ({ key, operator: "In" as const, values: [value] }));
  return reader.finish(() => ({ requirements: [...equal, ...expressions] }));
}

function readRequirement(node: DocumentNode, context: ReadContext): LabelRequirement | undefined {
  const reader = readObject(node, context);
  const key = reader.string("key", { required: true, check: checkQualifiedName, code: "SYM0205" });
  const operator = reader.enumeration<LabelOperator>("operator", OPERATORS, { required: true });
  const values = reader.strings("values", { check: checkLabelValue, code: "SYM0205" }) ?? [];
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
 * kubectl's `-l`: `app=web,tier!=db,env in (a,b),!old,present`; an empty text selects everything.
 * Answers a sentence on what is wrong for anything else.
 */
export function parseLabelSelector(text: string): LabelSelector | { readonly error: string } {
  const requirements: LabelRequirement[] = [];
  for (const part of text.trim() === "" ? [] : splitOutsideParentheses(text)) {
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
  if (set) return requirementOf(set[1], set[2] === "in" ? "In" : "NotIn", (set[3] ?? "").split(","));
  const comparison = /^([^\s=!]+)\s*(==|=|!=)([^=!]*)$/.exec(text);
  if (comparison) return requirementOf(comparison[1], comparison[2] === "!=" ? "NotIn" : "In", [comparison[3] ?? ""]);
  if (text.startsWith("!")) return requirementOf(text.slice(1).trim(), "DoesNotExist", []);
  return requirementOf(text, "Exists", []);
}

/** A key or value that no label can have would select nothing, or with `!=` everything. */
function requirementOf(
  key: string | undefined,
  operator: LabelOperator,
  texts: readonly string[],
): LabelRequirement | undefined {
  const values = texts.map((value) => value.trim());
  if (key === undefined || checkQualifiedName(key) !== undefined) return undefined;
  return values.every((value) => checkLabelValue(value) === undefined) ? { key, operator, values } : undefined;
}

function splitOutsideParentheses(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (character === "," && depth === 0) {
      parts.push(text.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, text.slice(start)];
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
