import { FINDING_CODES, type Finding, type FindingInfo } from "../document/index.ts";
import type { ResourceReference } from "../object-envelope.ts";
import type { AnalysisFinding } from "./analysis-finding.ts";

/** A finding of a parser, as the renderers want it: with the object, the fix and the codes of Istio and Kiali. */
export function withDetails(finding: Finding, object: ResourceReference): AnalysisFinding {
  const catalogue: Readonly<Record<string, FindingInfo>> = FINDING_CODES;
  const { kind, namespace, name, position } = object;
  const kialiCode = KIALI_CODES[finding.code];
  const istioCode = istioCodeOf(finding);
  return {
    ...finding,
    object: { kind, namespace, name, position },
    fix: catalogue[finding.code]?.fix ?? "correct the field as the message says",
    ...(istioCode === undefined ? {} : { istioCode }),
    ...(kialiCode === undefined ? {} : { kialiCode }),
  };
}

/** `istioctl analyze` has one code for all errors of validation and one for all warnings (istio-security §9.4). */
function istioCodeOf({ code, severity }: Finding): string | undefined {
  if (Object.hasOwn(KIALI_CODES, code) || severity === "info") return undefined;
  return severity === "error" ? "IST0106" : "IST0133";
}

/** Conflicts between PeerAuthentications: Kiali has them, Istio's analyzers no longer do. */
const KIALI_CODES: Readonly<Record<string, string | undefined>> = {
  SYM0404: "KIA0002",
  SYM0405: "KIA0002",
  SYM0406: undefined,
  SYM0407: "KIA0003",
};
