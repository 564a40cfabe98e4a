import type { ConnectionAttributes, RequestAttributes } from "../attributes.ts";
import type { AttributePlan } from "./attribute-plans.ts";
import { identityWitness } from "./attribute-witnesses.ts";
import { editSize } from "./change-size.ts";
import { claimAt, claimText, withClaim } from "./claim-edits.ts";
import type { AttributeChange } from "./explanation.ts";

/** What is decided: a connection, and a request of it if it is HTTP. */
export interface Subject {
  readonly connection: ConnectionAttributes;
  readonly request?: RequestAttributes;
}

export interface AttributeVariant {
  /** Made when asked for: few of many variants are of interest. */
  change(): AttributeChange;
  size(): number;
  readonly subject: Subject;
}

/**
 * Every single change of one attribute, out of those that the policies look at. An attribute becomes, one at a time:
 *
 * 1. absent, where it can be: no peer identity (plaintext), no SNI, no such header, no such claim, no token at all;
 * 2. a witness of each value written for it: the value itself, a prefix or suffix without its star, a template with `x` for
 *    its operators, the first address of a block, an identity with the named part exchanged, issuer and subject together;
 *    of `*` an `x` (of identities, what a plaintext caller would need: one of the local trust domain);
 * 3. something that nobody wrote: "other", OTHER, /other, 192.0.2.1, port 65535.
 *
 * A header is replaced with all its lines by one line, a path with its query, a claim of any type by a string.
 */
export function attributeVariants(
  plans: readonly AttributePlan[],
  subject: Subject,
  trustDomain: string,
): AttributeVariant[] {
  const variants: AttributeVariant[] = [];
  for (const plan of plans) {
    const target = targetOf(plan, subject, trustDomain);
    if (!target) continue;
    const { name, from, other, canBeAbsent, put } = target;
    const texts = new Set<string | undefined>(target.candidates);
    if (other !== undefined) texts.add(other);
    if (canBeAbsent) texts.add(undefined);
    texts.delete(from);
    const unnamed = other !== undefined && !target.candidates.includes(other) ? other : undefined;
    for (const to of texts)
      variants.push({
        change: () => describe(name, from, to, to !== undefined && to === unnamed),
        size: () => sizeOf(from, to),
        subject: put(to),
      });
  }
  return variants;
}

/** One attribute with what it is, and what it may become. */
interface Target {
  readonly name: string;
  readonly from: string | undefined;
  readonly candidates: readonly string[];
  readonly other?: string;
  readonly canBeAbsent: boolean;
  put(to: string | undefined): Subject;
}

function targetOf(plan: AttributePlan, subject: Subject, trustDomain: string): Target | undefined {
  const { connection, request } = subject;
  const onConnection = (change: Partial<ConnectionAttributes>): Subject => ({
    ...subject,
    connection: { ...connection, ...change },
  });
  switch (plan.kind) {
    case "identity": {
      const base = baseIdentity(connection, trustDomain);
      const { peerSpiffeId: from, ...plaintext } = connection;
      return {
        name: "peer identity",
        from,
        candidates: plan.values.map(({ part, value }) => `spiffe://${identityWitness(part, value, base)}`),
        canBeAbsent: true,
        other: "spiffe://other/ns/other/sa/other",
        put: (to) => (to === undefined ? { ...subject, connection: plaintext } : onConnection({ peerSpiffeId: to })),
      };
    }
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress":
      return {
        name: `${plan.kind.slice(0, -"Address".length)} address`,
        from: connection[plan.kind] ?? connection.sourceAddress,
        candidates: plan.witnesses,
        canBeAbsent: false,
        other: "192.0.2.1",
        put: (to) => onConnection({ [plan.kind]: to }),
      };
    case "destinationPort":
      return {
        name: "destination port",
        from: String(connection.destinationPort),
        candidates: plan.witnesses,
        canBeAbsent: false,
        other: "65535",
        put: (to) => onConnection({ destinationPort: Number(to) }),
      };
    case "sni": {
      const { sni: from, ...without } = connection;
      return {
        name: "SNI",
        from,
        candidates: plan.witnesses,
        canBeAbsent: true,
        other: "other",
        put: (to) => (to === undefined ? { ...subject, connection: without } : onConnection({ sni: to })),
      };
    }
    default:
      return request && requestTarget(plan, request, subject);
  }
}

