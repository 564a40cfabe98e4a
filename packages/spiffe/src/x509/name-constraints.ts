import { equalBytes } from "../core/index.ts";
import { contentsOf, contextConstructed, contextPrimitive, type DerReader, malformed } from "./der.ts";
import { asciiText } from "./der-values.ts";
import { directoryName, type GeneralNames } from "./general-names.ts";
import type { Name } from "./name.ts";
import { OID } from "./oid.ts";

/** One base of a GeneralSubtree, by the form of its name (RFC 5280 §4.2.1.10). */
export type Subtree =
  | { readonly form: "dns" | "uri" | "email"; readonly base: string }
  | { readonly form: "ip"; readonly address: Uint8Array; readonly mask: Uint8Array }
  | { readonly form: "directory"; readonly base: Name }
  /** A form that is not read, by its tag: a name of that form below the CA is refused. */
  | { readonly form: "other"; readonly tag: number };

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

/** What of a certificate a CA's constraints bind: its subject and its subjectAltName. */
export interface ConstrainedNames {
  readonly subject: Name;
  readonly subjectAltName: GeneralNames | undefined;
}

/** Counts comparisons down over a whole verification: constraints times names grow as a product. */
export interface ComparisonBudget {
  left: number;
}

const MAX_SUBTREES = 4096;

/** @throws ERR_DER_MALFORMED, ERR_DER_UNEXPECTED_TAG */
export function parseNameConstraints(reader: DerReader): NameConstraints {
  const permitted = reader.readOptional(contextConstructed(0));
  const excluded = reader.readOptional(contextConstructed(1));
  reader.finish();
  // RFC 5280 §4.2.1.10: the extension is never an empty sequence.
  if (!permitted && !excluded) throw malformed("empty name constraints");
  return {
    permitted: permitted ? parseSubtrees(contentsOf(permitted)) : [],
    excluded: excluded ? parseSubtrees(contentsOf(excluded)) : [],
  };
}

function parseSubtrees(reader: DerReader): readonly Subtree[] {
  const subtrees: Subtree[] = [];
  while (!reader.atEnd) {
    const fields = reader.readSequence();
    const base = fields.next();
    // minimum and maximum are never used with any form (RFC 5280 §4.2.1.10); finish() refuses them.
    fields.finish();
    subtrees.push(parseBase(base.tag, base.content, () => directoryName(base)));
    if (subtrees.length > MAX_SUBTREES) throw malformed("too many name constraints");
  }
  if (subtrees.length === 0) throw malformed("empty name constraints");
  return subtrees;
}

function parseBase(tag: number, content: Uint8Array, asDirectoryName: () => Name): Subtree {
  switch (tag) {
    case contextPrimitive(1): {
      const base = asciiText(content);
      const host = base.slice(base.lastIndexOf("@") + 1).replace(/^\./, "");
      if (base.startsWith("@") || (host !== "" && !isHostName(host))) throw malformed("email constraint");
      return { form: "email", base };
    }
    case contextPrimitive(2): {
      const base = asciiText(content).toLowerCase();
      if (base !== "" && !isHostName(base)) throw malformed("DNS constraint");
      return { form: "dns", base };
    }
    case contextPrimitive(6): {
      const base = asciiText(content).toLowerCase();
      if (!isUriConstraint(base)) throw malformed("URI constraint");
      return { form: "uri", base };
    }
    case contextPrimitive(7):
      return parseIpRange(content);
    case contextConstructed(4):
      return { form: "directory", base: asDirectoryName() };
    default:
      return { form: "other", tag: tag & 0x1f };
  }
}

function parseIpRange(content: Uint8Array): Subtree {
  if (content.length !== 8 && content.length !== 32) throw malformed(`IP constraint of ${content.length} octets`);
  const half = content.length / 2;
  const mask = content.subarray(half);
  const bits = Array.from(mask, (octet) => octet.toString(2).padStart(8, "0")).join("");
  if (bits.includes("01")) throw malformed("IP constraint with a mask that is no prefix");
  return { form: "ip", address: content.subarray(0, half), mask };
}

/**
 * Reason why `names` are outside `constraints`, or undefined. RFC 5280 §4.2.1.10 and §6.1.3 (b), (c): every name of
 * a form must be within one permitted subtree of that form, if there is any, and within no excluded one.
 */
export function nameConstraintViolation(
  constraints: NameConstraints,
  names: ConstrainedNames,
  budget: ComparisonBudget,
): string | undefined {
  for (const subject of namedSubjects(names)) {
    const sameForm = (subtree: Subtree): boolean =>
      subtree.form === subject.form && (subtree.form !== "other" || subtree.tag === subject.tag);
    const permitted = constraints.permitted.filter(sameForm);
    const excluded = constraints.excluded.filter(sameForm);
    budget.left -= 1 + constraints.permitted.length + constraints.excluded.length;
    if (budget.left < 0) return "too many comparisons";
    if (permitted.length + excluded.length === 0) continue;
    if (!subject.valid) return `${subject.form} name "${subject.text}" cannot be compared with the constraints`;
    if (excluded.some((subtree) => subject.excludedBy(subtree)))
      return `${subject.form} name "${subject.text}" is excluded`;
    if (permitted.length > 0 && !permitted.some((subtree) => subject.permittedBy(subtree))) {
      return `${subject.form} name "${subject.text}" is not permitted`;
    }
  }
  return undefined;
}

