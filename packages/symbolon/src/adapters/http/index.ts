/** Answers of the API, as its clients see them. */
export type { ChangeAnswer, ObjectChange } from "../../control-plane/index.ts";
export type { AdministrativeCommand, ApiBackend, PodSecrets } from "./api.ts";
export { type ApiClient, type ApiPatience, createApiClient } from "./api-client.ts";
export { type ApiServer, serveApi } from "./api-server.ts";
export { subnets } from "./forbidden-address.ts";
export { createKeySetFetcher, KEY_SET_LIMITS, type KeySetFetcherOptions } from "./key-set-fetcher.ts";
export { createRelayedKeySetFetcher, serveKeySetRelay } from "./key-set-relay.ts";
export { createPodReports, type PodReports } from "./pod-reports.ts";
