import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const ROOT = resolve(import.meta.dir, "../..");
export const SAMPLES = resolve(ROOT, "../shared/vectors/istio-samples/samples");
export const CLI = join(ROOT, "packages/symbolon/bin/symbolon.ts");

export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A mesh of its own directories, driven through the command line as a user would. */
export interface MeshUnderTest {
  readonly directory: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  symbolon(...args: readonly string[]): CommandResult;
  /** Writes the text as a manifest file and applies it; fails unless the command succeeds. */
  apply(yaml: string): void;
  exec(deployment: string, namespace: string, ...command: readonly string[]): CommandResult;
  /** curl inside a pod: HTTP code and exit status, such as "200/0" or "000/56". */
  curl(from: string, url: string, ...options: readonly string[]): string;
  /** Newest connection that the proxy of a deployment's pod has recorded. */
  connections(deployment: string, namespace: string): readonly ConnectionRow[];
  objects(kind: string, namespace?: string): readonly KubernetesObject[];
  /** Host process ids whose command line holds all the words. */
  processes(...words: readonly string[]): readonly number[];
  down(): CommandResult;
}

export interface ConnectionRow {
  readonly direction: string;
  readonly open: boolean;
  readonly service?: string;
  readonly security: string;
  readonly reason?: string;
  readonly tlsVersion?: string;
  readonly localSpiffeId?: string;
  readonly peerSpiffeId?: string;
  readonly peerSerial?: string;
  readonly expectedSpiffeIds?: readonly string[];
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface KubernetesObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: Record<string, unknown>;
  readonly status: {
    readonly podIP?: string;
    readonly phase?: string;
    readonly conditions?: readonly { type: string; status: string }[];
  };
}

/** Starts a mesh and waits until every pod is ready. */
export function startMesh(yaml: string, ...options: readonly string[]): MeshUnderTest {
  const mesh = prepareMesh();
  const manifest = join(mesh.directory, "mesh.yaml");
  writeFileSync(manifest, yaml);
  succeed(mesh.symbolon("up", "--detach", "--no-dashboard", "-f", manifest, ...options));
  return mesh;
}

/**
 * A mesh that has not been started: directories and command line only.
 * @param command what runs `symbolon`; the sources, if absent
 */
export function prepareMesh(command: readonly [string, ...string[]] = [process.execPath, CLI]): MeshUnderTest {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-test-"));
  const symbolon = (...args: readonly string[]): CommandResult => {
    const env = {
      ...process.env,
      XDG_STATE_HOME: join(directory, "state"),
      XDG_RUNTIME_DIR: join(directory, "run"),
      NO_COLOR: "1",
    };
    const [program, ...before] = command;
    const result = spawnSync(program, [...before, ...args], {
      encoding: "utf8",
      env,
      cwd: directory,
      maxBuffer: 64 << 20,
    });
    return { status: result.status ?? 128, stdout: result.stdout, stderr: result.stderr };
  };
  const exec = (deployment: string, namespace: string, ...command: readonly string[]) =>
    symbolon("exec", `deploy/${deployment}`, "-n", namespace, "--", ...command);
  return {
    directory,
    stateDirectory: join(directory, "state/symbolon/default"),
    runtimeDirectory: join(directory, "run/symbolon/default"),
    symbolon,
    exec,
    apply(yaml) {
      const file = join(directory, `apply-${readdirSync(directory).length}.yaml`);
      writeFileSync(file, yaml);
      succeed(symbolon("apply", "-f", file));
    },
    curl(from, url, ...options) {
      const result = exec("curl", from, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", ...options, url);
      return `${result.stdout.trim()}/${result.status}`;
    },
    connections(deployment, namespace) {
      const result = succeed(
        symbolon("proxy-config", "connections", `deploy/${deployment}`, "-n", namespace, "-o", "json"),
      );
      return JSON.parse(result.stdout) as ConnectionRow[];
    },
    objects(kind, namespace) {
      const where = namespace ? ["-n", namespace] : ["-A"];
      return (
        JSON.parse(succeed(symbolon("get", kind, ...where, "-o", "json")).stdout) as { items: KubernetesObject[] }
      ).items;
    },
    processes: (...words) =>
      hostProcesses(
        (commandLine) => commandLine.includes(directory) && words.every((word) => commandLine.includes(word)),
      ),
    down() {
      const result = symbolon("down");
      rmSync(directory, { recursive: true, force: true });
      return result;
    },
  };
}

export function succeed(result: CommandResult): CommandResult {
  if (result.status !== 0) throw new Error(`status ${result.status}\n${result.stdout}${result.stderr}`);
  return result;
}

/** Asks again until the answer satisfies; a condition that never comes true fails with the last answer. */
export async function eventually<T>(
  what: string,
  ask: () => T | Promise<T>,
  satisfied: (answer: T) => boolean,
  withinSeconds = 30,
): Promise<T> {
  const deadline = performance.now() + withinSeconds * 1000;
  for (;;) {
    const answer = await ask();
    if (satisfied(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`${what} did not come true within ${withinSeconds} s; last seen: ${JSON.stringify(answer)}`);
    await Bun.sleep(100);
  }
}

/** Why a scenario cannot run here, or undefined. Printed, so that a skip never goes unnoticed. */
export function missing(...programs: readonly string[]): string | undefined {
  if (process.platform !== "linux") return skip("needs Linux");
  if (spawnSync("unshare", ["--user", "--map-root-user", "--net", "--pid", "--fork", "true"]).status !== 0)
    return skip("needs unprivileged user namespaces");
  const absent = programs.filter((program) => !Bun.which(program));
  return absent.length > 0 ? skip(`needs ${absent.join(", ")}`) : undefined;
}

function skip(reason: string): string {
  console.error(`skipped: ${reason}`);
  return reason;
}

export function hostProcesses(matches: (commandLine: string) => boolean): readonly number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => {
      try {
        return matches(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
      } catch {
        return false;
      }
    });
}

export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+) kB/m)?.[1] ?? 0) * 1024;
}

