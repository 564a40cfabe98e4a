import type { AuthorizationPolicy } from "../authorization-policy.ts";
import type { DestinationRule } from "../destination-rule.ts";
import { type DocumentNode, entryValue, type Finding, type ParseResult, pointAtFields } from "../document/index.ts";
import { expandLists } from "../expand-lists.ts";
import type { MeshSecurityConfig } from "../mesh-config.ts";
import {
  findDuplicateObjects,
  type ObjectEnvelope,
  parseEnvelope,
  type ResourceReference,
} from "../object-envelope.ts";
import { parseAuthorizationPolicy } from "../parse-authorization-policy.ts";
import { parseDestinationRule } from "../parse-destination-rule.ts";
import { parseRequestAuthentication } from "../parse-request-authentication.ts";
import { type PeerAuthentication, parsePeerAuthentication } from "../peer-authentication.ts";
import type { PolicyOptions } from "../policy-head.ts";
import type { RequestAuthentication } from "../request-authentication.ts";
import type { AnalysisFinding } from "./analysis-finding.ts";
import { analyze, compareFindings } from "./analyze.ts";
import { withDetails } from "./finding-details.ts";
import { readInventory } from "./read-inventory.ts";

export interface AnalyzeDocumentsOptions extends PolicyOptions {
  readonly meshConfig?: MeshSecurityConfig;
}

/**
 * All findings of manifests: what the parsers say of each policy, and what `analyze` says of those that can be read.
 * Documents of other kinds are looked at for workloads, Services and namespaces, and else left alone.
 */
export function analyzeDocuments(
  documents: readonly DocumentNode[],
  options: AnalyzeDocumentsOptions = {},
): readonly AnalysisFinding[] {
  const expanded = expandLists(documents);
  const findings: AnalysisFinding[] = expanded.findings.map((finding) => withDetails(finding, unnamed(finding)));
  const policies: AnyPolicy[] = [];
  for (const node of expanded.documents) {
    const parse = node.kind === "map" ? PARSERS.get(kindOf(node)) : undefined;
    if (!parse) continue;
    const envelope = parseEnvelope(node);
    const result = envelope.kind === "parsed" ? parse(envelope.value, options) : envelope;
    const object = envelope.kind === "parsed" ? referenceOf(envelope.value, options) : undefined;
    findings.push(...result.findings.map((finding) => withDetails(finding, object ?? unnamed(finding))));
    if (result.kind === "parsed") policies.push(result.value);
  }
  findings.push(
    ...findDuplicateObjects(policies).map((finding) => {
      const object = policies.find(({ position }) => position === finding.position);
      return withDetails(finding, object ?? unnamed(finding));
    }),
  );
  const ofKind = <Kind extends AnyPolicy["kind"]>(kind: Kind) =>
    policies.filter((policy): policy is Extract<AnyPolicy, { readonly kind: Kind }> => policy.kind === kind);
  const analyzed = analyze({
    authorizationPolicies: ofKind("AuthorizationPolicy"),
    requestAuthentications: ofKind("RequestAuthentication"),
    peerAuthentications: ofKind("PeerAuthentication"),
    destinationRules: ofKind("DestinationRule"),
    ...(options.meshConfig ? { meshConfig: options.meshConfig } : {}),
    ...readInventory(expanded.documents),
  });
  return pointAtFields([...findings, ...analyzed], expanded.documents).sort(compareFindings);
}

type AnyPolicy = AuthorizationPolicy | RequestAuthentication | PeerAuthentication | DestinationRule;
type Parse = (envelope: ObjectEnvelope, options: PolicyOptions) => ParseResult<AnyPolicy>;

/** "security.istio.io AuthorizationPolicy": the version is the parser's matter. */
function kindOf(node: DocumentNode & { readonly kind: "map" }): string {
  const text = (key: string) => {
    const value = entryValue(node, key);
    return value?.kind === "string" ? value.value : "";
  };
  return `${text("apiVersion").split("/")[0]} ${text("kind")}`;
}

function referenceOf(
  { kind, metadata, position }: ObjectEnvelope,
  { defaultNamespace = "default" }: PolicyOptions,
): ResourceReference {
  return { kind, namespace: metadata.namespace ?? defaultNamespace, name: metadata.name, position };
}

/** For what is wrong before anything has a name. */
function unnamed({ position }: Finding): ResourceReference {
  return { kind: "Document", namespace: "", name: `${position.file}:${position.line}`, position };
}

const PARSERS: ReadonlyMap<string, Parse> = new Map<string, Parse>([
  ["security.istio.io AuthorizationPolicy", parseAuthorizationPolicy],
  ["security.istio.io RequestAuthentication", parseRequestAuthentication],
  ["security.istio.io PeerAuthentication", parsePeerAuthentication],
  ["networking.istio.io DestinationRule", parseDestinationRule],
]);
