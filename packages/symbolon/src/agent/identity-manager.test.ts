import { afterEach, describe, expect, test } from "bun:test";
import { inspect } from "node:util";
import { createObservable, type Log, Secret, SymbolonError, silentLog } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import { createFakeClock, createFakeRandom, createTestAuthority } from "@symbolon/spiffe/testing";
import { parseCertificateSigningRequestFromPem, spkiOf, verifyCsrSignature } from "@symbolon/spiffe/x509";
import { createIdentityManager, type IdentityManager } from "./identity-manager.ts";
import type { CertificateClientRequest, RegisteredWorkload } from "./ports.ts";

const HOUR_MS = 3_600_000;
const START = new Date("2026-01-01T00:00:00Z");
const workload: RegisteredWorkload = { podUid: "pod-1", namespace: "foo", serviceAccount: "web", tokenPath: "/token" };
const WEB = "spiffe://cluster.local/ns/foo/sa/web";

let manager: IdentityManager;
afterEach(() => manager?.close());

/** A CA that really signs, and that a test can make refuse or lie. */
function harness(options: { token?: () => string | undefined; log?: Log } = {}) {
  const clock = createFakeClock(START);
  const authority = createTestAuthority("cluster.local", {
    notBefore: START,
    notAfter: new Date("2036-01-01T00:00:00Z"),
  });
  const calls: CertificateClientRequest[] = [];
  const publicKeys: string[] = [];
  const failure = createObservable<((request: CertificateClientRequest) => Error | undefined) | undefined>(undefined);
  const issueFor = createObservable(WEB);
  const roots = createObservable(authority.bundle.toPem());
  manager = createIdentityManager({
    trustDomain: TrustDomain.parse("cluster.local"),
    clock,
    random: createFakeRandom(3),
    log: options.log ?? silentLog,
    lifetimeSeconds: 24 * 3600,
    tokens: {
      readToken: async () => {
        const token = options.token ? options.token() : "token";
        return token === undefined ? undefined : new Secret(token);
      },
    },
    certificates: {
      close() {},
      async createCertificate(request) {
        calls.push(request);
        const error = failure.current?.(request);
        if (error) throw error;
        const csr = parseCertificateSigningRequestFromPem(request.csrPem);
        verifyCsrSignature(csr);
        publicKeys.push(Buffer.from(csr.spki).toString("base64"));
        const now = clock.now().getTime();
        const { certificate } = authority.issueCertificate({
          uris: [issueFor.current],
          notBefore: new Date(now - 60_000),
          notAfter: new Date(now + request.validitySeconds * 1000),
          template: { spki: csr.spki },
        });
        return { certificateChainPem: [pem(certificate.der)], rootsPem: roots.current };
      },
    },
  });
  const serial = () => manager.current("pod-1")?.svid.leaf.serialNumberHex;
  return { clock, calls, publicKeys, failure, issueFor, roots, serial };
}

