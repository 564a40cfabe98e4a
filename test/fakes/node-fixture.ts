/** A CA behind a NodeClient: it really signs, and a test can make it refuse. */
import { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { createObservable, Secret, SymbolonError, silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createFakeRandom, createTestAuthority } from "@symbolon/spiffe/testing";
import { parseCertificateSigningRequest, verifyCsrSignature } from "@symbolon/spiffe/x509";
import {
  type CreateJwtSvid,
  createEntryIdentities,
  createEntryWorkloads,
  createJwtSvidCache,
  type NodeClient,
  type NodeState,
  type WorkloadPeer,
} from "../../packages/symbolon/src/agent/index.ts";
import type { AuditEvent, RegistrationEntry } from "../../packages/symbolon/src/core/index.ts";
import { testSelector } from "./registration-entries.ts";

export const NODE_START = new Date("2026-01-01T00:00:00Z");
const DEFAULT_X509_SECONDS = 3600;
const DEFAULT_JWT_SECONDS = 300;

export function createNodeFixture() {
  const clock = createFakeClock(NODE_START);
  const random = createFakeRandom(5);
  const authority = createTestAuthority("cluster.local", {
    notBefore: NODE_START,
    notAfter: new Date("2036-01-01T00:00:00Z"),
  });
  const state = createObservable<NodeState | undefined>(undefined);
  const x509Calls: string[] = [];
  const jwtCalls: CreateJwtSvid[] = [];
  const publicKeys: string[] = [];
  const audit: AuditEvent[] = [];
  let away = false;
  let dead = false;
  let digestCalls = 0;
  const digest = Promise.withResolvers<string>();
  const refuse = (): void => {
    if (away) throw new SymbolonError("ERR_CA_CALL_RETRYABLE", "the CA is away");
  };
  const client: Pick<NodeClient, "createX509Svid" | "createJwtSvid"> = {
    async createX509Svid({ entryId, csr: der }) {
      x509Calls.push(entryId);
      refuse();
      const entry = state.current?.entries.find(({ id }) => id === entryId);
      if (!entry) throw new SymbolonError("ERR_CA_CALL_REFUSED", "there is no such entry");
      const csr = parseCertificateSigningRequest(der);
      verifyCsrSignature(csr);
      publicKeys.push(Buffer.from(csr.spki).toString("base64"));
      const now = clock.now().getTime();
      const { certificate } = authority.issueCertificate({
        uris: [entry.spiffeId.toString()],
        notBefore: new Date(now - 60_000),
        notAfter: new Date(now + (entry.x509LifetimeSeconds ?? DEFAULT_X509_SECONDS) * 1000),
        template: { spki: csr.spki },
      });
      return [certificate.der];
    },
    async createJwtSvid(request) {
      jwtCalls.push(request);
      refuse();
      if (!("entryId" in request.caller)) throw new Error("only entries have tokens here");
      const { entryId } = request.caller;
      const entry = state.current?.entries.find(({ id }) => id === entryId);
      if (!entry) throw new SymbolonError("ERR_CA_CALL_REFUSED", "there is no such entry");
      const life = (entry.jwtLifetimeSeconds ?? DEFAULT_JWT_SECONDS) * 1000;
      return {
        spiffeId: entry.spiffeId,
        token: new Secret(`token ${jwtCalls.length}`),
        expiresAt: new Date(clock.now().getTime() + life),
      };
    },
  };
  const identities = createEntryIdentities({ client, state, clock, random, log: silentLog });
  const tokens = createJwtSvidCache({ client, clock, random });
  const workloads = createEntryWorkloads({
    state,
    identities,
    tokens,
    audit: {
      write: async (event) => {
        audit.push(event);
      },
    },
    log: silentLog,
    processes: {
      async attest() {
        if (dead) throw new SymbolonError("ERR_WORKLOAD_ATTESTATION", "process 4711 that connected has ended");
        return {
          selectors: ["unix:uid:1000", "unix:path:/usr/bin/node"].map(testSelector),
          async programDigest() {
            digestCalls++;
            return testSelector(`unix:sha256:${await digest.promise}`);
          },
        };
      },
    },
  });
  const peer: WorkloadPeer = { pid: 4711, uid: 1000, gid: 1000, startTicks: 1, isAlive: () => !dead };
  return {
    clock,
    state,
    identities,
    tokens,
    x509Calls,
    jwtCalls,
    publicKeys,
    audit,
    attest: () => workloads.attest(peer, new AbortController().signal),
    setAway(value: boolean) {
      away = value;
    },
    digestCalls: () => digestCalls,
    /** What the program's digest is, or why it cannot be known: who asks waits until then. */
    digest,
    endProcess() {
      dead = true;
    },
    /** What the CA tells from now on. */
    tell(...entries: readonly RegistrationEntry[]) {
      state.set({ bundles: BundleSet.of(authority.bundle), jwtBundles: JwtBundleSet.of(), entries });
    },
  };
}
