import type { Labels } from "./object.ts";

/** Label of a namespace or pod template, and the older annotation of the same name. */
const INJECT = "sidecar.istio.io/inject";
const NAMESPACE_INJECTION = "istio-injection";
const REVISION = "istio.io/rev";
const DEFAULT_REVISION = "default";
const NEVER_INJECTED_NAMESPACES = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

export interface InjectionInput {
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly podLabels: Labels;
  readonly podAnnotations: Labels;
  readonly rootNamespace: string;
}

export interface InjectionDecision {
  readonly sidecar: boolean;
  /** What decided, for `status` and findings. */
  readonly decidedBy: string;
}

/**
 * Istio's precedence: the label selectors of its four webhooks first (they see labels alone), then `injectRequired`,
 * where the pod's label wins over the annotation. `istio-injection=disabled` on the namespace cannot be overridden.
 */
export function decideInjection(input: InjectionInput): InjectionDecision {
  const { namespace, namespaceLabels, podLabels, podAnnotations, rootNamespace } = input;
  if (namespace === rootNamespace || NEVER_INJECTED_NAMESPACES.includes(namespace))
    return no(`namespace ${namespace} never has sidecars`);

  const podLabel = podLabels[INJECT];
  if (podLabel === "false") return no(`pod label ${INJECT}=false`);

  const injection = namespaceLabels[NAMESPACE_INJECTION];
  const revision = namespaceLabels[REVISION];
  const byNamespace =
    injection === "enabled" || (injection === undefined && revision === DEFAULT_REVISION)
      ? namespaceReason(injection)
      : undefined;
  if (byNamespace === undefined) {
    if (injection !== undefined) return no(`namespace label ${NAMESPACE_INJECTION}=${injection}`);
    if (revision !== undefined) return no(`namespace label ${REVISION}=${revision} is not this mesh's revision`);
    return podLabel === "true" ? yes(`pod label ${INJECT}=true`) : no("no injection label");
  }
  if (podLabel === "true") return yes(`pod label ${INJECT}=true`);
  // An explicitly empty or odd label hides the annotation, as in Istio.
  const annotation = podLabel === undefined ? podAnnotations[INJECT] : undefined;
  return annotation === "false" ? no(`pod annotation ${INJECT}=false`) : yes(byNamespace);
}

/** Labels that Istio's injector adds to a pod, where others can see them. */
export function injectedLabels(podLabels: Labels, workloadName: string): Labels {
  return {
    "security.istio.io/tlsMode": "istio",
    "service.istio.io/canonical-name":
      podLabels["service.istio.io/canonical-name"] ??
      podLabels["app.kubernetes.io/name"] ??
      podLabels.app ??
      workloadName,
    "service.istio.io/canonical-revision":
      podLabels["service.istio.io/canonical-revision"] ??
      podLabels["app.kubernetes.io/version"] ??
      podLabels.version ??
      "latest",
  };
}

function namespaceReason(injection: string | undefined): string {
  return injection === undefined
    ? `namespace label ${REVISION}=${DEFAULT_REVISION}`
    : `namespace label ${NAMESPACE_INJECTION}=${injection}`;
}

function yes(decidedBy: string): InjectionDecision {
  return { sidecar: true, decidedBy };
}

function no(decidedBy: string): InjectionDecision {
  return { sidecar: false, decidedBy };
}
