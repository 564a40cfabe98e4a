import { describe, expect, test } from "bun:test";
import { BundleSet, JwtBundle, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createNodeFixture } from "../../../../test/fakes/node-fixture.ts";
import { testEntry } from "../../../../test/fakes/registration-entries.ts";
import type { RegistrationEntry } from "../core/index.ts";
import { LINGER_MS } from "./entry-identities.ts";
import type { Entitlement, Workload } from "./workload.ts";

const HOUR_MS = 3_600_000;
const DB = testEntry({ id: "db" });

/** SPIFFE IDs without their trust domain, and hints. */
function served(entitlement: Entitlement): readonly string[] {
  if (entitlement.kind !== "granted") return [entitlement.kind];
  return entitlement.svids.map(({ svid, hint }) => `${svid.spiffeId.path}${hint === undefined ? "" : ` ${hint}`}`);
}

function serial(workload: Workload): string | undefined {
  const entitlement = workload.entitlement();
  return entitlement.kind === "granted" ? entitlement.svids[0]?.svid.leaf.serialNumberHex : undefined;
}

/** A workload that has been granted what the entries give. */
async function granted(...entries: readonly RegistrationEntry[]) {
  const node = createNodeFixture();
  node.tell(...entries);
  const workload = await node.attest();
  workload.entitlement();
  await node.clock.advance(0);
  // Its client has seen this answer.
  workload.entitlement();
  let heard = 0;
  workload.subscribe(() => heard++);
  return { ...node, workload, heard: () => heard };
}

describe("bundles of other trust domains", () => {
  const ABROAD = createTestAuthority("other.example");
  const NEARLY = createTestAuthority("sub.other.example");
  const federating = (id: string, ...domains: readonly string[]) =>
    testEntry({ id, federatesWith: domains.map((name) => TrustDomain.parse(name)) });

  /** The CA tells three bundles of each kind. */
  async function withForeignBundles(...entries: readonly RegistrationEntry[]) {
    const node = await granted(...entries);
    const own = node.state.current?.bundles.bundles ?? [];
    const bundles = BundleSet.of(...own, ABROAD.bundle, NEARLY.bundle);
    const jwtBundles = JwtBundleSet.of(
      ...bundles.bundles.map(({ trustDomain }) => JwtBundle.fromKeys(trustDomain, [])),
    );
    const tell = (...told: readonly RegistrationEntry[]): void =>
      node.state.set({ bundles, jwtBundles, entries: told });
    tell(...entries);
    await node.clock.advance(0);
    return { ...node, tell };
  }

  /** Of both kinds, which have to be the same. */
  function domains(workload: Workload): readonly string[] {
    const entitlement = workload.entitlement();
    if (entitlement.kind !== "granted") return [entitlement.kind];
    const names = (all: readonly { readonly trustDomain: TrustDomain }[]) =>
      all.map(({ trustDomain }) => trustDomain.name);
    const x509 = names(entitlement.bundles.bundles).toSorted();
    expect(names(entitlement.jwtBundles.bundles).toSorted()).toEqual(x509);
    return x509;
  }

  test("are for workloads whose entry federates with that domain, and no others", async () => {
    expect(domains((await withForeignBundles(DB)).workload)).toEqual(["cluster.local"]);
    const { workload } = await withForeignBundles(federating("db", "other.example"));
    expect(domains(workload)).toEqual(["cluster.local", "other.example"]);
  });

  test("are not there for a domain that nobody has told, however alike", async () => {
    const { workload } = await withForeignBundles(federating("db", "example", "other.example.org"));
    expect(domains(workload)).toEqual(["cluster.local"]);
  });

  test("are those of all entries of the process together", async () => {
    const { workload } = await withForeignBundles(
      federating("a", "other.example"),
      federating("b", "sub.other.example", "cluster.local"),
      testEntry({ id: "others", selectors: ["unix:uid:1"] }),
    );
    expect(domains(workload)).toEqual(["cluster.local", "other.example", "sub.other.example"]);
  });

  test("come and go with the entry at once, under the same certificate", async () => {
    const { workload, tell, heard } = await withForeignBundles(DB);
    const before = serial(workload);
    const heardBefore = heard();
    tell({ ...federating("db", "other.example"), revision: 2 });
    expect(heard()).toBeGreaterThan(heardBefore);
    expect(domains(workload)).toEqual(["cluster.local", "other.example"]);
    tell({ ...DB, revision: 3 });
    expect(domains(workload)).toEqual(["cluster.local"]);
    expect(serial(workload)).toBe(before);
  });
});

