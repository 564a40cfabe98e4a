import type { PeerTarget } from "./route-destination.ts";

interface TargetNames {
  /** `address:port` */
  readonly endpoint: string;
  /** Connections that may serve each other's requests have the same. */
  readonly pool: string;
}

/** A target is made once and has many requests: its texts are as well. */
const names = new WeakMap<PeerTarget, TargetNames>();

export function targetNames(target: PeerTarget): TargetNames {
  const known = names.get(target);
  if (known) return known;
  const { address, port, security } = target;
  const endpoint = `${address}:${port}`;
  const made = { endpoint, pool: security.kind === "mtls" ? `${endpoint} as ${security.serverName}` : endpoint };
  names.set(target, made);
  return made;
}
