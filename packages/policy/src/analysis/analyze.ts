import { ruleStructures } from "../authorization/index.ts";
import type { Finding } from "../document/index.ts";
import type { ResourceReference } from "../object-envelope.ts";
import { findPeerAuthenticationConflicts } from "../peer-authentication-conflicts.ts";
import type { AnalysisContext } from "./analysis-context.ts";
import { type AnalysisFinding, analysisFinding } from "./analysis-finding.ts";
import type { AnalysisInput } from "./analysis-input.ts";
import { checkAccounts } from "./check-accounts.ts";
import { checkIdentity } from "./check-identity.ts";
import { checkMtls } from "./check-mtls.ts";
import { checkPathBypass } from "./check-path-bypass.ts";
import { checkPorts } from "./check-ports.ts";
import { checkReferences } from "./check-references.ts";
import { checkRootAllow } from "./check-root-allow.ts";
import { checkRules } from "./check-rules.ts";
import { checkServiceNames } from "./check-service-names.ts";
import { checkShape } from "./check-shape.ts";
import { checkTokens } from "./check-tokens.ts";
import { checkValues } from "./check-values.ts";
import { withDetails } from "./finding-details.ts";
import { inOrder, MeshView } from "./mesh-view.ts";

/**
 * What is valid and probably not meant, over all policies together: mistakes that no parser can see. Findings come by
 * file and line. Never throws for what the parsers of this package have accepted.
 */
export function analyze(input: AnalysisInput): readonly AnalysisFinding[] {
  const { meshConfig } = input;
  const findings: AnalysisFinding[] = [];
  const names = {
    trustDomain: meshConfig?.trustDomain ?? "cluster.local",
    trustDomainAliases: meshConfig?.trustDomainAliases ?? [],
  };
  const context: AnalysisContext = {
    input,
    view: new MeshView(input),
    policies: inOrder(input.authorizationPolicies ?? []).map((policy) => ({
      policy,
      rules: ruleStructures(policy, names),
    })),
    pathNormalization: meshConfig?.pathNormalization ?? "base",
    report: (code, object, details) => findings.push(analysisFinding(code, object, details)),
  };
  for (const check of CHECKS) check(context);
  findings.push(...peerAuthenticationConflicts(context));
  return findings.sort(compareFindings);
}

function peerAuthenticationConflicts({ input, view }: AnalysisContext): AnalysisFinding[] {
  const policies = input.peerAuthentications ?? [];
  const objects = new Map(policies.map((policy): [string, ResourceReference] => [placeText(policy), policy]));
  return findPeerAuthenticationConflicts(policies, view.rootNamespace).flatMap((finding) => {
    const object = objects.get(placeText(finding));
    return object ? [withDetails(finding, object)] : [];
  });
}

function placeText({ position: { file, line, column } }: Pick<Finding, "position">): string {
  return `${file}:${line}:${column}`;
}

export function compareFindings(left: Finding, right: Finding): number {
  const [a, b] = [left.position, right.position];
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column || (left.code < right.code ? -1 : 1);
}

const CHECKS: readonly ((context: AnalysisContext) => void)[] = [
  checkRules,
  checkShape,
  checkValues,
  checkIdentity,
  checkAccounts,
  checkServiceNames,
  checkPathBypass,
  checkPorts,
  checkReferences,
  checkTokens,
  checkRootAllow,
  checkMtls,
];
