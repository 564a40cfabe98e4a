import type { FindingCode } from "./document/index.ts";
import { parseIpBlock } from "./ip-match.ts";
import { isPathTemplate } from "./path-template.ts";

export interface ValueProblem {
  readonly code: FindingCode;
  readonly message: string;
}

/** Istio's validation of one value of a rule, with its text; `field` is how its messages name the list. */
export type CheckValue = (value: string, field: string) => ValueProblem | undefined;

/** Principals, namespaces, hosts, methods, headers, claims: whatever is not empty is a value. */
export const checkText: CheckValue = (value, field) =>
  value === "" ? { code: "SYM0506", message: `empty value not allowed, found in ${field}` } : undefined;

/** istio-security §3.8. */
export const checkAddress: CheckValue = (value, field) => {
  if (value === "") return checkText(value, field);
  if (parseIpBlock(value)) return undefined;
  return { code: "SYM0507", message: `bad ${value.includes("/") ? "CIDR range" : "IP address"} (${value})` };
};

export const checkPort: CheckValue = (value, field) => {
  if (value === "") return checkText(value, field);
  if (/^\d{1,10}$/.test(value) && Number(value) <= 65535) return undefined;
  return { code: "SYM0508", message: `bad port (${value}): wanted a decimal number in 0..65535` };
};

/** istio-security §3.14; the rule on braces also binds values that are no templates. */
export const checkPath: CheckValue = (value, field) => {
  if (value === "") return checkText(value, field);
  const bad = (reason: string): ValueProblem => ({
    code: "SYM0509",
    message: `invalid or unsupported path ${value}, found in ${field}. ${reason}`,
  });
  const isTemplate = isPathTemplate(value);
  let isLastOperatorSeen = false;
  for (const segment of trimSlashes(value).split("/")) {
    if (segment === "{*}" || segment === "{**}") {
      if (isLastOperatorSeen) return bad("{**} is not the last operator");
      isLastOperatorSeen = segment === "{**}";
    } else if (/[{}]/.test(segment)) return bad("Contains '{' or '}' beyond a supported path template");
    else if (isTemplate && !LITERAL.test(segment))
      return bad(`Contains segment ${JSON.stringify(segment)} with invalid string literal`);
  }
  return undefined;
};

/** istio-security §3.17. */
export const checkServiceAccount: CheckValue = (value, field) => {
  const bad = (message: string): ValueProblem => ({ code: "SYM0510", message: `${message}, found in ${field}` });
  if (value === "") return checkText(value, field);
  if (value.length > 320) return bad("value cannot exceed 320 characters");
  if (value.includes("*")) return bad(`wildcard not allowed: ${value}`);
  const parts = value.split("/");
  if (parts.length <= 2 && !parts.includes("")) return undefined;
  return bad(`expected format 'serviceAccount' or 'namespace/serviceAccount', got ${value}`);
};

/** istio-security §3.17. */
export const checkTrustDomain: CheckValue = (value, field) => {
  const bad = (message: string): ValueProblem => ({
    code: "SYM0511",
    message: `${message}: ${value}, found in ${field}`,
  });
  if (value === "") return checkText(value, field);
  if (value.includes("/")) return bad("trust domain must not contain '/'");
  const wildcards = value.split("*").length - 1;
  if (wildcards > 1) return bad("at most one wildcard is allowed");
  if (wildcards === 1 && !value.startsWith("*") && !value.endsWith("*"))
    return bad("wildcard is only allowed at the start or end");
  return undefined;
};

function trimSlashes(path: string): string {
  let start = 0;
  let end = path.length;
  while (start < end && path[start] === "/") start++;
  while (end > start && path[end - 1] === "/") end--;
  return path.slice(start, end);
}

const LITERAL = /^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$/;
