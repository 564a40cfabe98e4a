import { systemClock } from "@symbolon/spiffe/core";
import { readProxyAdmin } from "../adapters/ipc/index.ts";
import type { MeshStatus } from "../control-plane/index.ts";
import type { MeshPaths } from "../core/index.ts";
import { createMetricRegistry, type FamilySnapshot, mergeMetrics } from "../telemetry/index.ts";
import { addProcessMetrics } from "./process-metrics.ts";

/** Metrics of the mesh: the control plane's own, and those of every proxy, told apart by `namespace` and `pod`. */
export function createMeshMetrics(options: {
  readonly status: () => MeshStatus;
  /** The CA's, by name. */
  readonly caNumbers: () => Readonly<Record<string, number>>;
  readonly paths: MeshPaths;
}): () => Promise<readonly FamilySnapshot[]> {
  const { status, caNumbers, paths } = options;
  const registry = createMetricRegistry();
  addProcessMetrics(registry, systemClock.now());
  const up = registry.gauge({
    name: "symbolon_proxy_up",
    help: "1 when the proxy of a pod answered this question for metrics, else 0.",
    labels: ["namespace", "pod"],
  });
  const pods = registry.gauge({ name: "symbolon_pods", help: "Pods of the mesh.", labels: ["ready"] });
  const version = registry.gauge({
    name: "symbolon_config_version",
    help: "Version of the configuration that is pushed.",
  });
  const findings = registry.gauge({
    name: "symbolon_config_findings",
    help: "Mistakes in manifest files that keep a newer configuration from being in force.",
  });
  addCaMetrics(registry, caNumbers);

  return async () => {
    const now = status();
    version.with([]).set(now.version);
    findings.with([]).set(now.findings.length);
    const ready = now.pods.filter((entry) => entry.status?.ready).length;
    pods.with(["true"]).set(ready);
    pods.with(["false"]).set(now.pods.length - ready);
    const answers = await Promise.all(
      now.pods.map(async ({ pod: { uid, namespace, name } }) => ({
        labels: { namespace, pod: name },
        families: await proxyMetrics(paths, uid).catch(() => undefined),
      })),
    );
    up.clear();
    for (const { labels, families } of answers) up.with([labels.namespace, labels.pod]).set(families ? 1 : 0);
    const parts = answers.flatMap(({ labels, families }) => (families ? [{ labels, families }] : []));
    return mergeMetrics([{ labels: {}, families: registry.snapshot() }, ...parts]);
  };
}

/** @throws ERR_PROXY_UNREACHABLE */
export async function proxyMetrics(paths: MeshPaths, podUid: string): Promise<readonly FamilySnapshot[]> {
  // Both ends are this program: the proxy's own type is the wire format.
  return (await readProxyAdmin(paths.podRuntime(podUid).proxyAdminSocket, "metrics")) as readonly FamilySnapshot[];
}

/** Istio's names and kinds (istio-security §5.5). */
function addCaMetrics(
  registry: ReturnType<typeof createMetricRegistry>,
  read: () => Readonly<Record<string, number>>,
): void {
  const series = Object.keys(read()).map((name) => {
    const help = CA_HELP[name] ?? "Of the certificate authority.";
    const family = name.endsWith("_count") ? registry.counter({ name, help }) : registry.gauge({ name, help });
    return { name, family };
  });
  registry.beforeSnapshot(() => {
    const numbers = read();
    for (const { name, family } of series) family.with([]).value = numbers[name] ?? 0;
  });
}

const CA_HELP: Readonly<Record<string, string>> = {
  citadel_server_csr_count: "Certificate requests received.",
  citadel_server_authentication_failure_count: "Certificate requests of callers who did not prove who they are.",
  citadel_server_csr_parsing_err_count: "Certificate requests that could not be read.",
  citadel_server_id_extraction_err_count: "Certificate requests whose identity is not the caller's.",
  citadel_server_csr_sign_err_count: "Certificates that could not be signed.",
  citadel_server_success_cert_issuance_count: "Certificates issued.",
  citadel_server_root_cert_expiry_timestamp: "End of the root certificate, in seconds since 1970.",
  citadel_server_root_cert_expiry_seconds: "Seconds until the end of the root certificate.",
  citadel_server_cert_chain_expiry_timestamp: "End of the signing certificate, in seconds since 1970.",
  citadel_server_cert_chain_expiry_seconds: "Seconds until the end of the signing certificate.",
};
