import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Command, Option } from "commander";
import {
  DEFAULT_DASHBOARD_PORT,
  DEFAULT_SVID_LIFETIME_SECONDS,
  type MeshConfig,
  meshDirectories,
  runInBackground,
  runInForeground,
  type UpOptions,
} from "../../app/index.ts";
import { requireSocketPathLength } from "../../core/index.ts";
import { meshName } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { CommandExit, EXIT } from "../exit-status.ts";

const MAX_SVID_LIFETIME_SECONDS = 90 * 86_400;

const HELP = `
Examples:
  symbolon up -f mesh.yaml                                       run it here; Ctrl-C stops everything
  symbolon up -f manifests/ -R --detach                          a directory, watched for changes, in the background
  symbolon up -f app.yaml --image '*/my-app=node server.js'      what to run in place of an image
  symbolon up -f mesh.yaml --ca-certificates ./cacerts           plug-in CA: ca-cert.pem, ca-key.pem, cert-chain.pem, root-cert.pem
  symbolon up -f mesh.yaml --svid-ttl 20m                        shorter certificates (default 24h, renewed at 75 %)
  symbolon up -f mesh.yaml --workload-socket /run/spiffe/api.sock   the Workload API for programs of other users
  symbolon up -f mesh.yaml --capture explicit                    without namespaces, as on macOS: pods are plain processes

A container's "command" runs as a local process. An image without "command" is looked up in the image map; built in are the
images of Istio's samples (httpbin, go-httpbin, curl, sleep, tcp-echo-server, helloworld).

Explicit capture is for machines that forbid namespaces, and no security boundary (SECURITY.md): programs find their proxy
by http_proxy, https_proxy and NODE_USE_ENV_PROXY (Node from 22.21 on); each Deployment has one replica, and all pods share the machine's ports.`;

interface Flags {
  readonly filename: string[];
  readonly recursive?: boolean;
  readonly namespace: string;
  readonly meshConfig?: string;
  readonly detach?: boolean;
  readonly allowUnenforced?: boolean;
  readonly denialReasons?: boolean;
  readonly jwksAllow: readonly string[];
  readonly svidTtl?: string;
  readonly jwtAlgorithm?: "ES256" | "RS256";
  readonly trustDomain: string;
  readonly caCertificates?: string;
  readonly image: string[];
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly dashboard: boolean;
  readonly dashboardPort?: string;
  readonly workloadSocket?: string;
  readonly fresh?: boolean;
  readonly auditFull: MeshConfig["auditFull"];
  readonly logLevel: MeshConfig["logLevel"];
  readonly capture: UpOptions["capture"];
  readonly accessRecords: boolean;
}

