import type { ConnectionAttributes, JwtClaims, RequestAttributes } from "../attributes.ts";
import type { RuleItem } from "../authorization/index.ts";
import type { JsonValue } from "../document/index.ts";
import { qualifiedServiceAccount } from "../peer-identity.ts";
import {
  addressWitness,
  identityWitness,
  pathWitness,
  requestPrincipalWitness,
  stringWitness,
} from "./attribute-witnesses.ts";
import { editSize } from "./change-size.ts";
import type { AttributeChange } from "./explanation.ts";

/** What is decided: a connection, and a request of it if it is HTTP. */
export interface Subject {
  readonly connection: ConnectionAttributes;
  readonly request?: RequestAttributes;
}

export interface AttributeVariant {
  readonly change: AttributeChange;
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
  items: Iterable<RuleItem>,
  subject: Subject,
  trustDomain: string,
): AttributeVariant[] {
  const targets = new Map<string, Target>();
  for (const item of items) collectTargets(item, { targets, subject, trustDomain });
  const variants: AttributeVariant[] = [];
  for (const { name, from, candidates, other, canBeAbsent, put } of targets.values()) {
    const texts = new Set<string | undefined>([...(canBeAbsent ? [undefined] : []), ...candidates, other]);
    texts.delete(from);
    for (const to of texts) variants.push({ change: describe(name, from, to), subject: put(to) });
  }
  return variants;
}

/** One attribute with what it may become. */
interface Target {
  readonly name: string;
  readonly from: string | undefined;
  readonly candidates: Set<string>;
  readonly other: string | undefined;
  readonly canBeAbsent: boolean;
  put(to: string | undefined): Subject;
}

interface Collection {
  readonly targets: Map<string, Target>;
  readonly subject: Subject;
  readonly trustDomain: string;
}

function collectTargets(item: RuleItem, { targets, subject, trustDomain }: Collection): void {
  const { attribute, values, policyNamespace } = item;
  const { connection, request } = subject;
  const target = (name: string, create: () => Omit<Target, "name" | "candidates">): Set<string> => {
    const known = targets.get(name) ?? { name, candidates: new Set<string>(), ...create() };
    targets.set(name, known);
    return known.candidates;
  };
  const add = (candidates: Set<string>, witness: (value: string) => string | undefined) => {
    for (const value of values) {
      const text = witness(value);
      if (text !== undefined) candidates.add(text);
    }
  };
  const onConnection = (change: Partial<ConnectionAttributes>): Subject => ({
    ...subject,
    connection: { ...connection, ...change },
  });
  switch (attribute.kind) {
    case "principal":
    case "namespace":
    case "serviceAccount":
    case "trustDomain": {
      const base = baseIdentity(connection, trustDomain);
      const { peerSpiffeId: from, ...plaintext } = connection;
      const candidates = target("peer identity", () => ({
        from,
        canBeAbsent: true,
        other: "spiffe://other/ns/other/sa/other",
        put: (to) => (to === undefined ? { ...subject, connection: plaintext } : onConnection({ peerSpiffeId: to })),
      }));
      const { kind } = attribute;
      const written = (value: string) =>
        kind === "serviceAccount" ? qualifiedServiceAccount(value, policyNamespace) : value;
      return add(candidates, (value) => `spiffe://${identityWitness(kind, written(value), base)}`);
    }
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress": {
      const { kind } = attribute;
      const name = { sourceAddress: "source", remoteAddress: "remote", destinationAddress: "destination" }[kind];
      const candidates = target(`${name} address`, () => ({
        from: connection[kind] ?? connection.sourceAddress,
        canBeAbsent: false,
        other: "192.0.2.1",
        put: (to) => onConnection({ [kind]: to }),
      }));
      return add(candidates, addressWitness);
    }
    case "destinationPort": {
      const candidates = target("destination port", () => ({
        from: String(connection.destinationPort),
        canBeAbsent: false,
        other: "65535",
        put: (to) => onConnection({ destinationPort: Number(to) }),
      }));
      return add(candidates, (value) => String(Number(value)));
    }
    case "sni": {
      const { sni: from, ...without } = connection;
      const candidates = target("SNI", () => ({
        from,
        canBeAbsent: true,
        other: "other",
        put: (to) => (to === undefined ? { ...subject, connection: without } : onConnection({ sni: to })),
      }));
      return add(candidates, stringWitness);
    }
    case "metadata":
      return;
    default:
      if (request) collectRequestTargets(item, request, { target, add, subject });
  }
}

