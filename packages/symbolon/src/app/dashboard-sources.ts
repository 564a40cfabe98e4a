import type { DashboardSources } from "./dashboard-server.ts";
import { meshApi } from "./mesh-api.ts";
import { type ChosenMesh, pathsOf } from "./mesh-config.ts";
import { meshOverview } from "./overview.ts";

/** What the page and Prometheus are served, asked of the mesh each time. */
export function dashboardSources(mesh: ChosenMesh): DashboardSources {
  return { overview: () => meshOverview(mesh), metrics: () => meshApi(pathsOf(mesh)).metrics() };
}
