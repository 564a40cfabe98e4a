import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpiffeBundle } from "@symbolon/spiffe/bundle";
import { createObservable, Secret, silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { createCertificateSigningRequest, createKeyPair, parseCertificate } from "@symbolon/spiffe/x509";
import { type CaFixture, createCaFixture, failureOf, TRUST_DOMAIN } from "../../../../../test/fakes/ca-fixture.ts";
import { testEntry } from "../../../../../test/fakes/registration-entries.ts";
import type { CreateJwtSvid, NodeClient, NodeState } from "../../agent/index.ts";
import { productError, type RegistrationEntry } from "../../core/index.ts";
import { listenOnUnixSocket } from "../os/index.ts";
import { type AgentServer, createAgentClient, serveAgents } from "./index.ts";

const DB = testEntry({
  id: "1",
  name: "db",
  spiffeId: "spiffe://cluster.local/db",
  selectors: ["unix:uid:1000", "unix:path:/usr/bin/db"],
  hint: "internal",
  dnsNames: ["db.example.org"],
  x509LifetimeSeconds: 60,
  isDefault: true,
});
const { signal } = new AbortController();
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Harness {
  readonly path: string;
  readonly client: NodeClient;
  readonly fixture: CaFixture;
  readonly entries: ReturnType<typeof createObservable<readonly RegistrationEntry[]>>;
  readonly tokenRequests: CreateJwtSvid[];
  serve(): Promise<AgentServer>;
}

/** A real CA behind a real socket. */
async function harness(): Promise<Harness> {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-agents-"));
  closers.push(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "ca.sock");
  const fixture = await createCaFixture();
  fixture.entries.set(DB.id, DB);
  const entries = createObservable<readonly RegistrationEntry[]>([DB]);
  const tokenRequests: CreateJwtSvid[] = [];
  const bundle = SpiffeBundle.of(TRUST_DOMAIN, {
    x509Authorities: fixture.ca.bundle.x509Authorities,
    jwtAuthorities: fixture.tokens.keySet,
  });
  const serve = async () => {
    const server = await serveAgents({
      path,
      listen: listenOnUnixSocket,
      bundles: createObservable([bundle]),
      entries,
      createEntrySvid: fixture.ca.createEntrySvid,
      async createJwtSvid(request) {
        tokenRequests.push(request);
        if (request.audiences.includes("overload")) throw productError("ERR_CA_OVERLOADED", "too many requests");
        return { spiffeId: DB.spiffeId, token: new Secret("a.b.c"), expiresAt: new Date(1_700_000_000_000) };
      },
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    });
    closers.push(() => server.close());
    return server;
  };
  const client = createAgentClient({ socketPath: path, clock: systemClock });
  closers.push(() => client.close());
  return { path, client, fixture, entries, tokenRequests, serve };
}

/** States as they come, each once. */
function follow(client: NodeClient) {
  const states: NodeState[] = [];
  let arrived: (() => void) | undefined;
  const ended = client.watchNode((state) => {
    states.push(state);
    arrived?.();
  }, signal);
  ended.catch(() => undefined);
  return {
    ended,
    async next(): Promise<NodeState> {
      while (states.length === 0)
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      return states.shift() as NodeState;
    },
  };
}

function request(spiffeId = "spiffe://cluster.local/db"): Uint8Array {
  return createCertificateSigningRequest({ keyPair: createKeyPair("ec-p256"), spiffeId: SpiffeId.parse(spiffeId) }).der;
}

describe("the CA's service for agents", () => {
  test("listens where only its user may connect", async () => {
    const { path, serve } = await harness();
    await serve();
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("tells bundles and entries at once and whole, and again after each change", async () => {
    const { client, entries, fixture, serve } = await harness();
    await serve();
    const watch = follow(client);
    const state = await watch.next();
    expect(state.entries).toEqual([DB]);
    expect(state.bundles.require(TRUST_DOMAIN).equals(fixture.ca.bundle)).toBe(true);
    expect(state.jwtBundles.get(TRUST_DOMAIN)?.jwtAuthorities.keys).toHaveLength(1);
    const plain = testEntry({ id: "2" });
    entries.set([DB, plain]);
    expect((await watch.next()).entries).toEqual([DB, plain]);
    entries.set([]);
    expect((await watch.next()).entries).toEqual([]);
  });

  test("knows what an agent says is wrong with it, for as long as that agent watches", async () => {
    const { client, serve } = await harness();
    const server = await serve();
    const watching = new AbortController();
    const told = new Promise<void>((resolve) => {
      const text = "agent: cannot write audit log: no space left";
      client.watchNode(() => resolve(), watching.signal, text).catch(() => undefined);
    });
    await told;
    await follow(client).next();
    expect(server.problems()).toEqual(["agent: cannot write audit log: no space left"]);
    watching.abort();
    // The server hears of the end of a stream when its frame arrives.
    while (server.problems().length > 0) await new Promise(setImmediate);
    expect(server.problems()).toEqual([]);
  });

  test("certifies the key of a request for what the entry says", async () => {
    const { client, serve } = await harness();
    await serve();
    const [leaf] = await client.createX509Svid({ entryId: "1", csr: request() }, signal);
    const { extensions } = parseCertificate(leaf ?? new Uint8Array());
    expect(extensions.subjectAltName?.uris).toEqual(["spiffe://cluster.local/db"]);
    expect(extensions.subjectAltName?.dnsNames).toEqual(["db.example.org"]);
  });

  test("refuses for good what would be refused again", async () => {
    const { client, serve } = await harness();
    await serve();
    const unknown = client.createX509Svid({ entryId: "9", csr: request() }, signal);
    expect(await failureOf(unknown)).toMatchObject({
      code: "ERR_CA_CALL_REFUSED",
      message: 'the CA refused: there is no registration entry with id "9"',
    });
    const foreign = client.createX509Svid({ entryId: "1", csr: request("spiffe://cluster.local/other") }, signal);
    expect(await failureOf(foreign)).toMatchObject({ code: "ERR_CA_CALL_REFUSED" });
  });

  test("passes tokens and their callers on", async () => {
    const { client, tokenRequests, serve } = await harness();
    await serve();
    const svid = await client.createJwtSvid({ caller: { entryId: "1" }, audiences: ["a", "b"] }, signal);
    expect(svid.spiffeId.toString()).toBe("spiffe://cluster.local/db");
    expect(svid.token.expose()).toBe("a.b.c");
    expect(svid.expiresAt).toEqual(new Date(1_700_000_000_000));
    const serviceAccountToken = new Secret("t");
    await client.createJwtSvid({ caller: { serviceAccountToken }, audiences: ["c"] }, signal);
    expect(tokenRequests.map(({ audiences }) => audiences)).toEqual([["a", "b"], ["c"]]);
    expect(tokenRequests[0]?.caller).toEqual({ entryId: "1" });
    expect(tokenRequests[1]?.caller).toMatchObject({ serviceAccountToken: expect.any(Secret) });
  });

  test("an overloaded CA is asked again, and one that is away too", async () => {
    const { client, serve } = await harness();
    const away = client.createX509Svid({ entryId: "1", csr: request() }, signal);
    expect(await failureOf(away)).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE" });
    await serve();
    const order = { caller: { entryId: "1" }, audiences: ["overload"] } as const;
    let failure = await failureOf(client.createJwtSvid(order, signal));
    // The connection comes back within a second.
    while (failure.message.includes("connect")) failure = await failureOf(client.createJwtSvid(order, signal));
    expect(failure).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE", message: "the CA refused: too many requests" });
  });

  test("the end of the CA ends the stream with an error", async () => {
    const { client, serve } = await harness();
    const server = await serve();
    const watch = follow(client);
    await watch.next();
    await server.close();
    expect(await failureOf(watch.ended)).toMatchObject({ code: "ERR_CA_CALL_RETRYABLE" });
  });
});
