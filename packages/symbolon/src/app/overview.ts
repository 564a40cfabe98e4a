import { existsSync, readFileSync } from "node:fs";
import type { ApiClient } from "../adapters/http/index.ts";
import { readProxyAdmin, setProxyLogLevel } from "../adapters/ipc/index.ts";
import type { MeshPaths } from "../core/index.ts";
import { type Overview, type ProxyFacts, workloadRow } from "../dashboard-api/index.ts";
import type { ProxyConfig } from "../mesh/index.ts";
import type { ProxyDump } from "../proxy/index.ts";
import { captureStrategy, readCapture } from "./capture/index.ts";
import type { LogLevel } from "./log.ts";
import { meshApi } from "./mesh-api.ts";
import { type ChosenMesh, pathsOf } from "./mesh-config.ts";
import { isAlive, readMeshProcesses } from "./mesh-processes.ts";

/** What the control plane and each proxy say now. @throws ERR_API_UNREACHABLE */
export async function meshOverview(mesh: ChosenMesh, api?: ApiClient): Promise<Overview> {
  const paths = pathsOf(mesh);
  const status = await (api ?? meshApi(paths)).status();
  const workloads = status.pods.map(async (entry) => {
    const facts = entry.pod.sidecar && entry.status?.proxy ? await proxyFacts(paths, entry.pod.uid) : undefined;
    return workloadRow(entry.pod, entry.status, facts);
  });
  const rows = await Promise.all(workloads);
  const { launcher, hostAgent } = readMeshProcesses(paths) ?? {};
  const launched = isAlive(launcher);
  const workloadApi = hostAgent && { socket: hostAgent.workloadSocket, running: isAlive(hostAgent) };
  return {
    mesh: mesh.name,
    trustDomain: status.trustDomain,
    capture: captureView(paths),
    configVersion: status.version,
    settled: status.settled,
    applied: status.applied,
    workloads: rows.sort((a, b) => compareText(`${a.namespace}/${a.pod}`, `${b.namespace}/${b.pod}`)),
    ...(workloadApi ? { workloadApi } : {}),
    findings: [
      ...status.findings,
      ...(launched ? [] : [LAUNCHER_ENDED]),
      ...(workloadApi?.running === false ? [HOST_AGENT_ENDED] : []),
    ],
    ...(launched && existsSync(paths.dashboardFile)
      ? { dashboardUrl: readFileSync(paths.dashboardFile, "utf8").trim() }
      : {}),
  };
}

function captureView(paths: MeshPaths): Overview["capture"] {
  const capture = readCapture(paths);
  return { mode: capture.mode, reason: capture.reason, warnings: captureStrategy(capture).warnings };
}

const LAUNCHER_ENDED =
  'the launcher has ended: the mesh runs on, but is not started again when its supervisor dies; "symbolon down", then "symbolon up"';

const HOST_AGENT_ENDED =
  "the agent of processes outside pods (host-agent) has ended and is started again: until then they get no identity";

/** Everything that a proxy says of itself. @throws ERR_PROXY_UNREACHABLE */
export async function readProxyDump(paths: MeshPaths, podUid: string): Promise<ProxyDump> {
  // Both ends are this program: the proxy's own type is the wire format.
  return (await readProxyAdmin(paths.podRuntime(podUid).proxyAdminSocket, "dump")) as ProxyDump;
}

/** Version of the configuration that a proxy obeys; null before the first. @throws ERR_PROXY_UNREACHABLE */
export async function readProxyVersion(paths: MeshPaths, podUid: string): Promise<number | null> {
  return (await readProxyAdmin(paths.podRuntime(podUid).proxyAdminSocket, "configVersion")) as number | null;
}

/** The configuration that a proxy has in force; null before the first. @throws ERR_PROXY_UNREACHABLE */
export async function readProxyConfig(paths: MeshPaths, podUid: string): Promise<ProxyConfig | null> {
  return (await readProxyAdmin(paths.podRuntime(podUid).proxyAdminSocket, "config")) as ProxyConfig | null;
}

/** @param level absent: only read. @returns the level in force. @throws ERR_PROXY_UNREACHABLE */
export async function proxyLogLevel(paths: MeshPaths, podUid: string, level?: LogLevel): Promise<string> {
  const { proxyAdminSocket } = paths.podRuntime(podUid);
  return String(
    await (level ? setProxyLogLevel(proxyAdminSocket, level) : readProxyAdmin(proxyAdminSocket, "logLevel")),
  );
}

/** A proxy that does not answer has nothing to show; that its pod is not ready says why. */
async function proxyFacts(paths: MeshPaths, podUid: string): Promise<ProxyFacts | undefined> {
  const dump = await readProxyDump(paths, podUid).catch(() => undefined);
  if (!dump) return undefined;
  return {
    ...(dump.local ? { mtlsMode: dump.local.inboundMode } : {}),
    ...(dump.configVersion === null ? {} : { configVersion: dump.configVersion }),
    ...(dump.certificate
      ? {
          spiffeId: dump.certificate.spiffeId,
          notAfter: dump.certificate.notAfter,
          serialNumber: dump.certificate.serialNumber,
        }
      : {}),
  };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
