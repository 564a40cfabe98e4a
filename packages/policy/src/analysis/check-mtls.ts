import type { ClientTls } from "../client-tls.ts";
import type { DestinationRule, TrafficTls } from "../destination-rule.ts";
import { clientTlsOf } from "../destination-rule.ts";
import { fullHost } from "../destination-rule-index.ts";
import type { EffectiveMtlsMode } from "../mtls-mode.ts";
import type { AnalysisContext } from "./analysis-context.ts";
import type { AnalyzedService, AnalyzedServicePort } from "./analysis-input.ts";
import { type MeshView, podPortOf } from "./mesh-view.ts";

/** What clients and servers do about TLS, and whether the two agree. */
export function checkMtls(context: AnalysisContext): void {
  const { input } = context;
  for (const rule of input.destinationRules ?? []) checkCaCertificates(context, rule);
  checkDisabledNamespaces(context);
  if (context.view.knowsWorkloads) checkAgreement(context);
}

/** Older releases of Istio verify nothing then; newer ones trust whom the operating system trusts (istio-security §4.1). */
function checkCaCertificates(context: AnalysisContext, rule: DestinationRule): void {
  const parts = [
    { traffic: rule.traffic, path: "spec.trafficPolicy" },
    ...rule.subsets.map(({ traffic }, index) => ({ traffic, path: `spec.subsets[${index}].trafficPolicy` })),
  ];
  for (const { traffic, path } of parts) {
    if (traffic.tls) reportMissingCa(context, rule, { tls: traffic.tls, path: `${path}.tls` });
    for (const [port, { tls }] of traffic.ports)
      if (tls) reportMissingCa(context, rule, { tls, path: `${path}.portLevelSettings`, port });
  }
}

function reportMissingCa(
  { report }: AnalysisContext,
  rule: DestinationRule,
  { tls, path, port }: { readonly tls: ClientTls; readonly path: string; readonly port?: number },
): void {
  if (tls.mode !== "simple" && tls.mode !== "mutual") return;
  // "credentialName on sidecars works only in a rule with workloadSelector … configmap:// references are exempt."
  const isCredentialUsed = rule.workloadSelector !== undefined || tls.credentialName?.startsWith("configmap://");
  if (
    tls.caCertificates !== undefined ||
    tls.insecureSkipVerify ||
    (tls.credentialName !== undefined && isCredentialUsed)
  )
    return;
  const at = port === undefined ? "" : ` at port number:${port}`;
  report(port === undefined ? "SYM1016" : "SYM1017", rule, {
    path,
    position: tls.position,
    message: `DestinationRule ${rule.name} in namespace ${rule.namespace} has TLS mode set to ${tls.mode.toUpperCase()} but no caCertificates are set to validate server identity for host: ${rule.host}${at}`,
  });
}

/** "Namespace DISABLE + workload STRICT makes clients send plaintext to a STRICT server" (istio-security §4.3). */
function checkDisabledNamespaces({ input, view, report }: AnalysisContext): void {
  for (const policy of input.peerAuthentications ?? []) {
    if (!policy.selector || policy.namespace === view.rootNamespace) continue;
    if (view.peerAuthentications.namespaceMtlsMode(policy.namespace) !== "disable") continue;
    const strictPort = [...policy.portLevelMtls].find(([, mode]) => mode === "strict");
    if (policy.mode !== "strict" && !strictPort) continue;
    report("SYM1022", policy, {
      path: policy.mode === "strict" ? "spec.mtls.mode" : `spec.portLevelMtls.${strictPort?.[0]}`,
      message: `these workloads require mTLS, and the namespace's mode is DISABLE: clients go by the namespace and connect in plaintext, which is refused`,
    });
  }
}

/** A DestinationRule that turns TLS off towards a server that requires it, or the other way round. */
function checkAgreement({ input, view, report }: AnalysisContext): void {
  const services = new Map(
    (input.inventory?.services ?? []).map((service) => [`${service.name}.${service.namespace}.svc.${DOMAIN}`, service]),
  );
  for (const rule of input.destinationRules ?? []) {
    const service = services.get(fullHost(rule, DOMAIN));
    if (!service) continue;
    for (const port of service.ports) {
      const tls = clientTlsOf(rule, { servicePort: port.port });
      const modes = tls && serverModes(service, port, view);
      const clash = modes && describeClash(tls, modes);
      if (clash)
        report("SYM1024", rule, {
          path: pathOf(rule.traffic, port.port),
          position: tls.position,
          message: `this rule connects to port ${port.port} of ${service.namespace}/${service.name} ${clash}`,
        });
    }
  }
}

function serverModes(
  service: AnalyzedService,
  servicePort: AnalyzedServicePort,
  view: MeshView,
): ReadonlySet<EffectiveMtlsMode> {
  const modes = new Set<EffectiveMtlsMode>();
  for (const workload of view.workloadsIn(service.namespace)) {
    if (!view.servicesOf(workload).includes(service)) continue;
    const port = podPortOf(workload, servicePort);
    if (port !== undefined) modes.add(view.peerAuthentications.effective(workload).modeForPort(port));
  }
  return modes;
}

function describeClash(tls: ClientTls, modes: ReadonlySet<EffectiveMtlsMode>): string | undefined {
  const [only] = modes;
  if (modes.size !== 1) return undefined;
  if (only === "strict" && tls.mode === "disable") return "in plaintext, and the server requires mTLS: it refuses";
  if (only === "strict" && tls.mode === "simple")
    return "without client certificate, and the server requires mTLS: it refuses";
  if (only === "disable" && tls.mode === "istio-mutual")
    return "by mTLS, and the server speaks plaintext alone: the handshake fails";
  return undefined;
}

function pathOf({ ports }: TrafficTls, port: number): string {
  return ports.has(port) ? "spec.trafficPolicy.portLevelSettings" : "spec.trafficPolicy.tls";
}

const DOMAIN = "cluster.local";
