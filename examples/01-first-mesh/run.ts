/**
 * `npm run demo`: the run of the first article, with nothing but the command line that a user types. `npm run demo --
 * --capture explicit` runs it without namespaces.
 */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const HERE = import.meta.dir;
const ROOT = resolve(HERE, "../..");
const LAUNCHER = join(ROOT, "packages/symbolon/bin/symbolon.ts");
const MESH = "demo";
const KEEP = process.argv.includes("--keep");
const CAPTURE = process.argv.includes("--capture")
  ? ["--capture", process.argv[process.argv.indexOf("--capture") + 1] ?? ""]
  : [];

interface Call {
  readonly policy: "PERMISSIVE" | "STRICT";
  readonly from: string;
  readonly to: string;
}

const CALLS: readonly Call[] = [
  { policy: "PERMISSIVE", from: "foo", to: "foo" },
  { policy: "PERMISSIVE", from: "foo", to: "bar" },
  { policy: "PERMISSIVE", from: "bar", to: "foo" },
  { policy: "STRICT", from: "bar", to: "foo" },
  { policy: "STRICT", from: "foo", to: "foo" },
];
/** What the article says: HTTP code and curl's exit status of each call. */
const EXPECTED = ["200/0", "200/0", "200/0", "000/56", "200/0"];

const hasCurl = spawnSync("curl", ["--version"]).status === 0;
const rows: string[][] = [
  ["POLICY", "CALLER", "SERVER", "HTTP", "CURL", "CONNECTION", "CALLER'S IDENTITY", "SERVER'S IDENTITY"],
];
const seen: string[] = [];

try {
  say("starting two namespaces: foo with sidecars, bar without");
  symbolon("down");
  const up = must(symbolon("up", "--fresh", "--detach", "--no-dashboard", "-f", join(HERE, "mesh.yaml"), ...CAPTURE));
  // What is said of the capture is said to whoever runs it.
  for (const line of up.stderr.split("\n")) if (/^(capture|warning:)/.test(line)) console.log(line);
  for (const call of CALLS) {
    if (call.policy === "STRICT" && !seen.includes("strict applied")) {
      say("applying PeerAuthentication STRICT to namespace foo");
      must(symbolon("apply", "-f", join(HERE, "strict.yaml")));
      seen.push("strict applied");
    }
    rows.push(request(call));
  }
  console.log(`\n${table(rows)}\n`);
  if (!hasCurl)
    console.log(
      "curl is not installed: the calls were made with the built-in client, which has curl's exit statuses.\n",
    );
  else {
    const told = clientCertSeen();
    console.log(`/headers of httpbin.foo, called from curl.foo:\n  x-forwarded-client-cert: ${told}\n`);
    if (!told.endsWith("/ns/foo/sa/curl")) {
      console.error("httpbin was not told who called");
      process.exitCode = 1;
    }
  }
  const outcomes = rows.slice(1).map((row) => `${row[3]}/${row[4]}`);
  if (outcomes.join() !== EXPECTED.join()) {
    console.error(`the article says ${EXPECTED.join(", ")}; this run gave ${outcomes.join(", ")}`);
    process.exitCode = 1;
  }
} finally {
  if (!KEEP) symbolon("down");
}
if (process.exitCode !== 1)
  console.log(`What to try next:
  alias symbolon=${relativeToHere("packages/symbolon/bin/symbolon.mjs")}
  symbolon up -f examples/01-first-mesh/mesh.yaml --detach
  symbolon exec deploy/curl -n foo -- curl -s http://httpbin:8000/headers
  symbolon proxy-config secret deploy/httpbin -n foo
  symbolon get pods -A -o wide
  symbolon down`);

function request({ policy, from, to }: Call): string[] {
  const url = `http://httpbin.${to}:8000/ip`;
  const client = hasCurl
    ? ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url]
    : [process.execPath, LAUNCHER, "program", "fetch-url", url];
  const result = symbolon("exec", "deploy/curl", "-n", from, "--", ...client);
  const connection = newestConnection(from, `httpbin.${to}`);
  const refused = result.status !== 0;
  return [
    policy,
    `curl.${from}`,
    `httpbin.${to}`,
    result.stdout.trim(),
    String(result.status),
    refused ? "refused" : (connection?.tlsVersion ?? "plaintext"),
    (!refused && connection?.tlsVersion && connection.localSpiffeId) || "-",
    (!refused && connection?.tlsVersion && connection.peerSpiffeId) || "-",
  ];
}

/** What the application is told of its caller: nothing that the caller could say itself. */
function clientCertSeen(): string {
  const forged = ["-H", "x-forwarded-client-cert: URI=spiffe://cluster.local/ns/foo/sa/admin"];
  const url = "http://httpbin.foo:8000/headers";
  const { stdout } = must(symbolon("exec", "deploy/curl", "-n", "foo", "--", "curl", "-s", ...forged, url));
  const { headers }: { headers: Record<string, string | string[]> } = JSON.parse(stdout);
  const found = Object.entries(headers).find(([name]) => name.toLowerCase() === "x-forwarded-client-cert");
  return String(found?.[1] ?? "");
}

interface ConnectionSummary {
  readonly service?: string;
  readonly tlsVersion?: string;
  readonly localSpiffeId?: string;
  readonly peerSpiffeId?: string;
}

/** What the caller's proxy says about the call that has just been made. */
function newestConnection(namespace: string, service: string): ConnectionSummary | undefined {
  const result = must(symbolon("proxy-config", "connections", "deploy/curl", "-n", namespace, "-o", "json"));
  const connections = JSON.parse(result.stdout) as ConnectionSummary[];
  return connections.findLast((connection) => connection.service?.startsWith(service));
}

function symbolon(...args: string[]) {
  return spawnSync(process.execPath, [LAUNCHER, "--name", MESH, ...args], { encoding: "utf8", cwd: ROOT });
}

function must<R extends { status: number | null; stderr: string; stdout: string }>(result: R): R {
  if (result.status === 0) return result;
  console.error(`${result.stdout}${result.stderr}`.trim());
  process.exit(result.status ?? 1);
}

function say(text: string): void {
  console.log(`${text} …`);
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function relativeToHere(path: string): string {
  return process.cwd() === ROOT ? `$PWD/${path}` : join(ROOT, path);
}
