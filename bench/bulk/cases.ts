import type { Case } from "../harness/compare.ts";
import { HTTP, HTTP_WITH_EVERYTHING, TCP } from "../harness/traffic.ts";
import type { Traffic } from "../pairs/pair.ts";

const LARGE = 16 * 1024 * 1024;

function bulk(name: string, traffic: Traffic, exchange: { readonly upload: number; readonly download: number }): Case {
  const peer = (theirs: Traffic) => ({ traffic: theirs, target: 0.95 });
  const plain = traffic.protocol === "tcp" ? TCP : HTTP;
  return {
    name,
    unit: "x 16 MiB",
    side: "pair",
    load: { connections: 4, exchange, newConnections: false },
    ours: traffic,
    peers: { nginx: peer(plain), haproxy: peer(plain), envoy: peer(traffic) },
  };
}

/** 16 MiB at a time through a pair, one way. */
export const BULK_CASES: readonly Case[] = [
  bulk("bulk L4, to the client", TCP, { upload: 0, download: LARGE }),
  bulk("bulk L4, to the server", TCP, { upload: LARGE, download: 2 }),
  bulk("bulk HTTP, answers", HTTP_WITH_EVERYTHING, { upload: 0, download: LARGE }),
  bulk("bulk HTTP, requests", HTTP_WITH_EVERYTHING, { upload: LARGE, download: 2 }),
];
