import { claimStrings } from "../claim-values.ts";
import { invalidAuthorization } from "../errors.ts";
import { IpSet, parseIpBlock } from "../ip-match.ts";
import { namespaceMatches, qualifiedServiceAccount, trustDomainMatches } from "../peer-identity.ts";
import { parseRequestPrincipalPattern, requestPrincipalMatches } from "../request-principal.ts";
import type { ConnectionFacts } from "./connection-facts.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { RuleItem } from "./rule-items.ts";
import { compileStringValues, type TextTest } from "./string-values.ts";

export type ConnectionTest = (connection: ConnectionFacts) => boolean;
export type RequestTest = (request: RequestFacts) => boolean;
/** What decides an item: the connection alone, or the request. */
export type ItemTest =
  | { readonly needs: "connection"; readonly test: ConnectionTest }
  | { readonly needs: "request"; readonly test: RequestTest };

/** "field X = OR over its values; field notX = NOT(OR over its values)", an absent attribute included (§3.5). */
export function compileItem(item: RuleItem): ItemTest {
  const onConnection = connectionTest(item);
  if (onConnection)
    return { needs: "connection", test: item.negated ? (connection) => !onConnection(connection) : onConnection };
  const onRequest = requestTest(item);
  return { needs: "request", test: item.negated ? (request) => !onRequest(request) : onRequest };
}

function connectionTest({ attribute, values, policyNamespace }: RuleItem): ConnectionTest | undefined {
  switch (attribute.kind) {
    case "principal": {
      const matches = compileStringValues(values, { emptyIsPresent: true });
      return ({ peer }) => peer !== undefined && matches(peer.principal);
    }
    case "namespace": {
      const plain = new Set(values.filter((value) => !isPattern(value)));
      const patterns = values.filter(isPattern);
      return ({ peer }) =>
        peer !== undefined &&
        (peer.namespaces.some((namespace) => plain.has(namespace)) ||
          patterns.some((value) => namespaceMatches(value, peer)));
    }
    case "serviceAccount": {
      const accounts = new Set(values.map((value) => qualifiedServiceAccount(value, policyNamespace)));
      return ({ peer }) => peer !== undefined && intersects(peer.serviceAccounts, accounts);
    }
    case "trustDomain":
      return ({ peer }) => peer !== undefined && values.some((value) => trustDomainMatches(value, peer));
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress": {
      const { kind } = attribute;
      const blocks = new IpSet(values.map(requireIpBlock));
      return (connection) => {
        const address = connection.address(kind);
        return address !== undefined && blocks.has(address);
      };
    }
    case "destinationPort": {
      const ports = new Set(values.map(portText));
      return ({ destinationPort }) => ports.has(destinationPort);
    }
    case "sni": {
      const matches = compileStringValues(values);
      return ({ sni }) => sni !== undefined && matches(sni);
    }
    case "metadata":
      return () => false;
    default:
      return undefined;
  }
}

function requestTest({ attribute, values }: RuleItem): RequestTest {
  switch (attribute.kind) {
    case "path": {
      const matches = compileStringValues(values, { templates: true });
      return ({ path }) => matches(path);
    }
    case "method": {
      const matches = compileStringValues(values, { emptyIsPresent: true });
      return ({ method }) => matches(method);
    }
    case "host": {
      const matches = compileStringValues(
        values.map((value) => value.toLowerCase()),
        { emptyIsPresent: true },
      );
      return (request) => matches(request.host);
    }
    case "header": {
      const { name } = attribute;
      const matches = compileStringValues(values, { emptyIsPresent: true });
      // Each line is a value of its own: "positive match if any, not-match only if none" (§11 row 8).
      return (request) => anyMatches(matches, request.header(name));
    }
    case "requestPrincipal": {
      const patterns = values.map(parseRequestPrincipalPattern);
      return ({ principal }) =>
        principal !== undefined && patterns.some((pattern) => requestPrincipalMatches(pattern, principal));
    }
    case "claim": {
      const { path } = attribute;
      const matches = compileStringValues(values);
      return ({ claims }) => claims !== undefined && anyMatches(matches, claimStrings(claims, path));
    }
    case "audience": {
      const matches = compileStringValues(values);
      return ({ claims }) => claims !== undefined && anyMatches(matches, claimStrings(claims, AUDIENCE));
    }
    case "presenter": {
      const matches = compileStringValues(values);
      return ({ claims }) => claims !== undefined && anyMatches(matches, claimStrings(claims, PRESENTER));
    }
    default:
      throw invalidAuthorization(`nothing decides ${attribute.kind}`);
  }
}

/** The parser has refused what is no block. */
export function requireIpBlock(value: string) {
  const block = parseIpBlock(value);
  if (!block) throw invalidAuthorization(`bad CIDR range (${value})`);
  return block;
}

/** The parser has refused what is no port. "+80" and "080" would be the same port and are not written by anyone. */
export function portText(value: string): string {
  return String(Number(value));
}

function anyMatches(matches: TextTest, texts: readonly string[]): boolean {
  for (let index = 0; index < texts.length; index++) if (matches(texts[index] as string)) return true;
  return false;
}

function intersects(left: ReadonlySet<string>, right: ReadonlySet<string>): boolean {
  for (const element of left) if (right.has(element)) return true;
  return false;
}

function isPattern(value: string): boolean {
  return value.includes("*") || value.includes("/");
}

const AUDIENCE = ["aud"];
const PRESENTER = ["azp"];
