import type { Case } from "../harness/compare.ts";
import { HTTP, HTTP_WITH_EVERYTHING } from "../harness/traffic.ts";

const SMALL = { connections: 64, exchange: { upload: 0, download: 1024 }, newConnections: false };

/** All attached to one workload: of those that do not attach a proxy is never told, ours or Istio's. */
const MANY_POLICIES = { ...HTTP_WITH_EVERYTHING, policies: 1000 };

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

const alike = {
  nginx: { traffic: HTTP, target: 1 },
  haproxy: { traffic: HTTP, target: 1 },
  envoy: { traffic: HTTP, target: 2.5 },
};

/** HTTP/1.1 with keep-alive and small answers. Ours always with policies and access log; nginx and haproxy with neither. */
export const L7_CASES: readonly Case[] = [
  { ...shared, name: "L7 pair", side: "pair" },
  { ...shared, name: "L7 server side", side: "server" },
  // The same work on all sides: verification and, on ours, metrics; neither policies nor records.
  { ...shared, name: "L7 pair, no policies, no records", side: "pair", ours: HTTP, peers: alike },
  {
    ...shared,
    name: "L7 server side, 1,000 policies",
    side: "server",
    ours: MANY_POLICIES,
    peers: { envoy: { traffic: MANY_POLICIES, target: 2.5 } },
  },
];