/** A long command inside a pod, in the background. */
export function execInBackground(
  mesh: MeshUnderTest,
  deployment: string,
  namespace: string,
  ...command: readonly string[]
) {
  const env = {
    ...process.env,
    XDG_STATE_HOME: join(mesh.directory, "state"),
    XDG_RUNTIME_DIR: join(mesh.directory, "run"),
  };
  const child = spawn(process.execPath, [CLI, "exec", `deploy/${deployment}`, "-n", namespace, "--", ...command], {
    env,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const result = new Promise<CommandResult>((done) =>
    child.on("close", (status) => done({ status: status ?? 128, stdout, stderr })),
  );
  return { result, kill: () => child.kill("SIGKILL") };
}

/** Manifests of a Deployment with its ServiceAccount and, when it has a port, its Service. */
export function deployment(options: {
  readonly name: string;
  readonly namespace: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly port?: number;
  readonly servicePort?: number;
  readonly portName?: string;
  readonly replicas?: number;
  readonly app?: string;
  readonly extraPorts?: readonly number[];
}): string {
  const { name, namespace, app = name } = options;
  const metadata = { name, namespace };
  const container = {
    name,
    image: options.image ?? "example.org/own-command",
    ...(options.command ? { command: options.command } : {}),
    ...(options.args ? { args: options.args } : {}),
    ports: [options.port, ...(options.extraPorts ?? [])]
      .filter((port) => port !== undefined)
      .map((containerPort) => ({ containerPort })),
    // Ready means that the program listens, not only that it has been started.
    ...(options.port ? { readinessProbe: { tcpSocket: { port: options.port }, periodSeconds: 1 } } : {}),
  };
  const objects: unknown[] = [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata,
      spec: {
        replicas: options.replicas ?? 1,
        selector: { matchLabels: { deployment: name } },
        template: {
          metadata: { labels: { deployment: name, app } },
          spec: { serviceAccountName: name, containers: [container] },
        },
      },
    },
  ];
  if (options.port)
    objects.push({
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: app, namespace },
      spec: {
        selector: { app },
        ports: [
          { name: options.portName ?? "http", port: options.servicePort ?? options.port, targetPort: options.port },
        ],
      },
    });
  return objects.map((object) => `---\n${JSON.stringify(object)}\n`).join("");
}

export function namespace(name: string, injection = false): string {
  return `---\n${JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: injection ? { "istio-injection": "enabled" } : {} } })}\n`;
}

export function peerAuthentication(name: string, ns: string, spec: unknown): string {
  return `---\n${JSON.stringify({ apiVersion: "security.istio.io/v1", kind: "PeerAuthentication", metadata: { name, namespace: ns }, spec })}\n`;
}

export const HTTPBIN_IMAGE = "docker.io/mccutchen/go-httpbin:v2.15.0";
export const CURL_IMAGE = "docker.io/curlimages/curl:8.16.0";

/** The article's two namespaces: foo with sidecars, bar without; httpbin (8000 → 8080) and curl in each. */
export const TWO_NAMESPACES = ["foo", "bar"]
  .map(
    (ns) =>
      namespace(ns, ns === "foo") +
      deployment({ name: "httpbin", namespace: ns, image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
      deployment({ name: "curl", namespace: ns, image: CURL_IMAGE }),
  )
  .join("");

export function fileExists(path: string): boolean {
  return existsSync(path);
}
