import { join } from "node:path";

/** Link between a pod's two network namespaces; the same in every pod (runtime-facts §4.1). */
export const SIDECAR_ADDRESS = "169.254.1.1";
export const APPLICATION_ADDRESS = "169.254.1.2";
export const LINK_PREFIX_LENGTH = 30;

/** Interface of the proxy's namespace that leads to the application. */
export const APPLICATION_LINK = "app0";
export const BRIDGE = "sym0";

/** Routing table that delivers every address to this machine: what a captured connection is looked up in. */
export const CAPTURE_TABLE = 100;

/** `ip rule` preferences in both namespaces: captured ports, then the link itself (A only), then nothing more. */
export const CAPTURE_PREFERENCE = 100;
export const LINK_PREFERENCE = 110;
export const UNREACHABLE_PREFERENCE = 200;

export interface PodNamespaces {
  /** P: the sidecar's. */
  readonly proxy: string;
  /** A: the application's. */
  readonly application: string;
}

export function podNamespaces(namespacesDirectory: string, podUid: string): PodNamespaces {
  return { proxy: join(namespacesDirectory, `${podUid}.p`), application: join(namespacesDirectory, `${podUid}.a`) };
}

/** Name of a pod's interface in the mesh's namespace (at most 15 characters), from its address. */
export function bridgePortName(address: string): string {
  return `v${addressHex(address)}`;
}

/**
 * Locally administered MAC address made of the IPv4 address: a pod that gets a deleted pod's address gets its MAC as
 * well, so that no neighbour keeps an entry that leads nowhere.
 */
export function podMacAddress(address: string): string {
  return `02:00:${addressHex(address).replace(/(..)(?=.)/g, "$1:")}`;
}

function addressHex(address: string): string {
  return address
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("");
}
