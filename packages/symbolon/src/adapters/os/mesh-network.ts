import { mkdirSync } from "node:fs";
import { productError } from "../../core/index.ts";
import { type Ipv4Range, numberToIpv4 } from "../../mesh/ipv4.ts";
import {
  APPLICATION_ADDRESS,
  APPLICATION_LINK,
  BRIDGE,
  bridgePortName,
  CAPTURE_TABLE,
  LINK_PREFERENCE,
  LINK_PREFIX_LENGTH,
  type PodNamespaces,
  podMacAddress,
  podNamespaces,
  SIDECAR_ADDRESS,
  UNREACHABLE_PREFERENCE,
} from "./pod-addresses.ts";
import { runCommand } from "./run-command.ts";
import { quote } from "./shell-quote.ts";

export interface MeshNetworkOptions {
  readonly namespacesDirectory: string;
  /** The first address behind the network's own is the bridge's. */
  readonly podRange: Ipv4Range;
}

export interface MeshNetwork {
  /** Address of the mesh's own namespace on the bridge. */
  readonly gateway: string;
  namespaces(podUid: string): PodNamespaces;
  /** Makes the bridge and the place where namespaces are kept. Safe to repeat. */
  start(): Promise<void>;
  /** Makes both namespaces of a pod with their links; what was there under this uid or address is replaced. */
  createPod(pod: { readonly uid: string; readonly address: string }): Promise<PodNamespaces>;
  /** Safe to repeat, and on a pod that was made only in part. */
  destroyPod(pod: { readonly uid: string; readonly address: string }): Promise<void>;
}

/**
 * The links of one mesh. To be used by root of the mesh's user namespace, in its network and mount namespaces.
 *
 *   sym0 (bridge) ── eth0 [P: pod address] app0 169.254.1.1/30 ──veth── eth0 169.254.1.2/30 [A: pod address on lo]
 */
export function createMeshNetwork(options: MeshNetworkOptions): MeshNetwork {
  const { namespacesDirectory, podRange } = options;
  const gateway = numberToIpv4(podRange.network + 1);
  const prefixLength = String(podRange.prefixLength);
  const namespaces = (podUid: string) => podNamespaces(namespacesDirectory, podUid);
  return {
    gateway,
    namespaces,
    async start() {
      mkdirSync(namespacesDirectory, { recursive: true, mode: 0o700 });
      await runScript("make the mesh's bridge", startScript(namespacesDirectory, `${gateway}/${prefixLength}`));
    },
    async createPod(pod) {
      const paths = namespaces(pod.uid);
      await runScript(
        `make the network of pod ${pod.uid}`,
        destroyScript(pod.address, paths) + createScript(pod.address, prefixLength, paths),
      );
      return paths;
    },
    async destroyPod(pod) {
      await runScript(`remove the network of pod ${pod.uid}`, destroyScript(pod.address, namespaces(pod.uid)));
    },
  };
}

/** One shell for all steps: what costs time here is starting programs. */
async function runScript(intent: string, script: string): Promise<void> {
  const result = await runCommand(["sh", "-eu"], { stdin: script });
  if (result.status !== 0)
    throw productError("ERR_NETWORK_SETUP", `cannot ${intent}: ${result.stderr.trim() || `status ${result.status}`}`);
}

const NO_IPV6 = `for f in all default; do
  [ ! -e /proc/sys/net/ipv6/conf/$f/disable_ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/$f/disable_ipv6
done`;

/** The bridge's own MAC is set, because it would follow its lowest port's and change with every pod. */
function startScript(directory: string, address: string): string {
  return `
${NO_IPV6}
mountpoint -q ${quote(directory)} || mount -t tmpfs -o mode=700,size=1m symbolon ${quote(directory)}
ip link show ${BRIDGE} >/dev/null 2>&1 || ip link add ${BRIDGE} address 02:00:00:00:00:01 type bridge stp_state 0 forward_delay 0
ip -batch - <<END
link set lo up
addr replace ${address} dev ${BRIDGE}
link set ${BRIDGE} up
END
`;
}

/**
 * What the application may not reach is refused twice. In A, so that connect(2) fails at once: an ICMP answer from P
 * would be rate limited to one a second. In P, behind the captured ports, because that is the side the application's
 * user could not change even with A's root; nothing is forwarded there either (ip_forward stays 0).
 */
function createScript(address: string, prefixLength: string, paths: PodNamespaces): string {
  const port = bridgePortName(address);
  return `
: > ${quote(paths.application)}
: > ${quote(paths.proxy)}
unshare --net=${quote(paths.application)} sh -eu <<'END'
${NO_IPV6}
echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start
END
unshare --net=${quote(paths.proxy)} sh -eu <<'END'
${NO_IPV6}
ip -batch - <<BATCH
rule add pref ${UNREACHABLE_PREFERENCE} iif ${APPLICATION_LINK} unreachable
route add local default dev lo table ${CAPTURE_TABLE}
link set lo up
link add eth0 address ${podMacAddress(address)} type veth peer name ${port} netns /proc/1/ns/net
link add ${APPLICATION_LINK} type veth peer name eth0 netns ${quote(paths.application)}
addr add ${address}/${prefixLength} dev eth0
addr add ${SIDECAR_ADDRESS}/${LINK_PREFIX_LENGTH} dev ${APPLICATION_LINK}
link set eth0 up
link set ${APPLICATION_LINK} up
BATCH
END
nsenter --net=${quote(paths.application)} ip -batch - <<END
rule add pref ${LINK_PREFERENCE} to ${SIDECAR_ADDRESS}/${LINK_PREFIX_LENGTH} lookup main
rule add pref ${UNREACHABLE_PREFERENCE} unreachable
link set lo up
addr add ${address}/32 dev lo
addr add ${APPLICATION_ADDRESS}/${LINK_PREFIX_LENGTH} dev eth0
link set eth0 up
route add default via ${SIDECAR_ADDRESS}
END
ip link set ${port} master ${BRIDGE} up
`;
}

/**
 * The link goes first: it is what holds the address. A namespace may outlive its file for a moment, while a process is
 * still in it, but has no way out any more.
 */
function destroyScript(address: string, paths: PodNamespaces): string {
  const port = bridgePortName(address);
  const removals = [paths.proxy, paths.application].map(
    (path) => `if [ -e ${quote(path)} ]; then umount -l ${quote(path)} 2>/dev/null || :; rm -f ${quote(path)}; fi`,
  );
  return `
! ip link show ${port} >/dev/null 2>&1 || ip link del ${port}
${removals.join("\n")}
`;
}
