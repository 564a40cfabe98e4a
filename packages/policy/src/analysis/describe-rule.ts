import type { Condition, Operation, Rule, Source, ValueList } from "../authorization-policy.ts";
import { parseConditionKey } from "../condition-key.ts";
import { isPathTemplate } from "../path-template.ts";
import { parseStringPattern } from "../string-match.ts";

/** A rule as the part of a sentence after "when"; empty for a rule that asks for nothing. */
export function describeRule({ from, to, when }: Rule): string {
  const parts = [
    ...(from ? [alternatives(from.map(describeEntry))] : []),
    ...(to ? [alternatives(to.map(describeEntry))] : []),
    ...when.flatMap(describeCondition),
  ];
  return parts.join(", and ");
}

/** "a", "a or b", "a, b or c", "a, b, c or 7 more". */
export function someOf(texts: readonly string[]): string {
  const shown =
    texts.length > MAX_SHOWN ? [...texts.slice(0, MAX_SHOWN - 1), `${texts.length - MAX_SHOWN + 1} more`] : texts;
  const last = shown.at(-1) ?? "";
  return shown.length < 2 ? last : `${shown.slice(0, -1).join(", ")} or ${last}`;
}

function alternatives(entries: readonly string[]): string {
  const [only] = entries;
  return entries.length === 1 && only !== undefined
    ? only
    : `either ${entries.map((entry) => `(${entry})`).join(" or ")}`;
}

function describeEntry(entry: Source | Operation): string {
  const lists = Object.entries(entry).filter(([field]) => field !== "position") as [string, ValueList][];
  return lists
    .map(([field, list]) => {
      const negated = /^not([A-Z].*)$/.exec(field)?.[1];
      const plain = negated === undefined ? field : negated.charAt(0).toLowerCase() + negated.slice(1);
      return describeList(list, SUBJECTS[plain] ?? plainSubject(plain), negated !== undefined);
    })
    .join(" and ");
}

function describeCondition({ key, values, notValues }: Condition): string[] {
  const subject = subjectOfKey(key);
  return [
    ...(values ? [describeList(values, subject, false)] : []),
    ...(notValues ? [describeList(notValues, subject, true)] : []),
  ];
}

interface Subject {
  /** "the method" */
  readonly text: string;
  /** How a whole value follows: "is"; a list of places: "is in". */
  readonly verb: string;
  /** What `*` alone means. */
  readonly any: string;
  /** What its negation means. */
  readonly none?: string;
  /** Whether a star at an end is a wildcard. */
  readonly hasPatterns: boolean;
}

function describeList({ values }: ValueList, subject: Subject, negated: boolean): string {
  const { text, verb, any, none, hasPatterns } = subject;
  if (values.some(({ value }) => value === "*")) return negated ? (none ?? `not (${any})`) : any;
  const exact: string[] = [];
  const others: string[] = [];
  for (const { value } of values) {
    const pattern = parseStringPattern(value);
    if (!hasPatterns) exact.push(value);
    else if (isPathTemplate(value)) others.push(`${negated ? "does not have" : "has"} the form ${value}`);
    else if (pattern.kind === "prefix" || pattern.kind === "suffix")
      others.push(
        `${negated ? "does not " : ""}${pattern.kind === "prefix" ? "begin" : "end"}${negated ? "" : "s"} with ${pattern.text}`,
      );
    else exact.push(value);
  }
  const phrases = [...(exact.length > 0 ? [`${negated ? negatedVerb(verb) : verb} ${someOf(exact)}`] : []), ...others];
  return `${text} ${negated ? phrases.join(" and ") : someOf(phrases)}`;
}

function negatedVerb(verb: string): string {
  return verb === "comes from" ? "does not come from" : verb.replace(/^(is|are)/, "$1 not");
}

function plainSubject(name: string): Subject {
  return { text: `the ${name}`, verb: "is", any: `the ${name} is present`, hasPatterns: true };
}

function subjectOfKey(key: string): Subject {
  const attribute = parseConditionKey(key);
  if (attribute?.kind === "header") return plainSubject(`header ${attribute.name}`);
  if (attribute?.kind === "claim") return plainSubject(`token's claim ${attribute.path.join(".")}`);
  return SUBJECTS[KEYS[attribute?.kind ?? ""] ?? ""] ?? plainSubject(key);
}

const subject = (text: string, any: string, verb = "is", hasPatterns = true): Subject => ({
  text,
  any,
  verb,
  hasPatterns,
});
const SUBJECTS: Readonly<Record<string, Subject>> = {
  principals: {
    ...subject("the caller", "the caller has an identity of the mesh"),
    none: "the caller has no identity of the mesh",
  },
  requestPrincipals: {
    ...subject("the token's issuer and subject", "the request has a verified token", "are"),
    none: "the request has no verified token",
  },
  namespaces: subject("the caller", "the caller is of any namespace", "is of namespace"),
  serviceAccounts: subject("the caller", "the caller is any service account", "is service account", false),
  trustDomains: subject("the caller", "the caller is of any trust domain", "is of trust domain"),
  ipBlocks: subject("the connection", "the connection comes from anywhere", "comes from", false),
  remoteIpBlocks: subject("the original client", "the original client is anywhere", "is", false),
  hosts: subject("the host", "the host is any"),
  ports: subject("the pod's port", "the port is any", "is", false),
  methods: subject("the method", "the method is any"),
  paths: subject("the path", "the path is any"),
  audiences: subject("the token's audience", "the token has an audience"),
  presenter: subject("the token's presenter", "the token has a presenter"),
  destinationIp: subject("the address that is called", "any address is called", "is", false),
  sni: subject("the TLS server name", "a TLS server name is sent"),
};
const KEYS: Readonly<Record<string, string>> = {
  sourceAddress: "ipBlocks",
  remoteAddress: "remoteIpBlocks",
  namespace: "namespaces",
  serviceAccount: "serviceAccounts",
  trustDomain: "trustDomains",
  principal: "principals",
  requestPrincipal: "requestPrincipals",
  audience: "audiences",
  presenter: "presenter",
  destinationAddress: "destinationIp",
  destinationPort: "ports",
  sni: "sni",
};
const MAX_SHOWN = 6;
