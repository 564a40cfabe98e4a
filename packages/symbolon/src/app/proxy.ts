import { systemClock, systemRandom } from "@symbolon/spiffe/core";
import {
  createConfigClient,
  createIdentityClient,
  createReportClient,
  serveProxyAdmin,
} from "../adapters/ipc/data-plane.ts";
import { listenOnUnixSocket } from "../adapters/os/data-plane.ts";
import { createProxy } from "../proxy/index.ts";
import { proxyCapture } from "./capture/proxy-capture.ts";
import { createProcessLog, setLogLevel } from "./log.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";
import { createProxyTelemetry } from "./proxy-telemetry.ts";
import { runUntilSignal } from "./run-until-signal.ts";

/** Istio's `terminationDrainDuration`. */
const DRAIN_MS = 5_000;
/** For requests that are under way; the pod's own grace for its proxy is a little longer. */
const DRAIN_REQUESTS_MS = 20_000;
/** A connection that stays open for days is known before it ends. */
const REPORT_OPEN_MS = 10_000;

/** The proxy of one pod. */
export function runProxy(config: MeshConfig, podUid: string): Promise<number> {
  const log = createProcessLog("proxy", config.logLevel);
  const paths = pathsOf(config);
  const pod = paths.podRuntime(podUid);
  return runUntilSignal(log, async () => {
    const shared = { clock: systemClock, random: systemRandom, log };
    const configs = createConfigClient({ ...shared, path: paths.configSocket, podUid });
    const identities = createIdentityClient({ ...shared, path: pod.agentSocket });
    const reports = createReportClient({ ...shared, path: paths.reportsSocket, podUid });
    const { capture, options } = proxyCapture(config.capture, paths, podUid);
    const telemetry = createProxyTelemetry({
      ...shared,
      paths,
      accessRecords: config.accessRecords,
      config: () => configs.config.current,
      vitals: () => proxy.vitals(),
    });
    const proxy = createProxy(
      {
        ...shared,
        identity: identities.identity,
        config: configs.config,
        capture,
        record(connection) {
          telemetry.connectionEnded(connection);
          reports.seen(connection);
        },
        recordRequest: telemetry.requestEnded,
        recordDenial: reports.denied,
        keyUnknown: reports.keyUnknown,
        countLimit: telemetry.limitReached,
      },
      { ...options, http: {} },
    );
    const admin = await serveProxyAdmin({
      path: pod.proxyAdminSocket,
      listen: listenOnUnixSocket,
      handler: {
        ready: () => proxy.ready,
        configVersion: () => proxy.configVersion ?? null,
        dump: () => proxy.dump(),
        config: () => configs.config.current ?? null,
        metrics: telemetry.metrics,
        logLevel: () => log.level,
        setLogLevel: (level) => setLogLevel(log, level),
      },
      log,
    });
    await proxy.start();
    const openConnections = setInterval(() => {
      for (const connection of proxy.vitals().connections) reports.seen(connection);
    }, REPORT_OPEN_MS);
    return {
      async close() {
        clearInterval(openConnections);
        await proxy.drain(DRAIN_MS, DRAIN_REQUESTS_MS);
        await telemetry.close();
        reports.close();
        configs.close();
        identities.close();
        admin.close();
      },
    };
  });
}
