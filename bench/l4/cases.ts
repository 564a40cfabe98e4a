import type { Case } from "../harness/compare.ts";
import { TCP } from "../harness/traffic.ts";

/** Small messages over streams that live long. */
export const L4_CASES: readonly Case[] = [
  {
    name: "L4 small messages",
    unit: "round trips",
    side: "pair",
    load: { connections: 64, exchange: { upload: 0, download: 128 }, newConnections: false },
    ours: TCP,
    peers: {
      nginx: { traffic: TCP, target: 1 },
      haproxy: { traffic: TCP, target: 1 },
      envoy: { traffic: TCP, target: 1.2 },
    },
  },
];
