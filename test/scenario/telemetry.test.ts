/** What a mesh tells of its traffic: access records, and metrics that a real Prometheus scrapes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  peerAuthentication,
  prepareMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl", "prometheus", "promtool");
const CLIENT = "spiffe://cluster.local/ns/foo/sa/curl";
const SERVER = "spiffe://cluster.local/ns/foo/sa/httpbin";
const ECHO = "spiffe://cluster.local/ns/foo/sa/echo";

/** Names that Istio has given, which Prometheus' linter would have called otherwise; everything else has to be clean. */
const ISTIO_NAMES = /^(citadel_server_\w+_count|istio_request_duration_milliseconds) /;

type Line = Readonly<Record<string, unknown>>;

describe.skipIf(why !== undefined)("what a mesh tells of its traffic", () => {
  let mesh: MeshUnderTest;
  let port = 0;
  let prometheus: ChildProcess | undefined;

  beforeAll(async () => {
    mesh = prepareMesh();
    port = await freePort();
    const manifest = join(mesh.directory, "mesh.yaml");
    writeFileSync(
      manifest,
      namespace("foo", true) +
        namespace("legacy", false) +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({
          name: "echo",
          namespace: "foo",
          image: "docker.io/istio/tcp-echo-server:1.3",
          port: 9000,
          portName: "tcp",
        }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }) +
        deployment({ name: "curl", namespace: "legacy", image: CURL_IMAGE }) +
        peerAuthentication("strict", "foo", {
          selector: { matchLabels: { app: "echo" } },
          mtls: { mode: "STRICT" },
        }),
    );
    succeed(mesh.symbolon("up", "--detach", "--dashboard-port", String(port), "-f", manifest));
  });
  afterAll(() => {
    prometheus?.kill();
    mesh?.down();
  });

  const records = (...args: readonly string[]): readonly Line[] =>
    succeed(mesh.symbolon("logs", "--access", ...args))
      .stdout.split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Line);
  /** Records are written a moment after what they tell of. */
  const recordsWith = (wanted: Line, ...args: readonly string[]) =>
    eventually(
      `a record like ${JSON.stringify(wanted)}`,
      () => records(...args).filter((line) => Object.entries(wanted).every(([name, value]) => line[name] === value)),
      (found) => found.length > 0,
    );
  const echo = (from: string) =>
    mesh.exec("curl", from, "bash", "-c", "exec 3<>/dev/tcp/echo.foo/9000 && echo hi >&3 && head -c 8 <&3");

  test("a request is one record at each end, with both identities, and the two belong together", async () => {
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    succeed(
      mesh.exec(
        "curl",
        "foo",
        "curl",
        "-sS",
        "-H",
        `traceparent: 00-${trace}-00f067aa0ba902b7-01`,
        "http://httpbin.foo:8000/get?a=b",
      ),
    );
    const both = await eventually(
      "both records",
      () => records().filter(({ traceId }) => traceId === trace),
      ({ length }) => length === 2,
    );
    const facts = {
      kind: "request",
      namespace: "foo",
      method: "GET",
      path: "/get?a=b",
      authority: "httpbin.foo:8000",
      protocol: "HTTP/1.1",
      status: 200,
      flags: [],
      security: "mtls",
      tlsVersion: "TLSv1.3",
      peerSerial: expect.stringMatching(/^[0-9a-f]+$/),
    };
    const [outbound] = both.filter(({ direction }) => direction === "outbound");
    const [inbound] = both.filter(({ direction }) => direction === "inbound");
    expect(outbound).toMatchObject({
      ...facts,
      pod: expect.stringMatching(/^curl-/),
      localSpiffeId: CLIENT,
      peerSpiffeId: SERVER,
      service: "httpbin.foo:8000",
      upstream: expect.stringMatching(/^10\.244\..*:8080$/),
    });
    expect(inbound).toMatchObject({
      ...facts,
      pod: expect.stringMatching(/^httpbin-/),
      localSpiffeId: SERVER,
      peerSpiffeId: CLIENT,
    });
    expect(outbound?.requestId).toBe(inbound?.requestId as string);
  });

  test("a TCP connection is one record at each end; one that is refused says why", async () => {
    expect(succeed(echo("foo")).stdout).toContain("hi");
    await recordsWith(
      { kind: "connection", direction: "inbound", protocol: "tcp", localSpiffeId: ECHO, peerSpiffeId: CLIENT },
      "deploy/echo",
      "-n",
      "foo",
    );
    expect(echo("legacy").status).not.toBe(0);
    await recordsWith(
      { kind: "connection", direction: "inbound", reason: "plaintext_refused" },
      "deploy/echo",
      "-n",
      "foo",
    );
  });

  test("no client can write a record (CV-23)", async () => {
    const forged = '"}\\n{"kind":"request","status":200,"path":"/forged"}';
    for (const options of [
      ["-A", forged],
      ["-H", `x-request-id: ${forged}`],
      ["-H", `Host: ${forged}`],
      ["-A", "\u009b2J\u0085\u2028\u00ff"],
      ["--request-target", `/${forged}`],
      ["-X", forged.replaceAll('"', "'")],
    ])
      mesh.exec("curl", "foo", "curl", "-s", "-o", "/dev/null", ...options, "http://httpbin.foo:8000/get");
    await recordsWith({ userAgent: forged }, "deploy/httpbin", "-n", "foo");
    const { stdout } = succeed(mesh.symbolon("logs", "--access"));
    expect(/^[\x20-\x7e\n]*$/.test(stdout)).toBe(true);
    for (const line of records())
      expect(line).toMatchObject({ pod: expect.any(String), direction: expect.any(String) });
    expect(records().filter(({ path }) => path === "/forged")).toEqual([]);
  });

  test("logs --access -f shows records as they come, --tail the last ones", async () => {
    const tail = records("deploy/httpbin", "-n", "foo", "--tail", "1");
    expect(tail.length).toBe(1);
    const following = spawn(
      process.execPath,
      [join(import.meta.dir, "../../packages/symbolon/bin/symbolon.ts"), "logs", "--access", "-f", "--tail", "0"],
      {
        env: {
          ...process.env,
          XDG_STATE_HOME: join(mesh.directory, "state"),
          XDG_RUNTIME_DIR: join(mesh.directory, "run"),
        },
      },
    );
    let seen = "";
    following.stdout.setEncoding("utf8").on("data", (text: string) => {
      seen += text;
    });
    try {
      await eventually(
        "the record of a new request",
        () => {
          mesh.exec("curl", "foo", "curl", "-s", "http://httpbin.foo:8000/status/418");
          return seen;
        },
        (text) => text.includes('"/status/418"'),
      );
    } finally {
      following.kill();
    }
    for (const line of seen.trimEnd().split("\n")) expect(JSON.parse(line)).toMatchObject({ namespace: "foo" });
  });

  test("the level of a proxy's log changes while it runs", () => {
    const log = (...args: readonly string[]) =>
      succeed(mesh.symbolon("proxy-config", "log", "deploy/httpbin", "-n", "foo", ...args)).stdout;
    expect(log()).toBe("level: info\n");
    expect(log("--level", "debug")).toBe("level: debug\n");
    expect(log()).toBe("level: debug\n");
    expect(mesh.symbolon("proxy-config", "log", "deploy/httpbin", "-n", "foo", "--level", "loud").status).toBe(64);
  });

  test("proxy-config tells endpoints, listeners and everything, and never a key", () => {
    const proxyConfig = (what: string, ...args: readonly string[]) =>
      succeed(mesh.symbolon("proxy-config", what, "deploy/curl", "-n", "foo", ...args)).stdout;
    expect(proxyConfig("endpoints")).toMatch(
      new RegExp(`httpbin\\.foo +8000 +http +10\\.244\\.\\S+:8080 +httpbin-\\S+\\.foo +mTLS +${SERVER}\n`),
    );
    expect(succeed(mesh.symbolon("proxy-config", "listeners", "deploy/echo", "-n", "foo")).stdout).toMatch(
      /^9000 +inbound +tcp +STRICT +PeerAuthentication foo\/strict$/m,
    );
    const everything = proxyConfig("all");
    expect(JSON.parse(everything)).toMatchObject({
      state: { ready: true },
      configuration: { local: { namespace: "foo" } },
    });
    expect(everything).not.toContain("PRIVATE");
  });

  test("promtool finds nothing to say of the metrics but Istio's own names", () => {
    for (const metrics of [["metrics"], ["metrics", "deploy/httpbin", "-n", "foo"]]) {
      const text = succeed(mesh.symbolon(...metrics)).stdout;
      expect(text).toContain("istio_requests_total{");
      const lint = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
      const others = `${lint.stdout}${lint.stderr}`
        .split("\n")
        .filter((line) => line !== "" && !ISTIO_NAMES.test(line));
      expect(others).toEqual([]);
      // 0: clean; 3: what has been filtered. 1 would be text that does not parse.
      expect([0, 3]).toContain(lint.status ?? -1);
    }
  });

  test("Prometheus scrapes the whole mesh at one address, and knows who spoke with whom", async () => {
    const listen = await freePort();
    const config = join(mesh.directory, "prometheus.yml");
    writeFileSync(
      config,
      `global: {scrape_interval: 1s}\nscrape_configs: [{job_name: symbolon, static_configs: [{targets: ["127.0.0.1:${port}"]}]}]\n`,
    );
    prometheus = spawn(
      "prometheus",
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(mesh.directory, "tsdb")}`,
        `--web.listen-address=127.0.0.1:${listen}`,
        "--log.level=error",
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    const query = async (expression: string): Promise<readonly (readonly [Line, number])[]> => {
      const url = `http://127.0.0.1:${listen}/api/v1/query?${new URLSearchParams({ query: expression })}`;
      const response = await fetch(url).catch(() => undefined);
      if (!response?.ok) return [];
      const { data } = (await response.json()) as { data: { result: { metric: Line; value: [number, string] }[] } };
      return data.result.map(({ metric, value }) => [metric, Number(value[1])] as const);
    };
    const requests = (reporter: string) =>
      `sum by (source_principal, destination_principal, source_workload, destination_workload, destination_service, connection_security_policy) (istio_requests_total{reporter="${reporter}",response_code="202"})`;
    // A page of somebody else's that has rebound its name to loopback reads nothing (CV-91).
    const rebound = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { host: "evil.example" } });
    expect(rebound.status).toBe(421);
    await eventually(
      "a scrape",
      () => query('up{job="symbolon"}'),
      (result) => result[0]?.[1] === 1,
      60,
    );
    for (let count = 0; count < 5; count++) mesh.curl("foo", "http://httpbin.foo:8000/status/202");
    const edge = {
      source_principal: CLIENT,
      destination_principal: SERVER,
      source_workload: "curl",
      destination_workload: "httpbin",
      destination_service: "httpbin.foo.svc.cluster.local",
    };
    for (const [reporter, policy] of [
      ["destination", "mutual_tls"],
      ["source", "unknown"],
    ] as const) {
      const result = await eventually(
        `five requests, said by the ${reporter}`,
        () => query(requests(reporter)),
        ([first]) => first?.[1] === 5,
      );
      expect(result.map(([labels]) => labels)).toEqual([{ ...edge, connection_security_policy: policy }]);
    }
    const histogram = await query(
      'histogram_quantile(0.99, sum by (le) (istio_request_duration_milliseconds_bucket{reporter="destination"}))',
    );
    expect(histogram[0]?.[1]).toBeGreaterThan(0);
    const tcp = await query('sum(istio_tcp_received_bytes_total{reporter="destination",destination_app="echo"})');
    expect(tcp[0]?.[1]).toBeGreaterThanOrEqual(3);
    const refused = await query('sum by (reason) (symbolon_connections_refused_total{direction="inbound"})');
    expect(refused.map(([{ reason }]) => reason)).toContain("plaintext_refused");
    const expiry = await query("min(symbolon_certificate_expiry_timestamp_seconds) - time()");
    expect(expiry[0]?.[1]).toBeGreaterThan(3600);
    const lost = await query("sum(symbolon_access_records_dropped_total)");
    expect(lost[0]?.[1]).toBe(0);
    const up = await query("sum(symbolon_proxy_up)");
    expect(up[0]?.[1]).toBe(4);
  });

  test("a mesh that is stopped has written its last records, and they stay", () => {
    mesh.exec("curl", "foo", "curl", "-s", "http://httpbin.foo:8000/status/208");
    succeed(mesh.symbolon("down"));
    const last = records().filter(({ path }) => path === "/status/208");
    expect(last.map(({ direction, status }) => [direction, status]).sort()).toEqual([
      ["inbound", 208],
      ["outbound", 208],
    ]);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