describe("a process outside pods", () => {
  test("has the identities of the entries that are for it", async () => {
    const { workload } = await granted(DB, testEntry({ id: "other", selectors: ["unix:uid:1000", "unix:gid:5"] }));
    expect(served(workload.entitlement())).toEqual(["/db"]);
    expect(workload.name).toBe("process 4711 (uid 1000, /usr/bin/node)");
  });

  test("has none without entry, and the reason names what holds for it (S3)", async () => {
    const { workload } = await granted(testEntry({ selectors: ["unix:uid:1001"] }));
    expect(workload.entitlement()).toEqual({
      kind: "none",
      reason:
        "no registration entry is for process 4711 (uid 1000, /usr/bin/node): it has unix:uid:1000, unix:path:/usr/bin/node",
    });
  });

  test("is on record with each certificate that it gets", async () => {
    const { workload, audit, clock } = await granted(DB);
    workload.entitlement();
    expect(audit).toMatchObject([
      {
        kind: "identity.deliver",
        outcome: "success",
        actor: "process 4711 (uid 1000, /usr/bin/node)",
        subject: "spiffe://cluster.local/db",
        details: { serialNumber: serial(workload) },
      },
    ]);
    await clock.advance(0.85 * HOUR_MS);
    workload.entitlement();
    expect(audit).toHaveLength(2);
  });

  test("is nobody when it cannot be found out who it is (S10)", async () => {
    const { attest, endProcess } = createNodeFixture();
    endProcess();
    expect(await attest().catch(({ code }) => code)).toBe("ERR_WORKLOAD_ATTESTATION");
  });

  test("waits while nobody knows the entries yet", async () => {
    const { attest, clock, tell } = createNodeFixture();
    const workload = await attest();
    expect(workload.entitlement().kind).toBe("pending");
    let heard = 0;
    workload.subscribe(() => heard++);
    tell(DB);
    expect(heard).toBe(1);
    expect(workload.entitlement().kind).toBe("pending");
    await clock.advance(0);
    expect(heard).toBe(2);
    expect(served(workload.entitlement())).toEqual(["/db"]);
  });

  test("gets all identities in the first answer, in order, each hint once (S5, S6)", async () => {
    const at = (day: number) => new Date(Date.UTC(2026, 0, day));
    const { workload } = await granted(
      testEntry({ id: "default", isDefault: true, hint: "internal", createdAt: at(3) }),
      testEntry({ id: "old", hint: "internal", createdAt: at(1) }),
      testEntry({ id: "new", hint: "external", createdAt: at(2) }),
    );
    expect(served(workload.entitlement())).toEqual(["/default", "/old internal", "/new external"]);
  });

  test("has no certificate before it asks, and none when it only wants tokens", async () => {
    const { attest, clock, tell, x509Calls, jwtCalls } = createNodeFixture();
    tell(DB);
    const workload = await attest();
    await workload.createJwtSvids({ audiences: ["a"] }, new AbortController().signal);
    await clock.advance(HOUR_MS);
    expect(x509Calls).toEqual([]);
    expect(jwtCalls).toHaveLength(1);
    workload.entitlement();
    expect(x509Calls).toEqual(["db"]);
  });

  test("keeps the same answer until something changes", async () => {
    const { workload, tell } = await granted(DB);
    const before = workload.entitlement();
    expect(workload.entitlement()).toBe(before);
    tell(DB, testEntry({ id: "other", selectors: ["unix:uid:1"] }));
    expect(workload.entitlement()).not.toBe(before);
  });

  test("gets a new certificate with a new key at 75 % of the old one's life", async () => {
    const { workload, clock, publicKeys, heard } = await granted(DB);
    const before = serial(workload);
    await clock.advance(0.69 * HOUR_MS);
    expect(serial(workload)).toBe(before);
    await clock.advance(0.12 * HOUR_MS);
    expect(serial(workload)).not.toBe(before);
    expect(heard()).toBe(1);
    expect(new Set(publicKeys).size).toBe(2);
  });

  test("shares a certificate with every other process of the same entry", async () => {
    const { attest, workload, x509Calls } = await granted(DB);
    const other = await attest();
    expect(serial(other)).toBe(serial(workload) ?? "none");
    expect(x509Calls).toEqual(["db"]);
  });

  test("leaves its certificate for a while, and then nothing is renewed", async () => {
    const { attest, clock, workload, x509Calls } = await granted(DB);
    const before = serial(workload);
    workload.release();
    await clock.advance(LINGER_MS - 1);
    const next = await attest();
    expect(serial(next)).toBe(before);
    next.release();
    await clock.advance(LINGER_MS);
    expect(clock.pendingTimersMs).toEqual([]);
    await clock.advance(2 * HOUR_MS);
    expect(x509Calls).toEqual(["db"]);
    expect(workload.entitlement().kind).toBe("none");
  });

  test("loses an identity at once when its entry goes, and the key with it", async () => {
    const { workload, clock, tell, identities } = await granted(DB, testEntry({ id: "web" }));
    const heard: (readonly string[])[] = [];
    workload.subscribe(() => heard.push(served(workload.entitlement())));
    tell(testEntry({ id: "web" }));
    expect(heard.at(-1)).toEqual(["/web"]);
    expect(identities.current("db")).toBeUndefined();
    tell();
    expect(heard.at(-1)).toEqual(["none"]);
    expect(clock.pendingTimersMs).toEqual([]);
  });

  test("gets an identity when an entry for it appears, without a gap in what it has", async () => {
    const { workload, clock, tell } = await granted(DB);
    const heard: (readonly string[])[] = [];
    workload.subscribe(() => heard.push(served(workload.entitlement())));
    tell(DB, testEntry({ id: "web" }));
    await clock.advance(0);
    expect(heard).not.toContainEqual(["pending"]);
    expect(heard.at(-1)).toEqual(["/db", "/web"]);
  });

  test("is served the old certificate until that of the changed entry is there", async () => {
    const { workload, clock, tell } = await granted(DB);
    const before = serial(workload);
    tell({ ...DB, revision: 2, x509LifetimeSeconds: 60 });
    expect(serial(workload)).toBe(before);
    await clock.advance(0);
    const entitlement = workload.entitlement();
    expect(serial(workload)).not.toBe(before);
    expect(entitlement.kind === "granted" && entitlement.svids[0]?.svid.notAfter.getTime()).toBe(
      clock.now().getTime() + 60_000,
    );
  });

  test("is not served the old certificate beyond its own end, also when the new one does not come", async () => {
    const { workload, clock, tell, setAway, heard } = await granted(DB);
    setAway(true);
    tell({ ...DB, revision: 2, dnsNames: ["a.example.org"] });
    await clock.advance(HOUR_MS - 1);
    expect(workload.entitlement().kind).toBe("granted");
    const before = heard();
    await clock.advance(1);
    expect(heard()).toBeGreaterThan(before);
    expect(workload.entitlement()).toMatchObject({
      kind: "pending",
      reason: expect.stringContaining("the CA is away"),
    });
  });

  test("loses the old identity at once when the entry's SPIFFE ID changes", async () => {
    const { workload, clock, tell } = await granted(DB);
    tell({ ...DB, revision: 2, spiffeId: SpiffeId.parse("spiffe://cluster.local/renamed") });
    expect(served(workload.entitlement())).toEqual(["pending"]);
    await clock.advance(0);
    expect(served(workload.entitlement())).toEqual(["/renamed"]);
  });

  test("keeps its certificate when only the hint changes", async () => {
    const { workload, clock, tell, x509Calls } = await granted(DB);
    const before = serial(workload);
    tell({ ...DB, revision: 2, hint: "internal" });
    await clock.advance(0);
    expect(served(workload.entitlement())).toEqual(["/db internal"]);
    expect(serial(workload)).toBe(before);
    expect(x509Calls).toEqual(["db"]);
  });

  test("keeps what it has while the CA is away", async () => {
    const { workload, clock, setAway } = await granted(DB);
    setAway(true);
    await clock.advance(HOUR_MS - 1);
    expect(served(workload.entitlement())).toEqual(["/db"]);
    await clock.advance(1);
    expect(served(workload.entitlement())).toEqual(["pending"]);
    setAway(false);
    await clock.advance(120_000);
    expect(served(workload.entitlement())).toEqual(["/db"]);
  });

  test("has nothing any more once it has ended, whoever holds its connection", async () => {
    const { workload, endProcess } = await granted(DB);
    endProcess();
    expect(workload.entitlement().kind).toBe("none");
    const tokens = workload.createJwtSvids({ audiences: ["a"] }, new AbortController().signal);
    await expect(tokens).rejects.toMatchObject({ code: "ERR_WORKLOAD_NOT_ENTITLED" });
  });
});

