import {
  type Attribute,
  type ConnectionFacts,
  expandValue,
  type RequestFacts,
  type RuleItem,
} from "../authorization/index.ts";
import { claimStrings } from "../claim-values.ts";
import { blockContains, type IpAddress, parseIpBlock } from "../ip-match.ts";
import { isPathTemplate, parsePathTemplate } from "../path-template.ts";
import { namespaceMatches, principalMatches, serviceAccountMatches, trustDomainMatches } from "../peer-identity.ts";
import { parseRequestPrincipalPattern, requestPrincipalMatches } from "../request-principal.ts";
import { parseStringPattern, patternMatches } from "../string-match.ts";
import type { TrustDomainNames } from "../trust-domain-aliases.ts";

/** One connection and one request of it; without request: TCP. */
export interface Facts {
  readonly connection: ConnectionFacts;
  readonly request: RequestFacts | undefined;
}

/** Whether one value as written fits, negation left aside. */
export function valueMatches(item: RuleItem, value: string, facts: Facts, names: TrustDomainNames): boolean {
  const { attribute, policyNamespace } = item;
  const { peer } = facts.connection;
  switch (attribute.kind) {
    case "principal":
      return !!peer && expandValue(attribute, value, names).some((expanded) => principalMatches(expanded, peer));
    case "trustDomain":
      return !!peer && expandValue(attribute, value, names).some((expanded) => trustDomainMatches(expanded, peer));
    case "namespace":
      return !!peer && namespaceMatches(value, peer);
    case "serviceAccount":
      return !!peer && serviceAccountMatches(value, policyNamespace, peer);
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress":
      return addressMatches(value, facts.connection.address(attribute.kind));
    case "destinationPort":
      return facts.connection.destinationPort === String(Number(value));
    case "metadata":
      return false;
    case "sni":
      return facts.connection.sni !== undefined && patternMatches(parseStringPattern(value), facts.connection.sni);
    default:
      return facts.request !== undefined && requestValueMatches(attribute, value, facts.request);
  }
}

function requestValueMatches(attribute: Attribute, value: string, request: RequestFacts): boolean {
  switch (attribute.kind) {
    case "requestPrincipal": {
      const { principal } = request;
      return !!principal && requestPrincipalMatches(parseRequestPrincipalPattern(value), principal);
    }
    case "path":
      if (isPathTemplate(value)) return parsePathTemplate(value).matches(request.path);
      return patternMatches(parseStringPattern(value), request.path);
    case "method":
      return isPresentOrMatches(value, request.method);
    case "host":
      return isPresentOrMatches(value.toLowerCase(), request.host);
    case "header":
      return request.header(attribute.name).some((line) => isPresentOrMatches(value, line));
    case "claim":
      return claimMatches(value, request, attribute.path);
    case "audience":
      return claimMatches(value, request, ["aud"]);
    case "presenter":
      return claimMatches(value, request, ["azp"]);
    default:
      return false;
  }
}

/** What there is to compare with, as people would write it. */
export function actualTexts({ attribute }: Pick<RuleItem, "attribute">, facts: Facts): readonly string[] {
  const { connection, request } = facts;
  const { peer } = connection;
  switch (attribute.kind) {
    case "principal":
      return peer ? [peer.principal] : [];
    case "trustDomain":
      return peer?.trustDomain === undefined ? [] : [peer.trustDomain];
    case "namespace":
      return peer?.namespaces ?? [];
    case "serviceAccount":
      return [...(peer?.serviceAccounts ?? [])];
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress":
      return [connection.addressText(attribute.kind)];
    case "destinationPort":
      return [connection.destinationPort];
    case "metadata":
      return [];
    case "sni":
      return connection.sni === undefined ? [] : [connection.sni];
    default:
      return request ? requestTexts(attribute, request) : [];
  }
}

function requestTexts(attribute: Attribute, request: RequestFacts): readonly string[] {
  switch (attribute.kind) {
    case "requestPrincipal":
      return request.principal ? [`${request.principal.issuer}/${request.principal.subject}`] : [];
    case "path":
      return [request.path];
    case "method":
      return [request.method];
    case "host":
      return [request.host];
    case "header":
      return request.header(attribute.name);
    case "claim":
      return claimStrings(request.claims, attribute.path);
    case "audience":
      return claimStrings(request.claims, ["aud"]);
    case "presenter":
      return claimStrings(request.claims, ["azp"]);
    default:
      return [];
  }
}

function addressMatches(value: string, address: IpAddress | undefined): boolean {
  const block = parseIpBlock(value);
  return block !== undefined && address !== undefined && blockContains(block, address);
}

/** Of headers, hosts and methods `*` asks presence alone. */
function isPresentOrMatches(value: string, text: string): boolean {
  return value === "*" || patternMatches(parseStringPattern(value), text);
}

function claimMatches(value: string, { claims }: RequestFacts, path: readonly string[]): boolean {
  const pattern = parseStringPattern(value);
  return claimStrings(claims, path).some((text) => patternMatches(pattern, text));
}
