/** What `ca.ts` and the tests that run it must agree on. */
import { TrustDomain } from "@symbolon/spiffe/id";
import type { BoundPod } from "../../../packages/symbolon/src/ca/index.ts";

export const CA_UNDER_TEST = {
  trustDomain: TrustDomain.parse("cluster.local"),
  tokenIssuer: "https://token-issuer.symbolon.test",
  audience: "istio-ca",
  serverName: "istiod.istio-system.svc",
} as const;

/** Every uid is a pod that runs as an account of its own. */
export const podOf = (uid: string): BoundPod => ({ name: uid, namespace: "load", serviceAccount: uid });
