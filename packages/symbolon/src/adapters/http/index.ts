export type { ApiBackend, PodSecrets } from "./api.ts";
export { type ApiClient, createApiClient } from "./api-client.ts";
export { type ApiServer, serveApi } from "./api-server.ts";
export { createPodReports, type PodReports } from "./pod-reports.ts";
