export type { Overview, WorkloadRow } from "./api-types.ts";
export { type ProxyFacts, workloadRow } from "./overview.ts";
