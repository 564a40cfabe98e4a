import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { type MeshPaths, meshPaths, productError } from "../core/index.ts";
import type { LogLevel } from "./log.ts";

/**
 * Everything the processes of one mesh are told at their start. JSON-safe: the launcher hands it to the supervisor,
 * the supervisor to the others, as one argument. Holds no secret.
 */
export interface MeshConfig {
  readonly name: string;
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly rootNamespace: string;
  /** Manifest files and directories that are read and watched; absolute. */
  readonly manifestPaths: readonly string[];
  readonly recursive: boolean;
  /** File with a bare MeshConfig of Istio's, read and watched like the manifests; absolute. */
  readonly meshConfigPath?: string;
  /** Namespace of objects that name none. */
  readonly defaultNamespace: string;
  readonly allowUnenforced: boolean;
  /** Whoever a policy refuses is told the stable code of the reason, in `x-symbolon-reason`. */
  readonly denialReasonHeader: boolean;
  /** Address ranges that keys may be fetched from although they are refused otherwise; absent: none. */
  readonly keySetRanges?: readonly string[];
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly svidLifetimeSeconds: number;
  /** How JWT-SVIDs are signed; ES256 if absent. */
  readonly jwtAlgorithm?: "ES256" | "RS256";
  /** Directory of a plug-in CA's four files; absent: self-signed. */
  readonly caCertificatesDirectory?: string;
  /** What happens when the audit log cannot be written: nothing that needs a line, or go on with lines in memory. */
  readonly auditFull: "refuse" | "degrade";
  /** `PATTERN=COMMAND ARGUMENTS`, looked at in order before the built-in image map. */
  readonly imageMap: readonly string[];
  /** The user who started the mesh, as the host knows him. */
  readonly uid: number;
  readonly gid: number;
  /** Where containers without `workingDir` start. */
  readonly workingDirectory: string;
  readonly logLevel: LogLevel;
  readonly capture: CaptureConfig;
  /** Where processes outside pods find the Workload API, open to every user; absent: in the runtime directory, for the mesh's own user. */
  readonly workloadSocketPath?: string;
  /** Each proxy writes a line about every request and connection. */
  readonly accessRecords: boolean;
}

export type CaptureMode = "transparent" | "explicit";

/** How connections of applications come to their proxies. */
export interface CaptureConfig {
  readonly mode: CaptureMode;
  /** Why it is this one. */
  readonly reason: string;
  /** Where the CA listens. */
  readonly ca: { readonly host: string; readonly port: number };
}

/** Environment variable whose value encrypts the CA's key at rest; only the control plane gets it. */
export const PASSPHRASE_VARIABLE = "SYMBOLON_CA_PASSPHRASE";
export const DEFAULT_MESH_NAME = "default";
export const DEFAULT_SVID_LIFETIME_SECONDS = 24 * 3600;

const MESH_NAME = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/;

/** XDG directories of one mesh: state survives, runtime goes with the mesh. */
export function meshDirectories(name: string, env: NodeJS.ProcessEnv): { state: string; runtime: string } {
  if (!MESH_NAME.test(name))
    throw productError(
      "ERR_CONFIG_INVALID",
      `mesh name "${name}" is not usable: lower-case letters, digits and "-", at most 32, such as "default"`,
    );
  const stateHome = absolute(env.XDG_STATE_HOME) ?? join(env.HOME ?? homedir(), ".local", "state");
  const runtimeHome = absolute(env.XDG_RUNTIME_DIR) ?? join("/tmp", `symbolon-${userInfo().uid}`);
  const runtimeBase = absolute(env.XDG_RUNTIME_DIR) ? join(runtimeHome, "symbolon") : runtimeHome;
  return { state: join(stateHome, "symbolon", name), runtime: join(runtimeBase, name) };
}

/** What is known of a mesh by its name alone. */
export type ChosenMesh = Pick<MeshConfig, "name" | "stateDirectory" | "runtimeDirectory">;

export function chosenMesh(name: string, env: NodeJS.ProcessEnv): ChosenMesh {
  const { state, runtime } = meshDirectories(name, env);
  return { name, stateDirectory: state, runtimeDirectory: runtime };
}

export function pathsOf(config: Omit<ChosenMesh, "name">): MeshPaths {
  return meshPaths({ state: config.stateDirectory, runtime: config.runtimeDirectory });
}

/** XDG: a relative path is to be ignored. */
function absolute(path: string | undefined): string | undefined {
  return path?.startsWith("/") ? path : undefined;
}

/** Where processes outside pods find the Workload API. */
export function workloadSocketOf(
  config: Pick<MeshConfig, "stateDirectory" | "runtimeDirectory" | "workloadSocketPath">,
): string {
  return config.workloadSocketPath ?? pathsOf(config).workloadSocket;
}