const pem = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString("base64")}\n-----END CERTIFICATE-----\n`;
const away = () => new SymbolonError("ERR_CA_CALL_RETRYABLE", "the CA is away");

describe("identity of a pod", () => {
  test("is asked for with the pod's token, and served", async () => {
    const { clock, calls, serial } = harness();
    manager.register(workload);
    expect(manager.state("pod-1")?.kind).toBe("requesting");
    await clock.advance(0);
    expect(manager.state("pod-1")?.kind).toBe("available");
    expect(manager.current("pod-1")?.svid.spiffeId.toString()).toBe(WEB);
    expect(calls[0]?.token?.expose()).toBe("token");
    expect(serial()).toMatch(/^[0-9a-f]+$/);
  });

  test("is renewed between 70 % and 80 % of its life, each time with a new key (SR-08)", async () => {
    const { clock, publicKeys } = harness();
    manager.register(workload);
    await clock.advance(0);
    for (let generation = 1; generation <= 100; generation++) {
      const state = manager.state("pod-1");
      if (state?.kind !== "available") throw new Error("no certificate");
      const life = (state.renewAt.getTime() - state.receivedAt.getTime()) / (24 * HOUR_MS);
      expect(life).toBeGreaterThanOrEqual(0.7);
      expect(life).toBeLessThan(0.8);
      await clock.advance(state.renewAt.getTime() - clock.now().getTime());
    }
    expect(new Set(publicKeys).size).toBe(101);
  });

  test("stays while the CA is away, until its own end and not a moment longer; then comes back", async () => {
    const { clock, failure, serial } = harness();
    manager.register(workload);
    await clock.advance(0);
    const before = serial();
    failure.set(away);
    await clock.advance(24 * HOUR_MS - 1);
    expect(serial()).toBe(before);
    expect(manager.state("pod-1")).toMatchObject({ kind: "retrying", reason: "the CA is away" });
    await clock.advance(1);
    expect(manager.current("pod-1")).toBeUndefined();
    expect(manager.state("pod-1")).toMatchObject({ kind: "expired", reason: "the CA is away" });
    failure.set(undefined);
    await clock.advance(60_000);
    expect(manager.state("pod-1")?.kind).toBe("available");
    expect(serial()).not.toBe(before);
  });

  test("is asked for without end, but not in a busy loop", async () => {
    const { clock, failure, calls } = harness();
    failure.set(away);
    manager.register(workload);
    await clock.advance(HOUR_MS);
    expect(calls.length).toBeGreaterThan(60);
    expect(calls.length).toBeLessThan(400);
  });

  test("renews with the SVID itself when the token is refused, and never without a credential", async () => {
    const { clock, failure, calls } = harness();
    manager.register(workload);
    await clock.advance(0);
    failure.set((request) => (request.token ? new SymbolonError("ERR_CA_CALL_REFUSED", "token expired") : undefined));
    await clock.advance(20 * HOUR_MS);
    expect(calls.map((call) => (call.token ? "token" : "svid"))).toEqual(["token", "token", "svid"]);
    expect(manager.state("pod-1")?.kind).toBe("available");
  });

  test("without token and without SVID no call is made, and the reason names the path", async () => {
    const { clock, calls } = harness({ token: () => undefined });
    manager.register(workload);
    await clock.advance(0);
    expect(calls).toEqual([]);
    expect(manager.state("pod-1")).toMatchObject({
      kind: "retrying",
      reason: 'there is no service account token at "/token" for spiffe://cluster.local/ns/foo/sa/web',
    });
  });

  test("is refused when the CA gives that of another account", async () => {
    const { clock, issueFor } = harness();
    issueFor.set("spiffe://cluster.local/ns/foo/sa/admin");
    manager.register(workload);
    await clock.advance(0);
    expect(manager.current("pod-1")).toBeUndefined();
    expect(manager.state("pod-1")).toMatchObject({
      reason: expect.stringContaining(
        "it is for spiffe://cluster.local/ns/foo/sa/admin, wanted spiffe://cluster.local/ns/foo/sa/web",
      ),
    });
  });

  test("is refused when it does not verify to the roots that came with it", async () => {
    const { clock, roots } = harness();
    roots.set(createTestAuthority("cluster.local").bundle.toPem());
    manager.register(workload);
    await clock.advance(0);
    expect(manager.current("pod-1")).toBeUndefined();
  });

  test("is refused when the local clock says that it has expired, with the local time in the reason", async () => {
    const { clock, failure } = harness();
    // The clock jumps while the call is under way: what the CA has signed is old by now.
    failure.set(() => {
      queueMicrotask(() => clock.stepWallClock(25 * HOUR_MS));
      return undefined;
    });
    manager.register(workload);
    await clock.advance(0);
    expect(manager.current("pod-1")).toBeUndefined();
    expect(manager.state("pod-1")).toMatchObject({
      kind: "retrying",
      reason: expect.stringContaining("local time 2026-01-02T01:00:00.000Z"),
    });
  });

  test("a change of the roots reaches followers with the next certificate", async () => {
    const { clock, roots } = harness();
    manager.register(workload);
    await clock.advance(0);
    const seen: number[] = [];
    manager.subscribe("pod-1", () => seen.push(manager.current("pod-1")?.bundle.x509Authorities.length ?? 0));
    roots.set(roots.current + createTestAuthority("cluster.local").bundle.toPem());
    await clock.advance(20 * HOUR_MS);
    expect(seen).toEqual([2]);
  });

  test("is dropped at once when the pod goes, and followers hear of it", async () => {
    const { clock, calls } = harness();
    manager.register(workload);
    await clock.advance(0);
    let heard = 0;
    manager.subscribe("pod-1", () => heard++);
    manager.unregister("pod-1");
    expect(heard).toBe(1);
    expect(manager.current("pod-1")).toBeUndefined();
    expect(manager.state("pod-1")).toBeUndefined();
    await clock.advance(48 * HOUR_MS);
    expect(calls).toHaveLength(1);
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("its key is in no log line, state or inspection", async () => {
    const lines: string[] = [];
    const note = (message: string, fields: unknown) =>
      lines.push(message + inspect(fields, { depth: 10 }) + JSON.stringify(fields));
    const { clock } = harness({ log: { debug: note, info: note, warn: note, error: note } });
    manager.register(workload);
    await clock.advance(0);
    const identity = manager.current("pod-1");
    if (!identity) throw new Error("no identity");
    const secret = identity.svid.privateKey.export({ format: "jwk" }).d ?? "";
    const pkcs8 = identity.svid.privateKey.export({ format: "der", type: "pkcs8" }).toString("base64");
    const shown = [
      ...lines,
      inspect(identity, { depth: 10 }),
      JSON.stringify(manager.state("pod-1"), (_, value) => (typeof value === "bigint" ? String(value) : value)),
      Bun.inspect(identity),
    ].join("\n");
    expect(secret.length).toBeGreaterThan(40);
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain(pkcs8.slice(-40));
    expect(shown).not.toContain("PRIVATE KEY");
    expect(lines.join()).toContain("certificate received");
    expect(spkiOf(identity.svid.privateKey)).toEqual(identity.svid.leaf.spki);
  });
});
