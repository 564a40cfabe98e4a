/** A real Envoy in front of an application that answers with what it was sent. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface EnvoyAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** What the application got; absent when Envoy answered itself. */
  readonly forwarded?: { readonly target: string; readonly headers: Readonly<Record<string, string>> };
}

export interface EnvoyUnderTest {
  send(method: string, target: string, headers: readonly (readonly [string, string])[]): Promise<EnvoyAnswer>;
  stop(): Promise<void>;
}

/**
 * @param filters HTTP filters in front of the router
 * @param requestHeaders headers that the route adds, for what filters leave in dynamic metadata
 */
export async function startEnvoy(
  binary: string,
  filters: readonly object[],
  requestHeaders: Readonly<Record<string, string>>,
): Promise<EnvoyUnderTest> {
  const application = await startApplication();
  const port = await freePort();
  const config = join(mkdtempSync(join(tmpdir(), "symbolon-envoy-")), "config.json");
  writeFileSync(config, JSON.stringify(bootstrap(port, portOf(application), filters, requestHeaders)));
  const args = ["-c", config, "--concurrency", "1", "--disable-hot-restart", "-l", "error"];
  const envoy = spawn(binary, args, { stdio: ["ignore", "ignore", "inherit"] });
  const exited = new Promise<void>((done) => envoy.once("exit", () => done()));
  const stop = async () => {
    envoy.kill("SIGKILL");
    await exited;
    application.closeAllConnections();
    application.close();
  };
  await untilListening(envoy, port).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { send: (method, target, headers) => send(port, method, target, headers), stop };
}

function bootstrap(
  port: number,
  upstream: number,
  filters: readonly object[],
  added: Readonly<Record<string, string>>,
) {
  const type = (name: string) => ({ "@type": `type.googleapis.com/envoy.extensions.filters.${name}` });
  const address = (value: number) => ({ socket_address: { address: "127.0.0.1", port_value: value } });
  const requestHeaders = Object.entries(added).map(([key, value]) => ({ header: { key, value } }));
  const routes = [{ match: { prefix: "/" }, route: { cluster: "up" }, request_headers_to_add: requestHeaders }];
  const manager = {
    ...type("network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: "x",
    route_config: { virtual_hosts: [{ name: "v", domains: ["*"], routes }] },
    http_filters: [...filters, { name: "router", typed_config: type("http.router.v3.Router") }],
  };
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(upstream) } }] }];
  return {
    node: { id: "x", cluster: "x" },
    static_resources: {
      listeners: [{ address: address(port), filter_chains: [{ filters: [{ name: "hcm", typed_config: manager }] }] }],
      clusters: [{ name: "up", type: "STATIC", load_assignment: { cluster_name: "up", endpoints } }],
    },
  };
}

function send(port: number, method: string, path: string, headers: readonly (readonly [string, string])[]) {
  return new Promise<EnvoyAnswer>((done, fail) => {
    const sent = request(
      { port, method, path, agent: false, setHost: false, headers: headers.flat() as never },
      (response) => {
        let body = "";
        response.setEncoding("latin1").on("data", (text: string) => {
          body += text;
        });
        response.on("end", () => {
          const { statusCode = 0, headers: answered } = response;
          const forwarded = answered["x-application"] === undefined ? undefined : JSON.parse(body);
          done({ status: statusCode, headers: answered, body, ...(forwarded ? { forwarded } : {}) });
        });
      },
    );
    sent.on("error", fail).end();
  });
}

function startApplication(): Promise<Server> {
  const application = createServer(({ url, headers }, response) => {
    response.setHeader("x-application", "1").end(JSON.stringify({ target: url, headers }), "latin1");
  });
  return new Promise((done) => application.listen(0, "127.0.0.1", () => done(application)));
}

async function freePort(): Promise<number> {
  const server = await startApplication();
  const port = portOf(server);
  await new Promise((done) => server.close(done));
  return port;
}

function portOf(server: Server): number {
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("the server does not listen");
  return address.port;
}

async function untilListening(envoy: ChildProcess, port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (envoy.exitCode !== null) throw new Error(`Envoy ended with status ${envoy.exitCode}`);
    try {
      await send(port, "GET", "/", [["host", "h"]]);
      return;
    } catch {
      await Bun.sleep(50);
    }
  }
  throw new Error("Envoy does not listen");
}
