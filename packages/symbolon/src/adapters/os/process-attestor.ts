import { errorText, systemClock } from "@symbolon/spiffe/core";
import type { ProcessAttestor, Selector, WorkloadPeer } from "../../agent/index.ts";
import { productError } from "../../core/index.ts";
import { type AccountNames, accountNames } from "./account-names.ts";
import { controlGroupFacts } from "./control-groups.ts";
import { isDarwin } from "./darwin.ts";
import { createExecutableReader, type ExecutableReader } from "./process-executable.ts";
import { type ProcessAccount, processAccount, processControlGroups, processStartTicks } from "./process-stat.ts";
import { unitFile } from "./unit-files.ts";

export interface ProcessAttestorOptions {
  /** Larger programs get no `unix:sha256` (SPIRE's `workload_size_limit`). */
  readonly maxExecutableBytes?: number;
  readonly names?: AccountNames;
}

/** Facts about a process, and what could not be found out, each with its reason. */
export interface ProcessFacts {
  readonly selectors: readonly Selector[];
  /** `unix:path` to why there is none. */
  readonly unknown: ReadonlyMap<string, string>;
}

export interface ExplainingProcessAttestor extends ProcessAttestor {
  /** The same facts as `attest`, the program's digest always with them. @throws ERR_WORKLOAD_ATTESTATION */
  examine(peer: WorkloadPeer): Promise<ProcessFacts>;
}

const DEFAULT_MAX_EXECUTABLE_BYTES = 512 * 1024 * 1024;

/**
 * Asks the kernel and the system's files (spiffe.md §5.2): `unix:` uid, user, gid, group, supplementary_gid,
 * supplementary_group, path, sha256; `systemd:` id, fragment_path; `container:id`.
 */
export function createProcessAttestor(options: ProcessAttestorOptions = {}): ExplainingProcessAttestor {
  const names = options.names ?? accountNames;
  const maxBytes = options.maxExecutableBytes ?? DEFAULT_MAX_EXECUTABLE_BYTES;
  const executables = createExecutableReader({ maxBytes, now: () => systemClock.now().getTime() });

  const look = async (peer: WorkloadPeer) => {
    const account = accountOf(peer);
    const groups = processControlGroups(peer.pid) ?? "";
    const { path, whyNoPath, sha256 } = programOf(executables, peer.pid);
    const selectors = [
      ...(await accountSelectors(account, names)),
      ...(path === undefined ? [] : [unix("path", path)]),
      ...controlGroupSelectors(groups),
    ];
    // What was read must all have been about the one process that connected, as the user that it was then.
    accountOf(peer);
    if ((processControlGroups(peer.pid) ?? "") !== groups)
      throw refused(peer, "moved to another control group meanwhile");
    const programDigest = async (): Promise<Selector> => {
      const digest = unix("sha256", await sha256());
      accountOf(peer);
      return digest;
    };
    return { selectors, whyNoPath, programDigest };
  };

  return {
    async attest(peer) {
      const { selectors, programDigest } = await look(peer);
      return { selectors, programDigest };
    },
    async examine(peer) {
      const { selectors, whyNoPath, programDigest } = await look(peer);
      const unknown = new Map(whyNoPath === undefined ? [] : [["unix:path", whyNoPath]]);
      const digest = await programDigest().catch((error: unknown) => {
        unknown.set("unix:sha256", errorText(error));
      });
      accountOf(peer);
      return { selectors: digest ? [...selectors, digest] : selectors, unknown };
    },
  };
}

interface Program {
  readonly path?: string;
  readonly whyNoPath?: string;
  sha256(): Promise<string>;
}

/** Of a program that may not be looked at nothing is known; everything else about its process still is. */
function programOf(executables: ExecutableReader, pid: number): Program {
  try {
    const { path, sha256 } = executables.read(pid);
    if (path !== undefined) return { path, sha256 };
    return { whyNoPath: "the file of that name is another one here: replaced, or of another mount namespace", sha256 };
  } catch (error) {
    return { whyNoPath: errorText(error), sha256: () => Promise.reject(error) };
  }
}

/**
 * The kernel noted the user at connect(2). A process that acts for another one now has executed a program with the set-uid
 * bit: what it holds open belongs to whoever started it.
 */
function accountOf(peer: WorkloadPeer): ProcessAccount {
  const account = peer.isAlive() ? currentAccount(peer) : undefined;
  if (account === undefined || processStartTicks(peer.pid) !== peer.startTicks) throw refused(peer, "has ended");
  if (account.uid !== peer.uid || account.gid !== peer.gid)
    throw refused(
      peer,
      `connected as user ${peer.uid}, group ${peer.gid} and is now user ${account.uid}, group ${account.gid}`,
    );
  return account;
}

/** macOS shows no more of a process than who connected. */
function currentAccount({ pid, uid, gid }: WorkloadPeer): ProcessAccount | undefined {
  return isDarwin() ? { uid, gid, supplementaryGids: [] } : processAccount(pid);
}

async function accountSelectors(account: ProcessAccount, names: AccountNames): Promise<readonly Selector[]> {
  const { uid, gid, supplementaryGids } = account;
  const named = async (key: string, nameKey: string, id: number, name: Promise<string | undefined>) => {
    const known = await name;
    return [unix(key, `${id}`), ...(known === undefined ? [] : [unix(nameKey, known)])];
  };
  return [
    ...(await named("uid", "user", uid, names.user(uid))),
    ...(await named("gid", "group", gid, names.group(gid))),
    ...(
      await Promise.all(
        [...new Set(supplementaryGids)].map((id) =>
          named("supplementary_gid", "supplementary_group", id, names.group(id)),
        ),
      )
    ).flat(),
  ];
}

function controlGroupSelectors(text: string): readonly Selector[] {
  const { unit, containerId, rootlessContainerId } = controlGroupFacts(text);
  const fragment = unit === undefined ? undefined : unitFile(unit);
  return [
    ...(unit === undefined ? [] : [{ type: "systemd", value: `id:${unit}` }]),
    ...(fragment === undefined ? [] : [{ type: "systemd", value: `fragment_path:${fragment}` }]),
    ...(containerId === undefined ? [] : [{ type: "container", value: `id:${containerId}` }]),
    ...(rootlessContainerId === undefined ? [] : [{ type: "container", value: `rootless_id:${rootlessContainerId}` }]),
  ];
}

function unix(key: string, value: string): Selector {
  return { type: "unix", value: `${key}:${value}` };
}

function refused(peer: WorkloadPeer, why: string) {
  return productError("ERR_WORKLOAD_ATTESTATION", `process ${peer.pid} ${why}`);
}
