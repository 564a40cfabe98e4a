export { commandInPod } from "./capture/index.ts";
export { DEFAULT_DASHBOARD_PORT } from "./dashboard-server.ts";
export {
  type EntryExplanation,
  examineProcess,
  type LifetimeExplanation,
  type ProcessExamination,
} from "./examine-process.ts";
export { LOG_LEVELS, type LogLevel } from "./log.ts";
export { meshApi } from "./mesh-api.ts";
export {
  type ChosenMesh,
  chosenMesh,
  DEFAULT_MESH_NAME,
  DEFAULT_SVID_LIFETIME_SECONDS,
  type MeshConfig,
  meshDirectories,
} from "./mesh-config.ts";
export { proxyMetrics } from "./mesh-metrics.ts";
export { isAlive, readMeshProcesses } from "./mesh-processes.ts";
export { meshOverview, proxyLogLevel, readProxyConfig, readProxyDump } from "./overview.ts";
export { stopMesh } from "./stop-mesh.ts";
export { runInBackground, runInForeground, type UpOptions } from "./up.ts";
export { waitUntilInForce } from "./wait-until-in-force.ts";
