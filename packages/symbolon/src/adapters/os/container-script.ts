import { join } from "node:path";
import { podLayout } from "./pod-directory.ts";
import { SYSTEM_PATH } from "./run-command.ts";
import { quote } from "./shell-quote.ts";

export interface ContainerScriptOptions {
  readonly podDirectory: string;
  readonly podName: string;
  readonly namespacesDirectory: string;
  /** Directories of the mesh that the application must not see. */
  readonly hiddenDirectories: readonly string[];
  /** Whom the application runs as: the user who started the mesh. */
  readonly uid: number;
  readonly gid: number;
  readonly argumentCount: number;
  readonly variableCount: number;
}

/** Descriptor on which the setup says what went wrong, or that the command is about to be executed. */
export const SETUP_DESCRIPTOR = 3;
export const SETUP_DONE = "container is set up";

const WORKLOAD_SOCKETS = "workload-spiffe-uds";

/** Where a container finds the Workload API; Istio's path. */
export const CONTAINER_WORKLOAD_SOCKET = `/var/run/secrets/${WORKLOAD_SOCKETS}/socket`;

/**
 * What PID 1 of a container does before it becomes the application: it arranges the mount namespace as root of the
 * mesh, then enters a nested user namespace in which it is an ordinary user without capabilities. Mounts made before
 * that belong to the outer user namespace: the application can neither undo nor uncover them.
 */
export function containerScript(options: ContainerScriptOptions): string {
  const { podDirectory, podName, namespacesDirectory, hiddenDirectories, uid, gid } = options;
  const layout = podLayout(podDirectory);
  const stage = quote(layout.stage);
  const secrets = quote(join(layout.stage, "secrets"));
  return `PATH=${SYSTEM_PATH}; export PATH; unset LD_PRELOAD LD_LIBRARY_PATH
exec 4>&2 2>&${SETUP_DESCRIPTOR}
umask 022
mount -t proc -o nosuid,nodev,noexec proc /proc
${uid === 0 ? PROTECT_PROC : ""}
if command -v hostname >/dev/null; then hostname ${quote(podName.slice(0, 63))}; fi

mount -t tmpfs -o mode=755,nosuid,nodev,size=64m run ${stage}
mkdir -p ${secrets}/istio ${secrets}/tokens ${secrets}/kubernetes.io/serviceaccount ${secrets}/${WORKLOAD_SOCKETS} ${stage}/lock
mount -o bind,ro ${quote(layout.istioSecrets)} ${secrets}/istio
mount -o bind,ro ${quote(layout.tokens)} ${secrets}/tokens
mount -o bind,ro ${quote(layout.serviceAccount)} ${secrets}/kubernetes.io/serviceaccount
mount -o bind,ro ${quote(layout.workloadSocketDirectory)} ${secrets}/${WORKLOAD_SOCKETS}

cover() {
  target=$(readlink -f "$2" || echo "$2")
  case $target in
    /run/*|/var/run/*) target=${stage}/\${target#*run/}; mkdir -p "\${target%/*}"; cp "$1" "$target" ;;
    *) if [ ! -e "$target" ]; then echo "this machine has no $2; create an empty one" >&2; exit 1; fi
       mount -o bind,ro "$1" "$target" ;;
  esac
}
cover ${quote(layout.resolvConf)} /etc/resolv.conf
cover ${quote(layout.hosts)} /etc/hosts
if [ -e /etc/nsswitch.conf ]; then cover ${quote(layout.nsswitchConf)} /etc/nsswitch.conf; fi

if mountpoint -q ${quote(namespacesDirectory)}; then umount -l ${quote(namespacesDirectory)}; fi
mount --rbind ${stage} /run
if [ ! -L /var/run ]; then mount --rbind ${stage} /var/run; fi
if mountpoint -q ${stage}; then umount -l ${stage}; fi
${hiddenDirectories.map(hide).join("\n")}

exec 2>&4 4>&-
exec unshare --user --map-user=${uid} --map-group=${gid} --keep-caps -- setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- /bin/sh -c ${quote(finalCommand(options))}
`;
}

/** Without capabilities, but owned by the machine's root, it could still write to /proc/sys. */
const PROTECT_PROC = `for f in sys sysrq-trigger irq bus; do
  if [ -e /proc/$f ]; then mount --bind /proc/$f /proc/$f; mount -o remount,bind,ro /proc/$f; fi
done`;

function hide(directory: string): string {
  const path = quote(directory);
  return `if [ -d ${path} ]; then mount -t tmpfs -o mode=555,ro,nosuid,nodev,noexec,size=4k hidden ${path}; fi`;
}

/**
 * The application's environment and arguments travel as variables of our own: its LD_PRELOAD must not act on the
 * programs above, which are root of the mesh, and its values must not show in the process list.
 */
export function finalCommand(counts: {
  readonly argumentCount: number;
  readonly variableCount: number;
  readonly announce?: boolean;
}): string {
  const words = [
    ...Array.from({ length: counts.variableCount }, (_, index) => `"$SYMBOLON_VARIABLE_${index}"`),
    ...Array.from({ length: counts.argumentCount }, (_, index) => `"$SYMBOLON_ARGUMENT_${index}"`),
  ];
  const announce = counts.announce === false ? "" : `echo '${SETUP_DONE}' >&${SETUP_DESCRIPTOR}; `;
  const close = counts.announce === false ? "" : ` ${SETUP_DESCRIPTOR}>&-`;
  const complain = counts.announce === false ? "" : ` 2>&${SETUP_DESCRIPTOR}`;
  return `cd "$SYMBOLON_DIRECTORY"${complain} || exit 126; ${announce}exec env -i ${words.join(" ")}${close}`;
}

export interface FinalCommandInput {
  readonly environment: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
  readonly workingDirectory: string;
}

/** The variables that `finalCommand` reads. */
export function finalCommandVariables(input: FinalCommandInput): Record<string, string> {
  const variables: Record<string, string> = { SYMBOLON_DIRECTORY: input.workingDirectory };
  Object.entries(input.environment).forEach(([name, value], index) => {
    variables[`SYMBOLON_VARIABLE_${index}`] = `${name}=${value}`;
  });
  input.argv.forEach((argument, index) => {
    variables[`SYMBOLON_ARGUMENT_${index}`] = argument;
  });
  return variables;
}
