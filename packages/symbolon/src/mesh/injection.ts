import type { Labels } from "./object.ts";

/** Label of a namespace or pod template, and the older annotation of the same name. */
export const INJECT_LABEL = "sidecar.istio.io/inject";
const NAMESPACE_INJECTION = "istio-injection";
const REVISION = "istio.io/rev";
const DEFAULT_REVISION = "default";
const NEVER_INJECTED_NAMESPACES = ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

export interface InjectionInput {
  readonly namespace: string;
  readonly namespaceLabels: Labels;
  readonly podLabels: Labels;
  readonly podAnnotations: Labels;
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
  const { namespace, podLabels, podAnnotations } = input;
  if (NEVER_INJECTED_NAMESPACES.includes(namespace)) return no(`namespace ${namespace} never has sidecars`);
  const podLabel = podLabels[INJECT_LABEL];
  if (podLabel === "false") return no(`pod label ${INJECT_LABEL}=false`);
  const called = calledWebhook(input);
  if (!called.sidecar) return called;
  // The label is the newer API: even an empty or odd one hides the annotation, and then the default counts.
  if (podLabel === "true") return yes(`pod label ${INJECT_LABEL}=true`);
  const annotation = podLabel === undefined ? podAnnotations[INJECT_LABEL] : undefined;
  return annotation === "false" ? no(`pod annotation ${INJECT_LABEL}=false`) : called;
}

/** `namespace.`, `rev.namespace.`, `rev.object.` and `object.sidecar-injector.istio.io`: at most one selects a pod. */
function calledWebhook({ namespaceLabels, podLabels }: InjectionInput): InjectionDecision {
  const injection = namespaceLabels[NAMESPACE_INJECTION];
  if (injection !== undefined) {
    const reason = `namespace label ${NAMESPACE_INJECTION}=${injection}`;
    return injection === "enabled" ? yes(reason) : no(reason);
  }
  const namespaceRevision = namespaceLabels[REVISION];
  if (namespaceRevision !== undefined) return byRevision("namespace", namespaceRevision);
  const podRevision = podLabels[REVISION];
  if (podRevision !== undefined) return byRevision("pod", podRevision);
  return podLabels[INJECT_LABEL] === "true" ? yes(`pod label ${INJECT_LABEL}=true`) : no("no injection label");
}

function byRevision(whose: "namespace" | "pod", revision: string): InjectionDecision {
  const reason = `${whose} label ${REVISION}=${revision}`;
  return revision === DEFAULT_REVISION ? yes(reason) : no(`${reason} is not this mesh's revision`);
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

function yes(decidedBy: string): InjectionDecision {
  return { sidecar: true, decidedBy };
}

function no(decidedBy: string): InjectionDecision {
  return { sidecar: false, decidedBy };
}