export function addUpCommand(program: Command): void {
  const collect = (value: string, before: string[]): string[] => [...before, value];
  program
    .command("up")
    .description("Start a mesh: run the manifests' pods as local processes, with identity and mutual TLS.")
    .requiredOption(
      "-f, --filename <path>",
      "manifest file or directory; may be repeated; changes are followed",
      collect,
      [],
    )
    .option("-R, --recursive", "read directories of directories, too")
    .option("-n, --namespace <namespace>", "namespace of objects that name none", "default")
    .option("--mesh-config <file>", "Istio's MeshConfig (root namespace, trust domain aliases, path normalization)")
    .option("-d, --detach", "return when every pod is ready, and leave the mesh running")
    .option("--allow-unenforced", "accept objects whose enforcement does not exist yet (they have no effect)")
    .option("--denial-reasons", "tell refused clients the code of the reason, in x-symbolon-reason (for development)")
    .option(
      "--jwks-allow <range>",
      "address range that keys of tokens may be fetched from, although it is loopback, link-local or a metadata service; may be repeated",
      collect,
      [],
    )
    .option("--svid-ttl <duration>", "lifetime of workload certificates, such as 20m or 24h (at most 90d)")
    .addOption(
      new Option("--jwt-algorithm <name>", "how JWT-SVIDs are signed (default: ES256)").choices(["ES256", "RS256"]),
    )
    .option("--trust-domain <name>", "trust domain of every identity", "cluster.local")
    .option("--ca-certificates <directory>", "plug-in CA instead of a self-signed one")
    .option("--image <pattern=command>", "what to run for an image; may be repeated", collect, [])
    .option("--pod-cidr <range>", "addresses of pods", "10.244.0.0/16")
    .option("--service-cidr <range>", "addresses of Services", "10.96.0.0/16")
    .option("--no-dashboard", "do not serve the dashboard's page")
    .option(
      "--dashboard-port <port>",
      `port of the dashboard on loopback (default ${DEFAULT_DASHBOARD_PORT}, or another when it is taken)`,
    )
    .option(
      "--workload-socket <path>",
      "serve the Workload API for processes outside pods here, to every user (default: in the runtime directory, to this user)",
    )
    .option("--fresh", "forget what earlier runs of this mesh left: CA, applied objects, logs; audit logs stay")
    .addOption(
      new Option(
        "--audit-full <choice>",
        "when the audit log cannot be written: refuse what it should record, or go on",
      )
        .choices(["refuse", "degrade"])
        .default("refuse"),
    )
    .option("--no-access-records", 'do not write a line about every request and connection ("symbolon logs --access")')
    .addOption(
      new Option(
        "--capture <how>",
        "how programs' connections come to their proxies: transparent (Linux namespaces), explicit (http_proxy; no security boundary), auto: transparent if this machine allows it",
      )
        .choices(["auto", "transparent", "explicit"])
        .default("auto"),
    )
    .addOption(
      new Option("--log-level <level>", "what processes of the mesh log")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .addHelpText("after", HELP)
    .action(async (flags: Flags, command: Command) => {
      const options = upOptions(flags, command);
      process.exitCode = flags.detach ? await runInBackground(options) : await runInForeground(options);
    });
}

function upOptions(flags: Flags, command: Command): UpOptions {
  // An option that may be repeated has a value from the start: commander does not miss it.
  if (flags.filename.length === 0)
    throw new CommandExit(EXIT.usage, 'error: no manifest given; use "-f FILE" or "-f DIRECTORY"');
  const name = meshName(command);
  const directories = meshDirectories(name, process.env);
  const config: UpOptions["config"] = {
    name,
    stateDirectory: directories.state,
    runtimeDirectory: directories.runtime,
    trustDomain: flags.trustDomain,
    clusterDomain: "cluster.local",
    rootNamespace: "istio-system",
    manifestPaths: flags.filename.map(existingPath),
    recursive: flags.recursive ?? false,
    ...(flags.meshConfig ? { meshConfigPath: existingPath(flags.meshConfig) } : {}),
    defaultNamespace: flags.namespace,
    allowUnenforced: flags.allowUnenforced ?? false,
    denialReasonHeader: flags.denialReasons ?? false,
    ...(flags.jwksAllow.length > 0 ? { keySetRanges: flags.jwksAllow } : {}),
    podCidr: flags.podCidr,
    serviceCidr: flags.serviceCidr,
    svidLifetimeSeconds: flags.svidTtl ? svidLifetime(flags.svidTtl) : DEFAULT_SVID_LIFETIME_SECONDS,
    ...(flags.jwtAlgorithm ? { jwtAlgorithm: flags.jwtAlgorithm } : {}),
    ...(flags.caCertificates ? { caCertificatesDirectory: existingPath(flags.caCertificates) } : {}),
    ...(flags.workloadSocket ? { workloadSocketPath: workloadSocket(flags.workloadSocket) } : {}),
    auditFull: flags.auditFull,
    imageMap: flags.image,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    workingDirectory: process.cwd(),
    logLevel: flags.logLevel,
    accessRecords: flags.accessRecords,
  };
  return {
    config,
    capture: flags.capture,
    fresh: flags.fresh ?? false,
    dashboard: flags.dashboard ? { ...(flags.dashboardPort ? { port: port(flags.dashboardPort) } : {}) } : undefined,
  };
}

/** In a directory that is there: who may enter it is its owner's to say. */
function workloadSocket(text: string): string {
  const path = resolve(text);
  existingPath(dirname(path));
  requireSocketPathLength(path);
  return path;
}

function existingPath(path: string): string {
  if (!existsSync(path)) throw new CommandExit(EXIT.badInput, `error: "${path}" does not exist`);
  return resolve(path);
}

function svidLifetime(text: string): number {
  const seconds = parseDuration("--svid-ttl", text);
  if (seconds < 5 || seconds > MAX_SVID_LIFETIME_SECONDS)
    throw new CommandExit(EXIT.usage, `error: --svid-ttl ${text} is out of range; from 5s to 90d`);
  return seconds;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new CommandExit(EXIT.usage, `error: --dashboard-port "${text}" is not a port from 1 to 65535`);
  return value;
}
