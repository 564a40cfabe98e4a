import { existsSync, readFileSync } from "node:fs";
import { productError } from "../../core/index.ts";
import { SUPERVISOR_NAMESPACES } from "./launch-supervisor.ts";
import { runCommand, systemProgram } from "./run-command.ts";

/** What transparent capture needs of a machine, behind functions that a test can answer. */
export interface NamespaceProbes {
  /** As `process.platform`. */
  readonly platform: string;
  /** Value of a file below /proc/sys, trimmed; `undefined` when there is none. */
  sysctl(path: string): string | undefined;
  hasProgram(name: string): boolean;
  /** Runs `script` as root of new namespaces; the error text when that failed. */
  tryNamespaces(script: string): Promise<string | undefined>;
  /** Something that looks as if this were a container: a marker file, or a seccomp filter on PID 1. */
  inContainer(): boolean;
  isRoot(): boolean;
}

/** Program → Debian package. */
const PROGRAMS: Readonly<Record<string, string>> = {
  ip: "iproute2",
  mount: "mount",
  mountpoint: "util-linux",
  nsenter: "util-linux",
  setpriv: "util-linux",
  umount: "mount",
  unshare: "util-linux",
};

/** All that a mesh does first, in namespaces that end with the script. */
const TRIAL = `ip link add symbolon0 type bridge
ip link add va type veth peer name vb
ip rule add pref 200 ipproto tcp dport 80 unreachable
mount -t tmpfs tmpfs /mnt
mount -t proc proc /proc`;

const SYSTEMS: Readonly<Record<string, string>> = { darwin: "macOS", win32: "Windows" };

/** Throws one message that names what forbids transparent capture on this machine, and what to do. */
export async function requireNamespaceSupport(probes: NamespaceProbes = machineProbes): Promise<void> {
  if (probes.platform !== "linux")
    throw productError(
      "ERR_NAMESPACES_FORBIDDEN",
      `transparent capture needs Linux's network namespaces, and this machine runs ${SYSTEMS[probes.platform] ?? probes.platform}`,
    );
  const missing = Object.keys(PROGRAMS).filter((program) => !probes.hasProgram(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((program) => PROGRAMS[program]))].join(" ");
    throw productError(
      "ERR_PROGRAM_MISSING",
      `transparent capture needs ${missing.map((name) => `"${name}"`).join(", ")}, not found on this machine; on Debian and Ubuntu: apt install ${packages}`,
    );
  }
  const failure = await probes.tryNamespaces(TRIAL);
  if (failure === undefined) return;
  throw productError(
    "ERR_NAMESPACES_FORBIDDEN",
    `this machine forbids the namespaces that transparent capture needs: ${explain(probes, failure)}`,
    {
      details: { failure },
    },
  );
}

function explain(probes: NamespaceProbes, failure: string): string {
  const { sysctl } = probes;
  if (sysctl("user/max_user_namespaces") === "0")
    return "user.max_user_namespaces is 0; run: sudo sysctl -w user.max_user_namespaces=15000";
  if (sysctl("user/max_net_namespaces") === "0")
    return "user.max_net_namespaces is 0; run: sudo sysctl -w user.max_net_namespaces=15000";
  if (!probes.isRoot() && sysctl("kernel/unprivileged_userns_clone") === "0")
    return "kernel.unprivileged_userns_clone is 0; run: sudo sysctl -w kernel.unprivileged_userns_clone=1";
  if (!probes.isRoot() && Number(sysctl("kernel/apparmor_restrict_unprivileged_userns") ?? "0") > 0)
    return "kernel.apparmor_restrict_unprivileged_userns is 1 (Ubuntu 23.10 and later); run: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run symbolon with sudo";
  if (/Unknown device type|not supported/i.test(failure))
    return `the kernel lacks bridge or veth interfaces (${failure}); run: sudo modprobe -a bridge veth`;
  if (probes.inContainer())
    return `it is a container whose seccomp filter, AppArmor profile or masked /proc refuses them (${failure}); start it with: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`;
  return `the kernel answered "${failure}"; ask who runs this machine for unprivileged user namespaces, or run symbolon as root`;
}

export const machineProbes: NamespaceProbes = {
  platform: process.platform,
  sysctl: (path) => textOf(`/proc/sys/${path}`),
  hasProgram: (name) => systemProgram(name) !== undefined,
  async tryNamespaces(script) {
    const { status, stderr } = await runCommand(["unshare", ...SUPERVISOR_NAMESPACES, "--", "sh", "-eu"], {
      stdin: script,
    });
    return status === 0 ? undefined : stderr.trim().split("\n").at(-1) || `status ${status}`;
  },
  inContainer: () =>
    existsSync("/.dockerenv") ||
    existsSync("/run/.containerenv") ||
    /(docker|kubepods|containerd|lxc)/.test(textOf("/proc/1/cgroup") ?? "") ||
    /^Seccomp:\s*2$/m.test(textOf("/proc/1/status") ?? ""),
  isRoot: () => process.geteuid?.() === 0,
};

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