interface RequestCollection {
  target(name: string, create: () => Omit<Target, "name" | "candidates">): Set<string>;
  add(candidates: Set<string>, witness: (value: string) => string | undefined): void;
  readonly subject: Subject;
}

function collectRequestTargets(
  { attribute }: RuleItem,
  request: RequestAttributes,
  { target, add, subject }: RequestCollection,
): void {
  const onRequest = (change: Partial<RequestAttributes>): Subject => ({
    ...subject,
    request: { ...request, ...change },
  });
  const plain = (name: "method" | "path" | "host", other: string, witness: (value: string) => string) => {
    const candidates = target(name, () => ({
      from: request[name],
      canBeAbsent: false,
      other,
      put: (to) => onRequest({ [name]: to }),
    }));
    add(candidates, witness);
  };
  const claim = (path: readonly string[]) => {
    const current = claimAt(request.claims, path);
    const candidates = target(`claim ${path.join(".")}`, () => ({
      from: current === undefined ? undefined : claimText(current),
      canBeAbsent: true,
      other: "other",
      put: (to) =>
        request.claims || to !== undefined ? onRequest({ claims: withClaim(request.claims, path, to) }) : subject,
    }));
    add(candidates, stringWitness);
    token();
  };
  const token = () => {
    const { claims, ...without } = request;
    if (claims)
      target("token", () => ({
        from: "a token",
        canBeAbsent: true,
        other: undefined,
        put: () => ({ ...subject, request: without }),
      }));
  };
  switch (attribute.kind) {
    case "method":
      return plain("method", "OTHER", stringWitness);
    case "path":
      return plain("path", "/other", pathWitness);
    case "host":
      return plain("host", "other", stringWitness);
    case "header": {
      const { name } = attribute;
      if (name === ":method") return plain("method", "OTHER", stringWitness);
      if (name === ":path") return plain("path", "/other", pathWitness);
      if (name === ":authority" || name === "host") return plain("host", "other", stringWitness);
      const candidates = target(`header ${name}`, () => ({
        from: request.headers.get(name)?.join(", "),
        canBeAbsent: true,
        other: "other",
        put: (to) => onRequest({ headers: withHeader(request.headers, name, to) }),
      }));
      return add(candidates, stringWitness);
    }
    case "requestPrincipal": {
      const candidates = target("issuer and subject", () => ({
        from: `${textOr(request.claims?.iss)}/${textOr(request.claims?.sub)}`,
        canBeAbsent: false,
        other: "other/other",
        put: (to = "") => onRequest({ claims: { ...request.claims, ...principalOf(to) } }),
      }));
      add(candidates, (value) => {
        const witness = requestPrincipalWitness(value);
        return witness && `${witness.issuer}/${witness.subject}`;
      });
      return token();
    }
    case "claim":
      return claim(attribute.path);
    case "audience":
      return claim(["aud"]);
    case "presenter":
      return claim(["azp"]);
    default:
      return;
  }
}

function describe(attribute: string, from: string | undefined, to: string | undefined): AttributeChange {
  const instead = from === undefined ? "" : ` instead of ${JSON.stringify(from)}`;
  return {
    kind: "attribute",
    attribute,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    size: Math.max(1, editSize(from ?? "", to ?? "")),
    text: to === undefined ? `no ${attribute}` : `${attribute} ${JSON.stringify(to)}${instead}`,
  };
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

function claimAt(claims: JwtClaims | undefined, path: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = claims;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

function withClaim(claims: JsonValue | undefined, path: readonly string[], to: string | undefined): JwtClaims {
  const [name = "", ...rest] = path;
  const object: JwtClaims = isObject(claims) ? claims : {};
  if (rest.length > 0) {
    // A claim below one that is not there needs no taking away.
    if (to === undefined && !isObject(object[name])) return object;
    return { ...object, [name]: withClaim(object[name], rest, to) };
  }
  if (to !== undefined) return { ...object, [name]: to };
  return Object.fromEntries(Object.entries(object).filter(([known]) => known !== name));
}

function isObject(value: JsonValue | undefined): value is JwtClaims {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string that looks like another value's JSON is still another claim. */
function claimText(claim: JsonValue): string {
  return typeof claim === "string" ? claim : `${JSON.stringify(claim)} (no string)`;
}

function principalOf(text: string): { iss: string; sub: string } {
  const slash = text.lastIndexOf("/");
  return { iss: text.slice(0, slash), sub: text.slice(slash + 1) };
}

function textOr(claim: JsonValue | undefined): string {
  return typeof claim === "string" ? claim : "";
}