describe("the program's digest", () => {
  const PINNED = testEntry({ id: "pinned", selectors: ["unix:uid:1000", "unix:sha256:aa"] });
  const { signal } = new AbortController();

  async function waiting(...entries: readonly RegistrationEntry[]) {
    const node = createNodeFixture();
    node.tell(...entries);
    const workload = await node.attest();
    const first = workload.entitlement();
    await node.clock.advance(0);
    return { ...node, workload, first };
  }

  test("is not asked for while no entry depends on it", async () => {
    const { workload, digestCalls } = await granted(
      DB,
      testEntry({ id: "other-user", selectors: ["unix:uid:1001", "unix:sha256:aa"] }),
      testEntry({ id: "other-type", selectors: ["unix:uid:1000", "container:sha256:aa"] }),
    );
    expect(served(workload.entitlement())).toEqual(["/db"]);
    expect(digestCalls()).toBe(0);
  });

  test("gives the entry's identity when it is the one, and is computed once", async () => {
    const { workload, first, digest, digestCalls, clock, tell } = await waiting(PINNED);
    expect(first).toEqual({ kind: "pending", reason: "the digest of its program is being computed" });
    const heard: (readonly string[])[] = [];
    workload.subscribe(() => heard.push(served(workload.entitlement())));
    digest.resolve("aa");
    await clock.advance(0);
    expect(heard.at(-1)).toEqual(["/pinned"]);
    tell(PINNED, testEntry({ id: "again", selectors: ["unix:sha256:aa"] }));
    await clock.advance(0);
    expect(heard.at(-1)).toEqual(["/pinned", "/again"]);
    expect(digestCalls()).toBe(1);
  });

  test("gives nothing when it differs in its last digit", async () => {
    const { workload, digest, clock, x509Calls } = await waiting(PINNED);
    digest.resolve("ab");
    await clock.advance(0);
    expect(workload.entitlement()).toMatchObject({ kind: "none", reason: expect.stringContaining("unix:sha256:ab") });
    expect(x509Calls).toEqual([]);
  });

  test("gives nothing when it cannot be known, and that is on record with its reason", async () => {
    const { workload, digest, clock, audit, x509Calls } = await waiting(PINNED);
    digest.reject(new Error("the program has 9 bytes, the limit is 8"));
    await clock.advance(0);
    expect(workload.entitlement()).toMatchObject({
      kind: "none",
      reason: expect.stringContaining("unix:sha256 is not known: the program has 9 bytes"),
    });
    expect(audit).toMatchObject([{ outcome: "refused", code: "ERR_WORKLOAD_ATTESTATION" }]);
    expect(x509Calls).toEqual([]);
  });

  test("is waited for by the first answer, which has all identities", async () => {
    const { workload, digest, clock } = await waiting(DB, PINNED);
    expect(served(workload.entitlement())).toEqual(["pending"]);
    digest.resolve("aa");
    await clock.advance(0);
    workload.entitlement();
    await clock.advance(0);
    expect(served(workload.entitlement())).toEqual(["/db", "/pinned"]);
  });

  test("takes nothing from who has an identity already: the new one joins", async () => {
    const { workload, digest, clock, tell } = await granted(DB);
    tell(DB, PINNED);
    expect(served(workload.entitlement())).toEqual(["/db"]);
    digest.resolve("aa");
    await clock.advance(0);
    workload.entitlement();
    await clock.advance(0);
    expect(served(workload.entitlement())).toEqual(["/db", "/pinned"]);
  });

  test("is waited for no longer when the entry goes", async () => {
    const { workload, tell, clock } = await waiting(PINNED);
    tell(DB);
    await clock.advance(0);
    expect(served(workload.entitlement())).toEqual(["/db"]);
  });

  test("comes too late for a process that has ended", async () => {
    const { workload, digest, clock, endProcess, x509Calls } = await waiting(PINNED);
    endProcess();
    digest.resolve("aa");
    await clock.advance(0);
    expect(workload.entitlement().kind).toBe("none");
    expect(x509Calls).toEqual([]);
  });

  test("is waited for by a token, and without it there is none", async () => {
    for (const [known, expected] of [
      ["aa", ["/pinned"]],
      ["ab", "ERR_WORKLOAD_NOT_ENTITLED"],
    ] as const) {
      const { workload, digest } = await waiting(PINNED);
      const tokens = workload.createJwtSvids({ audiences: ["a"] }, signal).then(
        (svids) => svids.map(({ spiffeId }) => spiffeId.path),
        ({ code }) => code,
      );
      digest.resolve(known);
      expect(await tokens).toEqual(expected);
    }
  });

  test("gives no token by an entry that was deleted while it was computed", async () => {
    const { workload, digest, tell, jwtCalls } = await waiting(PINNED);
    const tokens = workload.createJwtSvids({ audiences: ["a"] }, signal);
    tell();
    digest.resolve("aa");
    await expect(tokens).rejects.toMatchObject({ code: "ERR_WORKLOAD_NOT_ENTITLED" });
    expect(jwtCalls).toEqual([]);
  });
});

