import { parseIpBlock } from "../ip-match.ts";
import { isPathTemplate } from "../path-template.ts";
import { parseRequestPrincipalPattern } from "../request-principal.ts";
import { parseStringPattern } from "../string-match.ts";

/** What a field that asks who the peer is looks at. */
export type IdentityPart = "principal" | "namespace" | "serviceAccount" | "trustDomain";

/** A text that a pattern would match, for "present" a text that nobody wrote. */
export function stringWitness(value: string): string {
  const pattern = parseStringPattern(value);
  return pattern.kind === "present" ? "x" : pattern.text;
}

export function pathWitness(value: string): string {
  const text = isPathTemplate(value) ? value.replace(/\{\*\*?\}/g, "x") : stringWitness(value);
  return text.startsWith("/") ? text : `/${text}`;
}

/** The block's own first address, as written: "10.0.0.0" of "10.0.0.0/8". */
export function addressWitness(value: string): string {
  const block = parseIpBlock(value);
  if (!block) return value;
  return block.family === 4 ? ipv4Text(block.bits) : ipv6Text(block.bits);
}

/** `iss/sub`; undefined for a pattern that no token fits. */
export function requestPrincipalWitness(value: string): string | undefined {
  const pattern = parseRequestPrincipalPattern(value);
  const issuer = pattern.issuer.kind === "present" ? "issuer" : pattern.issuer.text;
  const subject = pattern.subject.kind === "present" ? "subject" : pattern.subject.text;
  return issuer === "" || subject === "" ? undefined : `${issuer}/${subject}`;
}

/**
 * An identity like the present one with the part that a value names put in: a suffix `/sa/curl` changes the service account alone.
 * `base` has five parts: trust domain, "ns", namespace, "sa", service account.
 */
export function identityWitness(part: IdentityPart, value: string, base: readonly string[]): string {
  const plain = value.replaceAll("*", "") || "x";
  switch (part) {
    case "namespace":
      return base.with(2, plain).join("/");
    case "trustDomain":
      return base.with(0, plain).join("/");
    case "serviceAccount": {
      const [namespace = "", account = ""] = value.split("/");
      return base.with(2, namespace).with(4, account).join("/");
    }
    case "principal": {
      const pattern = parseStringPattern(value);
      if (pattern.kind === "present") return base.join("/");
      if (pattern.kind === "exact") return pattern.text;
      const parts = pattern.text.split("/");
      const missing = base.length - parts.length;
      if (missing < 0) return pattern.text;
      // An empty part is where the star met a slash.
      if (pattern.kind === "prefix") return base.map((present, index) => parts[index] || present).join("/");
      return base.map((present, index) => parts[index - missing] || present).join("/");
    }
  }
}

function ipv4Text(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 0xffn)).join(".");
}

function ipv6Text(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) => (bits >> BigInt(112 - 16 * index)) & 0xffffn);
  return groups.map((group) => group.toString(16)).join(":");
}
