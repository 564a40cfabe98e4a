import { assertNever } from "@symbolon/spiffe/core";
import type { FilterOperand, JsonPath, PathStep, TemplateNode } from "./json-path-parse.ts";

/** Fills in a template as kubectl does: an expression's values are joined by a space, a missing field is empty. */
export function renderJsonPath(nodes: readonly TemplateNode[], root: unknown): string {
  return nodes.map((node) => renderNode(node, root)).join("");
}

function renderNode(node: TemplateNode, root: unknown): string {
  switch (node.kind) {
    case "text":
      return node.text;
    case "path":
      return evaluatePath(node.path, root).map(valueText).join(" ");
    case "range":
      return evaluatePath(node.path, root)
        .flatMap((value) => (Array.isArray(value) ? value : [value]))
        .map((value) => renderJsonPath(node.body, value))
        .join("");
    default:
      return assertNever(node);
  }
}

export function evaluatePath(path: JsonPath, root: unknown): readonly unknown[] {
  return path.reduce<readonly unknown[]>((values, step) => values.flatMap((value) => applyStep(step, value)), [root]);
}

function applyStep(step: PathStep, value: unknown): readonly unknown[] {
  switch (step.kind) {
    case "field":
      return fieldOf(value, step.name);
    case "union":
      return step.paths.flatMap((path) => evaluatePath(path, value));
    case "wildcard":
      return childrenOf(value);
    case "descend":
      return [value, ...childrenOf(value).flatMap((child) => applyStep(step, child))];
    case "index":
      return Array.isArray(value) ? step.indexes.flatMap((index) => value.slice(index, index + 1 || undefined)) : [];
    case "slice":
      return Array.isArray(value)
        ? value.slice(step.start, step.end).filter((_item, index) => index % step.step === 0)
        : [];
    case "filter":
      return (Array.isArray(value) ? value : []).filter((item) => passes(step, item));
    default:
      return assertNever(step);
  }
}

function passes(step: Extract<PathStep, { kind: "filter" }>, item: unknown): boolean {
  const left = operandValues(step.left, item);
  if (step.operator === "exists" || step.right === undefined) return left.length > 0;
  const [a, b] = [left[0], operandValues(step.right, item)[0]];
  switch (step.operator) {
    case "==":
      return a !== undefined && a === b;
    case "!=":
      return a !== b;
    default:
      return typeof a === typeof b && (typeof a === "number" || typeof a === "string") && ordered(a, b, step.operator);
  }
}

function ordered(a: string | number, b: unknown, operator: "<" | "<=" | ">" | ">="): boolean {
  const other = b as typeof a; // Same type: the caller compared.
  if (operator.startsWith("<")) return a < other || (operator === "<=" && a === other);
  return a > other || (operator === ">=" && a === other);
}

function operandValues(operand: FilterOperand, item: unknown): readonly unknown[] {
  return operand.kind === "value" ? [operand.value] : evaluatePath(operand.path, item);
}

function fieldOf(value: unknown, name: string): readonly unknown[] {
  if (value === null || typeof value !== "object" || Array.isArray(value) || !Object.hasOwn(value, name)) return [];
  return [(value as Readonly<Record<string, unknown>>)[name]];
}

function childrenOf(value: unknown): readonly unknown[] {
  return value !== null && typeof value === "object" ? Object.values(value) : [];
}

function valueText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
