export { type Overview, type ProxyFacts, type WorkloadRow, workloadRow } from "./overview.ts";