describe("tokens of a process", () => {
  const { signal } = new AbortController();

  test("are one for each identity, the default's first (S8), or the one asked for", async () => {
    const { workload } = await granted(testEntry({ id: "web", hint: "w" }), DB);
    const all = await workload.createJwtSvids({ audiences: ["a"] }, signal);
    expect(all.map(({ spiffeId, hint }) => [spiffeId.path, hint])).toEqual([
      ["/web", "w"],
      ["/db", undefined],
    ]);
    const one = await workload.createJwtSvids({ audiences: ["a"], spiffeId: DB.spiffeId }, signal);
    expect(one.map(({ spiffeId }) => spiffeId.path)).toEqual(["/db"]);
  });

  test("are refused for an identity that it has not, and without any", async () => {
    const { workload, tell } = await granted(DB);
    const foreign = SpiffeId.parse("spiffe://cluster.local/admin");
    await expect(workload.createJwtSvids({ audiences: ["a"], spiffeId: foreign }, signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_NOT_ENTITLED",
    });
    tell();
    await expect(workload.createJwtSvids({ audiences: ["a"] }, signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_NOT_ENTITLED",
    });
  });

  test("are not those of before after a change of the entry", async () => {
    const { workload, tell, jwtCalls } = await granted(DB);
    await workload.createJwtSvids({ audiences: ["a"] }, signal);
    tell({ ...DB, revision: 2, jwtLifetimeSeconds: 10 });
    const [token] = await workload.createJwtSvids({ audiences: ["a"] }, signal);
    expect(jwtCalls).toHaveLength(2);
    expect(token?.token.expose()).toBe("token 2");
  });
});