function requestTarget(plan: AttributePlan, request: RequestAttributes, subject: Subject): Target | undefined {
  const { claims } = request;
  const onRequest = (change: Partial<RequestAttributes>): Subject => ({
    ...subject,
    request: { ...request, ...change },
  });
  switch (plan.kind) {
    case "method":
    case "path":
    case "host":
      return {
        name: plan.kind,
        from: request[plan.kind],
        candidates: plan.witnesses,
        canBeAbsent: false,
        other: { method: "OTHER", path: "/other", host: "other" }[plan.kind],
        put: (to) => onRequest({ [plan.kind]: to }),
      };
    case "header":
      return {
        name: `header ${plan.name}`,
        from: request.headers.get(plan.name)?.join(", "),
        candidates: plan.witnesses,
        canBeAbsent: true,
        other: "other",
        put: (to) => onRequest({ headers: withHeader(request.headers, plan.name, to) }),
      };
    case "claim": {
      const current = claimAt(claims, plan.path);
      return {
        name: `claim ${plan.path.join(".")}`,
        from: current === undefined ? undefined : claimText(current),
        candidates: plan.witnesses,
        canBeAbsent: true,
        other: "other",
        put: (to) => onRequest({ claims: withClaim(claims, plan.path, to) }),
      };
    }
    case "requestPrincipal":
      return {
        name: claims ? "issuer and subject" : "a token with issuer and subject",
        from: claims && `${claimString(claims.iss)}/${claimString(claims.sub)}`,
        candidates: plan.witnesses,
        canBeAbsent: false,
        other: "other/other",
        put: (to = "") => onRequest({ claims: { ...claims, ...principalOf(to) } }),
      };
    case "token": {
      if (!claims) return undefined;
      const { claims: _, ...without } = request;
      const put = () => ({ ...subject, request: without });
      return { name: "token", from: "a token", candidates: [], canBeAbsent: true, put };
    }
    default:
      return undefined;
  }
}

function describe(
  attribute: string,
  from: string | undefined,
  to: string | undefined,
  isUnnamed: boolean,
): AttributeChange {
  const instead = from === undefined ? "" : ` instead of ${JSON.stringify(from)}`;
  return {
    kind: "attribute",
    attribute,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    size: sizeOf(from, to),
    text:
      to === undefined
        ? `no ${attribute}`
        : `${attribute} ${JSON.stringify(to)}${isUnnamed ? " (one that no policy names)" : ""}${instead}`,
  };
}

function sizeOf(from = "", to = ""): number {
  return Math.max(1, editSize(from, to));
}

/** The parts of the present identity; of a caller without one, or of another form, those of a workload that may be. */
function baseIdentity({ peerSpiffeId }: ConnectionAttributes, trustDomain: string): readonly string[] {
  const parts = peerSpiffeId?.replace("spiffe://", "").split("/") ?? [];
  const isUsual = parts.length === 5 && parts[1] === "ns" && parts[3] === "sa";
  return isUsual ? parts : [trustDomain, "ns", "default", "sa", "default"];
}

function withHeader(headers: RequestAttributes["headers"], name: string, to: string | undefined) {
  const changed = new Map(headers);
  if (to === undefined) changed.delete(name);
  else changed.set(name, [to]);
  return changed;
}

function principalOf(text: string): { iss: string; sub: string } {
  const slash = text.lastIndexOf("/");
  return { iss: text.slice(0, slash), sub: text.slice(slash + 1) };
}

function claimString(claim: unknown): string {
  return typeof claim === "string" ? claim : "";
}