interface NamedSubject {
  readonly form: Subtree["form"];
  readonly tag: number;
  readonly text: string;
  /** False when the name is not one of its form at all: nothing can then be said about it. */
  readonly valid: boolean;
  permittedBy(subtree: Subtree): boolean;
  excludedBy(subtree: Subtree): boolean;
}

function* namedSubjects({ subject, subjectAltName }: ConstrainedNames): Generator<NamedSubject> {
  const emails = [...(subjectAltName?.emails ?? [])];
  if (!subject.isEmpty) {
    yield directorySubject(subject);
    // RFC 5280 §4.2.1.10: legacy email addresses of the subject count when no SAN has one.
    if (emails.length === 0) {
      emails.push(...subject.attributes.filter(({ oid }) => oid === OID.emailAddress).map(({ value }) => value));
    }
  }
  for (const email of emails) yield emailSubject(email);
  if (!subjectAltName) return;
  for (const name of subjectAltName.directoryNames) yield directorySubject(name);
  for (const dnsName of subjectAltName.dnsNames) yield dnsSubject(dnsName);
  for (const uri of subjectAltName.uris) yield uriSubject(uri);
  for (const [index, octets] of subjectAltName.ipOctets.entries()) {
    yield ipSubject(octets, subjectAltName.ipAddresses[index] ?? "");
  }
  for (const tag of subjectAltName.otherForms) {
    yield { form: "other", tag, text: `[${tag}]`, valid: false, permittedBy: () => false, excludedBy: () => true };
  }
}

function subjectOf(
  form: Subtree["form"],
  text: string,
  valid: boolean,
  within: (subtree: Subtree) => boolean,
): NamedSubject {
  return { form, tag: -1, text, valid, permittedBy: within, excludedBy: within };
}

function directorySubject(name: Name): NamedSubject {
  return subjectOf(
    "directory",
    name.text,
    true,
    (subtree) =>
      subtree.form === "directory" && subtree.base.rdns.every((rdn, i) => equalBytes(rdn, name.rdns[i] ?? NO_BYTES)),
  );
}

function dnsSubject(dnsName: string): NamedSubject {
  const host = dnsName.toLowerCase();
  const wildcard = host.startsWith("*.");
  const parent = wildcard ? host.slice(2) : host;
  const within = (subtree: Subtree): boolean => subtree.form === "dns" && isSubdomainOrSame(parent, subtree.base);
  return {
    ...subjectOf("dns", dnsName, isHostName(parent), within),
    // A wildcard stands for names below its parent, so that an excluded subtree below the parent meets it as well
    // (CVE-2025-61727); the parent itself is not among them, but a subtree that holds the parent holds them too.
    excludedBy: (subtree) =>
      within(subtree) || (wildcard && subtree.form === "dns" && isSubdomainOrSame(subtree.base, parent)),
  };
}

function uriSubject(uri: string): NamedSubject {
  const authority = /^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/([^/?#]*)/.exec(uri)?.[1] ?? "";
  const host = authority
    .slice(authority.lastIndexOf("@") + 1)
    .replace(/:[0-9]*$/, "")
    .toLowerCase();
  return subjectOf("uri", uri, host !== "", (subtree) => {
    if (subtree.form !== "uri") return false;
    if (subtree.base === "") return true;
    return subtree.base.startsWith(".") ? host.endsWith(subtree.base) : host === subtree.base;
  });
}

function emailSubject(email: string): NamedSubject {
  const at = email.lastIndexOf("@");
  const host = email.slice(at + 1).toLowerCase();
  const valid = at > 0 && isHostName(host) && !/[\u0000-\u0020\u007f]/.test(email) && email.indexOf("@") === at;
  return subjectOf("email", email, valid, (subtree) => {
    if (subtree.form !== "email") return false;
    const { base } = subtree;
    if (base.includes("@")) {
      const baseAt = base.lastIndexOf("@");
      return email.slice(0, at) === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase();
    }
    const baseHost = base.toLowerCase();
    if (baseHost === "") return true;
    return baseHost.startsWith(".") ? host.endsWith(baseHost) : host === baseHost;
  });
}

function ipSubject(octets: Uint8Array, text: string): NamedSubject {
  return subjectOf("ip", text, true, (subtree) => {
    if (subtree.form !== "ip" || subtree.address.length !== octets.length) return false;
    return octets.every((octet, i) => ((octet ^ (subtree.address[i] ?? 0)) & (subtree.mask[i] ?? 0)) === 0);
  });
}

const NO_BYTES = new Uint8Array();

function isSubdomainOrSame(host: string, base: string): boolean {
  return base === "" || host === base || host.endsWith(`.${base}`);
}

/** Host of a URI constraint, with a leading dot for "names below"; trust domains are not DNS names (SPIFFE-ID §2.1). */
function isUriConstraint(base: string): boolean {
  return /^[a-z0-9._-]*$/.test(base) && base.length <= 255;
}

/** RFC 1034 names with the underscore that deployed names have. */
function isHostName(host: string): boolean {
  return host.length <= 253 && /^[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*$/i.test(host);
}
