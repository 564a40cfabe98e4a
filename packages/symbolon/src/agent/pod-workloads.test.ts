import { describe, expect, test } from "bun:test";
import { BundleSet, JwtBundle, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { createObservable, Secret, SymbolonError, silentLog } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { createFakeClock, createFakeRandom, createTestAuthority } from "@symbolon/spiffe/testing";
import type { AuditEvent } from "../core/index.ts";
import type { IdentityState, WorkloadIdentity } from "./identity-state.ts";
import { createJwtSvidCache } from "./jwt-svid-cache.ts";
import { createPodWorkloads } from "./pod-workloads.ts";
import type { CreateJwtSvid, NodeState } from "./ports.ts";
import type { WorkloadPeer } from "./workload.ts";

const START = new Date("2026-01-01T00:00:00Z");
const WEB = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/web");
const POD = { podUid: "uid-1", namespace: "foo", name: "web-1", serviceAccount: "web", tokenPath: "/token" };
const { signal } = new AbortController();

function harness() {
  const authority = createTestAuthority("cluster.local");
  const other = createTestAuthority("other.example");
  const identity = createObservable<WorkloadIdentity | undefined>(undefined);
  const node = createObservable<NodeState | undefined>(undefined);
  const audit: AuditEvent[] = [];
  const calls: CreateJwtSvid[] = [];
  const clock = createFakeClock(START);
  const facts = {
    state: { kind: "requesting" } as IdentityState | undefined,
    token: "pod's token" as string | undefined,
    alive: true,
    inPod: true,
    wants: 0,
    answersFor: WEB,
  };
  const workloads = createPodWorkloads({
    pod: POD,
    identities: {
      current: () => identity.current,
      state: () => facts.state,
      subscribe: (_uid, follower) => identity.subscribe(follower),
    },
    want: () => facts.wants++,
    node,
    tokens: createJwtSvidCache({
      clock,
      random: createFakeRandom(1),
      client: {
        async createJwtSvid(request) {
          calls.push(request);
          return {
            spiffeId: facts.answersFor,
            token: new Secret(`token ${calls.length}`),
            expiresAt: new Date(clock.now().getTime() + 300_000),
          };
        },
      },
    }),
    serviceAccountTokens: {
      readToken: async (path) => (facts.token && path === POD.tokenPath ? new Secret(facts.token) : undefined),
    },
    processes: { isInPod: (podUid, pid) => facts.inPod && podUid === POD.podUid && pid === 4711 },
    audit: {
      async write(event) {
        audit.push(event);
      },
    },
    log: silentLog,
  });
  const peer = (pid = 4711): WorkloadPeer => ({ pid, uid: 1000, gid: 1000, startTicks: 1, isAlive: () => facts.alive });
  return {
    facts,
    audit,
    calls,
    identity,
    node,
    attest: (pid?: number) => workloads.attest(peer(pid), signal),
    issue() {
      const svid = authority.issue(WEB);
      identity.set({ svid, bundle: authority.bundle });
      return svid;
    },
    /** The control plane tells its bundles, one of a trust domain that nobody federates with among them. */
    tell() {
      node.set({
        bundles: BundleSet.of(authority.bundle, other.bundle),
        jwtBundles: JwtBundleSet.of(
          JwtBundle.fromKeys(TrustDomain.parse("cluster.local"), []),
          JwtBundle.fromKeys(TrustDomain.parse("other.example"), []),
        ),
        entries: [],
      });
    },
  };
}

describe("a process of a pod", () => {
  test("has the pod's identity, with the bundles of its own trust domain", async () => {
    const pod = harness();
    const svid = pod.issue();
    pod.tell();
    const workload = await pod.attest();
    expect(workload.name).toBe("pod foo/web-1");
    const entitlement = workload.entitlement();
    if (entitlement.kind !== "granted") throw new Error(entitlement.kind);
    expect(entitlement.svids).toEqual([{ svid }]);
    expect(entitlement.bundles.bundles.map(({ trustDomain }) => trustDomain.name)).toEqual(["cluster.local"]);
    expect(entitlement.jwtBundles.bundles.map(({ trustDomain }) => trustDomain.name)).toEqual(["cluster.local"]);
    expect(workload.entitlement()).toBe(entitlement);
    expect(pod.facts.wants).toBe(1);
  });

  test("waits for its first certificate, and for the bundles of the mesh", async () => {
    const pod = harness();
    const workload = await pod.attest();
    expect(workload.entitlement()).toEqual({ kind: "pending", reason: "the first certificate is under way" });
    pod.facts.state = { kind: "expired", since: START, reason: "the CA is away" };
    expect(workload.entitlement()).toEqual({ kind: "pending", reason: "the CA is away" });
    pod.issue();
    expect(workload.entitlement().kind).toBe("pending");
    pod.tell();
    expect(workload.entitlement().kind).toBe("granted");
  });

  test("hears of a new certificate and of new bundles, and gets a new object for each (S2)", async () => {
    const pod = harness();
    pod.issue();
    pod.tell();
    const workload = await pod.attest();
    const seen = new Set([workload.entitlement()]);
    const stop = workload.subscribe(() => seen.add(workload.entitlement()));
    pod.issue();
    pod.tell();
    expect(seen.size).toBe(3);
    stop();
    pod.issue();
    expect(seen.size).toBe(3);
  });

  test("each certificate is on record once for each process", async () => {
    const pod = harness();
    const svid = pod.issue();
    pod.tell();
    const workload = await pod.attest();
    workload.entitlement();
    workload.entitlement();
    pod.tell();
    workload.entitlement();
    expect(pod.audit).toEqual([
      {
        kind: "identity.deliver",
        outcome: "success",
        actor: "pod foo/web-1, process 4711",
        subject: WEB.toString(),
        authority: "service account of the pod",
        details: { serialNumber: svid.leaf.serialNumberHex },
      },
    ]);
    pod.issue();
    workload.entitlement();
    expect(pod.audit).toHaveLength(2);
  });

  test("has nothing once it has ended, the pod is removed, or its connection is over", async () => {
    const pod = harness();
    pod.issue();
    pod.tell();
    const workload = await pod.attest();
    pod.facts.alive = false;
    expect(workload.entitlement()).toMatchObject({ kind: "none", reason: expect.stringContaining("has ended") });
    await expect(workload.createJwtSvids({ audiences: ["a"] }, signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_NOT_ENTITLED",
    });
    pod.facts.alive = true;
    pod.facts.state = undefined;
    expect(workload.entitlement()).toEqual({ kind: "none", reason: "pod foo/web-1 has been removed" });
    pod.facts.state = { kind: "requesting" };
    let heard = 0;
    workload.subscribe(() => heard++);
    workload.release();
    pod.issue();
    expect(heard).toBe(0);
    expect(workload.entitlement().kind).toBe("none");
  });
});

describe("a process that is not in the pod", () => {
  test.each([
    ["another process", "ERR_WORKLOAD_NOT_ENTITLED", (pod: ReturnType<typeof harness>) => pod.attest(4712)],
    [
      "a process of which the kernel says nothing",
      "ERR_WORKLOAD_NOT_ENTITLED",
      (pod: ReturnType<typeof harness>) => {
        pod.facts.inPod = false;
        return pod.attest();
      },
    ],
    [
      "a process that ended while it was looked at",
      "ERR_WORKLOAD_ATTESTATION",
      (pod: ReturnType<typeof harness>) => {
        pod.facts.alive = false;
        return pod.attest();
      },
    ],
    [
      "another process that ended while it was looked at",
      "ERR_WORKLOAD_ATTESTATION",
      (pod: ReturnType<typeof harness>) => {
        pod.facts.alive = false;
        return pod.attest(4712);
      },
    ],
  ])("%s is refused (%s)", async (_what, code, attest) => {
    const pod = harness();
    pod.issue();
    pod.tell();
    await expect(attest(pod)).rejects.toMatchObject({ code });
    expect(pod.facts.wants).toBe(0);
    expect(pod.audit).toEqual([]);
  });
});

describe("a pod's tokens", () => {
  async function workloadOf(pod = harness()) {
    pod.issue();
    pod.tell();
    return { ...pod, workload: await pod.attest() };
  }

  test("are asked for with its service account token, and kept for the next time", async () => {
    const { workload, calls } = await workloadOf();
    const [svid] = await workload.createJwtSvids({ audiences: ["a"] }, signal);
    expect(svid?.spiffeId.equals(WEB)).toBe(true);
    expect(svid?.token.expose()).toBe("token 1");
    const [caller] = calls.map((call) => call.caller);
    expect(caller && "serviceAccountToken" in caller && caller.serviceAccountToken.expose()).toBe("pod's token");
    await workload.createJwtSvids({ audiences: ["a"], spiffeId: WEB }, signal);
    expect(calls).toHaveLength(1);
    await workload.createJwtSvids({ audiences: ["b"] }, signal);
    expect(calls).toHaveLength(2);
  });

  test("another identity is refused without asking, and one that the CA answers with as well", async () => {
    const { workload, calls, facts, identity } = await workloadOf();
    const foreign = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/other");
    await expect(workload.createJwtSvids({ audiences: ["a"], spiffeId: foreign }, signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_NOT_ENTITLED",
    });
    expect(calls).toHaveLength(0);
    identity.set(undefined);
    facts.answersFor = foreign;
    await expect(workload.createJwtSvids({ audiences: ["c"], spiffeId: WEB }, signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_NOT_ENTITLED",
    });
  });

  test("wait for the service account token", async () => {
    const { workload, facts } = await workloadOf();
    facts.token = undefined;
    await expect(workload.createJwtSvids({ audiences: ["a"] }, signal)).rejects.toBeInstanceOf(SymbolonError);
    await expect(workload.createJwtSvids({ audiences: ["a"] }, signal)).rejects.toMatchObject({
      code: "ERR_CA_CALL_RETRYABLE",
    });
  });
});
