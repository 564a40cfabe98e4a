import type { Case } from "../harness/compare.ts";
import { TCP } from "../harness/traffic.ts";
import type { KeyGroup } from "../pairs/pair.ts";

const load = { connections: 16, exchange: { upload: 0, download: 128 }, newConnections: true };

function newConnections(side: Case["side"], group: KeyGroup): Case {
  const traffic = { ...TCP, group };
  const peer = { traffic, target: 1 };
  return {
    name: `new mTLS connections, ${side === "pair" ? "pair" : "server side"}, ${group}`,
    unit: "connections",
    side,
    load,
    ours: traffic,
    peers: { nginx: peer, haproxy: peer, envoy: peer },
  };
}

/** A stream, one message there and back, and its end: a full handshake each. */
export const CONN_CASES: readonly Case[] = [
  newConnections("pair", "X25519"),
  newConnections("server", "X25519"),
  newConnections("pair", "X25519MLKEM768"),
];
