import type { Case } from "../harness/compare.ts";
import { HTTP, HTTP_WITH_EVERYTHING } from "../harness/traffic.ts";

const SMALL = { connections: 64, exchange: { upload: 0, download: 1024 }, newConnections: false };

const shared = {
  unit: "requests",
  load: SMALL,
  ours: HTTP_WITH_EVERYTHING,
  peers: {
    nginx: { traffic: HTTP, target: 1 },
    haproxy: { traffic: HTTP, target: 1 },
    envoy: { traffic: HTTP_WITH_EVERYTHING, target: 2.5 },
  },
} as const;

/** HTTP/1.1 with keep-alive and small answers. Ours always with policies and access log; nginx and haproxy with neither. */
export const L7_CASES: readonly Case[] = [
  { ...shared, name: "L7 pair", side: "pair" },
  { ...shared, name: "L7 server side", side: "server" },
];
