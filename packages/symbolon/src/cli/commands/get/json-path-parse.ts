import { CommandExit, EXIT } from "../../exit-status.ts";

/** kubectl's JSONPath template: text and `{…}` actions. */
export type TemplateNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "path"; readonly path: JsonPath }
  | { readonly kind: "range"; readonly path: JsonPath; readonly body: readonly TemplateNode[] };

export type JsonPath = readonly PathStep[];

export type PathStep =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "union"; readonly paths: readonly JsonPath[] }
  | { readonly kind: "index"; readonly indexes: readonly number[] }
  | { readonly kind: "slice"; readonly start?: number; readonly end?: number; readonly step: number }
  | { readonly kind: "wildcard" }
  | { readonly kind: "descend" }
  | {
      readonly kind: "filter";
      readonly left: FilterOperand;
      readonly operator: FilterOperator;
      readonly right?: FilterOperand;
    };

export type FilterOperand =
  | { readonly kind: "path"; readonly path: JsonPath }
  | { readonly kind: "value"; readonly value: string | number | boolean };

export const FILTER_OPERATORS = ["==", "!=", "<=", ">=", "<", ">"] as const;
/** "exists": a filter without comparison. */
export type FilterOperator = (typeof FILTER_OPERATORS)[number] | "exists";

/** @throws CommandExit with the usage status, naming what is wrong and where */
export function parseJsonPathTemplate(template: string): readonly TemplateNode[] {
  const open: { readonly path: JsonPath; readonly nodes: TemplateNode[] }[] = [{ path: [], nodes: [] }];
  const top = () => open[open.length - 1] ?? { path: [], nodes: [] };
  let at = 0;
  while (at < template.length) {
    const brace = template.indexOf("{", at);
    if (brace === -1) {
      top().nodes.push({ kind: "text", text: template.slice(at) });
      break;
    }
    if (brace > at) top().nodes.push({ kind: "text", text: template.slice(at, brace) });
    const close = endOfAction(template, brace + 1);
    if (close === -1) throw invalid(template, `"{" at ${brace + 1} has no "}"`);
    const action = template.slice(brace + 1, close).trim();
    at = close + 1;
    if (action === "end") {
      const range = open.pop();
      if (!range || open.length === 0) throw invalid(template, `"{end}" without "{range …}"`);
      top().nodes.push({ kind: "range", path: range.path, body: range.nodes });
    } else if (/^range(\s|$)/.test(action)) {
      open.push({ path: parsePath(action.slice("range".length).trim(), template), nodes: [] });
    } else if (/^["']/.test(action)) {
      top().nodes.push({ kind: "text", text: unquote(action, template) });
    } else {
      top().nodes.push({ kind: "path", path: parsePath(action, template) });
    }
  }
  if (open.length > 1) throw invalid(template, '"{range …}" without "{end}"');
  return top().nodes;
}

function endOfAction(text: string, from: number): number {
  let quote = "";
  for (let at = from; at < text.length; at++) {
    const char = text.charAt(at);
    if (char === "\\") at++;
    else if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === "}") return at;
  }
  return -1;
}

function parsePath(text: string, template: string): JsonPath {
  const steps: PathStep[] = [];
  let rest = text.replace(/^[$@]/, "");
  while (rest !== "") {
    if (rest.startsWith("..")) {
      steps.push({ kind: "descend" });
      rest = rest.slice(rest.startsWith("..[") ? 2 : 1);
      continue;
    }
    if (rest.startsWith("[")) {
      const close = endOfBracket(rest);
      if (close === -1) throw invalid(template, `"[" without "]" in "${text}"`);
      steps.push(parseBracket(rest.slice(1, close).trim(), template));
      rest = rest.slice(close + 1);
      continue;
    }
    const field = /^\.?((?:\\.|[^.[\]{}()\s\\])+)/.exec(rest);
    if (!field?.[1]) {
      if (rest === ".") break;
      throw invalid(template, `"${rest}" is not a path`);
    }
    const name = field[1].replace(/\\(.)/g, "$1");
    steps.push(field[1] === "*" ? { kind: "wildcard" } : { kind: "field", name });
    rest = rest.slice(field[0].length);
  }
  return steps;
}

function endOfBracket(text: string): number {
  let depth = 0;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === "[") depth++;
    else if (char === "]" && --depth === 0) return at;
  }
  return -1;
}

function parseBracket(text: string, template: string): PathStep {
  if (text === "*") return { kind: "wildcard" };
  const filter = /^\?\((.*)\)$/.exec(text);
  if (filter?.[1] !== undefined) return parseFilter(filter[1].trim(), template);
  if (/^["']/.test(text)) {
    // kubectl's documented form: a name in quotes is a path of its own, `\.` a dot of a name.
    const quoted = text.match(/"[^"]*"|'[^']*'/g) ?? [];
    if (text.replace(/("[^"]*"|'[^']*')\s*(,\s*|$)/g, "") !== "")
      throw invalid(template, `"[${text}]" is not a list of names in quotes`);
    return { kind: "union", paths: quoted.map((name) => parsePath(name.slice(1, -1), template)) };
  }
  if (/^-?\d+(\s*,\s*-?\d+)*$/.test(text)) return { kind: "index", indexes: text.split(",").map(Number) };
  const slice = /^(-?\d*)\s*:\s*(-?\d*)(?:\s*:\s*(\d*))?$/.exec(text);
  if (slice) {
    const [, start = "", end = "", step = ""] = slice;
    return {
      kind: "slice",
      ...(start === "" ? {} : { start: Number(start) }),
      ...(end === "" ? {} : { end: Number(end) }),
      step: step === "" ? 1 : Math.max(1, Number(step)),
    };
  }
  throw invalid(template, `"[${text}]" is not an index, a name in quotes, or a filter`);
}

function parseFilter(text: string, template: string): PathStep {
  const [left = "", operator, right] = splitAtOperator(text);
  const operand = (part: string): FilterOperand => {
    if (/^[@$]/.test(part)) return { kind: "path", path: parsePath(part, template) };
    if (/^["']/.test(part)) return { kind: "value", value: unquote(part, template) };
    if (part === "true" || part === "false") return { kind: "value", value: part === "true" };
    if (/^-?\d+(\.\d+)?$/.test(part)) return { kind: "value", value: Number(part) };
    throw invalid(template, `"${part}" in a filter is not a path such as @.name, a number, or a text in quotes`);
  };
  if (operator === undefined || right === undefined) return { kind: "filter", left: operand(left), operator: "exists" };
  return { kind: "filter", left: operand(left), operator, right: operand(right) };
}

function splitAtOperator(text: string): [string, (typeof FILTER_OPERATORS)[number]?, string?] {
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote !== "") quote = char === quote ? "" : quote;
    else if (char === '"' || char === "'") quote = char;
    else {
      const operator = FILTER_OPERATORS.find((candidate) => text.startsWith(candidate, at));
      if (operator) return [text.slice(0, at).trim(), operator, text.slice(at + operator.length).trim()];
    }
  }
  return [text];
}

function unquote(text: string, template: string): string {
  const quote = text.charAt(0);
  if (text.length < 2 || !text.endsWith(quote)) throw invalid(template, `${text} has no closing quote`);
  const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
  return text.slice(1, -1).replace(/\\(.)/g, (_match, char: string) => escapes[char] ?? char);
}

function invalid(template: string, why: string): CommandExit {
  return new CommandExit(EXIT.usage, `error: jsonpath "${template}" is not valid: ${why}`);
}
