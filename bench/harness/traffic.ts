import type { Traffic } from "../pairs/pair.ts";

/** Streams, with the one group that every product can. */
export const TCP: Traffic = { protocol: "tcp", accessLog: false, policies: 0, group: "X25519" };
export const HTTP: Traffic = { ...TCP, protocol: "http" };
/** What Istio has a sidecar do with a request. */
export const HTTP_WITH_EVERYTHING: Traffic = { ...HTTP, accessLog: true, policies: 20 };
