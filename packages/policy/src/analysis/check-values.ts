import type { RuleItem } from "../authorization/index.ts";
import { quoteValue } from "../document/index.ts";
import { normalizePath, type PathNormalization } from "../normalize-path.ts";
import { isPathTemplate } from "../path-template.ts";
import type { AnalysisCode } from "./analysis-codes.ts";
import { type AnalysisContext, itemsOf } from "./analysis-context.ts";
import type { FindingDetails } from "./analysis-finding.ts";

/** Values that are legal and match nothing, or not what was meant. */
export function checkValues(context: AnalysisContext): void {
  for (const structured of context.policies)
    for (const { item, path } of itemsOf(structured))
      for (const [index, { value, position }] of item.list.values.entries()) {
        const problem = judgeValue(value, {
          item,
          isDeny: structured.policy.action === "deny",
          mode: context.pathNormalization,
        });
        if (!problem) continue;
        const { code, ...details } = problem;
        context.report(code, structured.policy, { ...details, path: `${path}[${index}]`, position });
      }
}

interface ValuePlace {
  readonly item: RuleItem;
  readonly isDeny: boolean;
  readonly mode: PathNormalization;
}

interface ValueProblem extends Omit<FindingDetails, "path" | "position"> {
  readonly code: AnalysisCode;
}

function judgeValue(value: string, { item, isDeny, mode }: ValuePlace): ValueProblem | undefined {
  switch (item.attribute.kind) {
    case "principal":
      return judgePrincipal(value) ?? judgeWildcard(value);
    case "method":
      return judgeMethod(value) ?? judgeWildcard(value);
    case "path":
      return judgePath(value, mode) ?? judgeWildcard(value);
    case "host":
      return judgeHost(value, item, isDeny) ?? judgeWildcard(value);
    case "header":
    case "claim":
    case "audience":
    case "presenter":
    case "sni":
      return judgeWildcard(value);
    default:
      return undefined;
  }
}

function judgePrincipal(value: string): ValueProblem | undefined {
  if (!value.toLowerCase().startsWith(SCHEME)) return undefined;
  return {
    code: "SYM1007",
    message: `no caller has the principal ${quoteValue(value)}: it is compared without ${SCHEME}`,
    fix: `write ${quoteValue(value.slice(SCHEME.length))}`,
  };
}

/** A star at the start or the end of a value is a wildcard; every other one is compared as a character. */
function judgeWildcard(value: string): ValueProblem | undefined {
  if (isPathTemplate(value)) return undefined;
  const literal = value.startsWith("*") ? value.slice(1) : value.replace(/\*$/, "");
  if (!literal.includes("*")) return undefined;
  const meaning = value.startsWith("*")
    ? `texts that end with ${quoteValue(literal)}`
    : value.endsWith("*")
      ? `texts that begin with ${quoteValue(literal)}`
      : "this very text";
  return { code: "SYM1019", message: `${quoteValue(value)} matches ${meaning}: a star in it is an ordinary character` };
}

/** RFC 9110 §9.1: methods are case-sensitive, and the standard ones are in upper case. */
function judgeMethod(value: string): ValueProblem | undefined {
  const upper = value.toUpperCase();
  if (value.includes("/"))
    return {
      code: "SYM1021",
      message: `${quoteValue(value)} is no method of HTTP: a gRPC method is the path of a POST`,
      fix: `write ${quoteValue(value)} into paths`,
    };
  if (value === upper || !STANDARD_METHODS.has(upper)) return undefined;
  return {
    code: "SYM1021",
    message: `no request has the method ${quoteValue(value)}: methods are compared with their case`,
    fix: `write ${quoteValue(upper)}`,
  };
}

/** istio-security §3.13: paths are compared after normalization, "without query and fragment". */
function judgePath(value: string, mode: PathNormalization): ValueProblem | undefined {
  const literal = value.replace(/^\*|\*$/g, "");
  const bad = (reason: string, fix?: string): ValueProblem => ({
    code: "SYM1012",
    message: `no request has the path ${quoteValue(value)}: ${reason}`,
    ...(fix === undefined ? {} : { fix }),
  });
  const cut = /[?#]/.exec(literal)?.[0];
  if (cut !== undefined) return bad(`paths are compared without query and fragment, so that they have no "${cut}"`);
  if (!value.startsWith("/") && !value.startsWith("*") && !isPathTemplate(value))
    return bad("every path begins with /", `write ${quoteValue(`/${value}`)}`);
  if (isPathTemplate(value) || mode === "none" || literal === "") return undefined;
  const normal = normalForm(value, mode);
  if (normal === undefined) return bad("it holds what no server may be given");
  if (normal === literal) return undefined;
  const fixed = value.replace(literal, () => normal);
  return bad(`it is ${quoteValue(normal)} when it is compared`, `write ${quoteValue(fixed)}`);
}

/** A part of a path is completed to a whole one, so that what is normalised is what could stand there. */
function normalForm(value: string, mode: PathNormalization): string | undefined {
  const before = value.startsWith("*") ? "/x" : "";
  const after = !value.startsWith("*") && value.endsWith("*") ? "x" : "";
  const normal = normalizePath(`${before}${value.replace(/^\*|\*$/g, "")}${after}`, mode);
  if (normal === undefined || !normal.startsWith(before) || !normal.endsWith(after)) return normal;
  return normal.slice(before.length, normal.length - after.length);
}

/** Host and port are compared as the client sent them (istio-security §3.1, §11 row 9). */
function judgeHost(value: string, { list, negated }: RuleItem, isDeny: boolean): ValueProblem | undefined {
  const text = value.toLowerCase();
  if (value.includes("*") || /:\d+$/.test(value)) return undefined;
  const others = list.values.map((other) => other.value.toLowerCase());
  if (others.some((other) => other.startsWith(`${text}:`) || other === `${text}*`)) return undefined;
  // What the list of a DENY, or the negation of an ALLOW, does not match gets in.
  const isBypass = isDeny !== negated;
  return {
    code: "SYM1011",
    message: `a client may send ${quoteValue(`${value}:8080`)}, which is another host${isBypass ? " and gets past this rule" : ""}`,
    fix: `add ${quoteValue(`${value}:*`)}`,
    ...(isBypass ? {} : { severity: "info" }),
  };
}

const SCHEME = "spiffe://";
const STANDARD_METHODS: ReadonlySet<string> = new Set(
  "GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH".split(" "),
);
