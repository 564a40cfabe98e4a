import { basename } from "node:path";
import page from "@symbolon/dashboard/index.html";
import { errorText } from "@symbolon/spiffe/core";
import { productError } from "../core/index.ts";
import type { Overview } from "../dashboard-api/index.ts";
import { EXPOSITION_CONTENT_TYPE, type FamilySnapshot, renderMetrics } from "../telemetry/index.ts";

export const DEFAULT_DASHBOARD_PORT = 20001;

/** Absent: no dashboard. */
export type DashboardChoice = { readonly port?: number } | undefined;

/** What is served besides the page: `/api/overview` and, for Prometheus, `/metrics`. */
export interface DashboardSources {
  overview(): Promise<Overview>;
  metrics(): Promise<readonly FamilySnapshot[]>;
}

export interface DashboardServer {
  readonly url: string;
  /** True when the wanted port was taken and another one was chosen. */
  readonly movedFromPort?: number;
  stop(): void;
}

const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
};

/**
 * Serves the dashboard's page on loopback, read-only and without a login (SECURITY.md). A request whose Host is not
 * loopback is refused, so that no foreign page can read it by rebinding a name.
 * @param port a port the user asked for is taken or refused; without one the default moves when it is taken
 */
export async function startDashboard(sources: DashboardSources, port?: number): Promise<DashboardServer> {
  const files = await buildPage();
  const fetch = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    if (!["127.0.0.1", "localhost", "[::1]"].includes(url.hostname)) return answer("wrong host", 421);
    if (request.method !== "GET") return answer("this page is read-only", 405);
    try {
      if (url.pathname === "/api/overview") return Response.json(await sources.overview(), { headers: HEADERS });
      if (url.pathname === "/metrics") return metricsResponse(await sources.metrics());
    } catch (error) {
      return answer(errorText(error), 503);
    }
    const file = files.get(url.pathname);
    return file
      ? new Response(file, { headers: { ...HEADERS, "content-type": file.type } })
      : answer("no such page", 404);
  };
  const listen = (wanted: number) => Bun.serve({ hostname: "127.0.0.1", port: wanted, fetch });
  try {
    return running(listen(port ?? DEFAULT_DASHBOARD_PORT));
  } catch (error) {
    if (port === undefined) return { ...running(listen(0)), movedFromPort: DEFAULT_DASHBOARD_PORT };
    throw portError(port, error);
  }
}

/** @throws ERR_DASHBOARD_PORT when a port that the user chose is taken or not allowed */
export function checkDashboardPort(dashboard: DashboardChoice): void {
  if (dashboard?.port === undefined) return;
  try {
    Bun.listen({ hostname: "127.0.0.1", port: dashboard.port, socket: { data: () => undefined } }).stop(true);
  } catch (error) {
    throw portError(dashboard.port, error);
  }
}

function portError(port: number, error: unknown) {
  return productError(
    "ERR_DASHBOARD_PORT",
    `port ${port} of the dashboard cannot be used: ${errorText(error)}; choose another with --dashboard-port, or use --no-dashboard`,
    { cause: error },
  );
}

function metricsResponse(families: readonly FamilySnapshot[]): Response {
  return new Response(renderMetrics(families), { headers: { ...HEADERS, "content-type": EXPOSITION_CONTENT_TYPE } });
}

function running(server: ReturnType<typeof Bun.serve>): DashboardServer {
  return { url: server.url.href, stop: () => void server.stop(true) };
}

function answer(text: string, status: number): Response {
  return new Response(text, { status, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" } });
}

/** What Bun makes of an imported page in one executable; from sources it is `index` alone, the page's path. */
interface EmbeddedPage {
  readonly files?: readonly { readonly path: string; readonly loader: string }[];
}

/** Path in the URL to content. One executable holds the finished files, sources are bundled at each start. */
async function buildPage(): Promise<ReadonlyMap<string, Blob>> {
  const { files } = page as EmbeddedPage;
  if (files)
    return new Map(
      files.map(({ path, loader }) => [loader === "html" ? "/" : `/${basename(path)}`, Bun.file(path)] as const),
    );
  const { outputs } = await Bun.build({ entrypoints: [page.index], minify: true });
  return new Map(
    outputs.map((output) => [output.path.endsWith(".html") ? "/" : `/${output.path.replace(/^\.\//, "")}`, output]),
  );
}
