/** undici's fetch over real handshakes; on Bun, which replaces undici, a refusal. */
import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { after, describe, test } from "node:test";
import { BundleSet } from "../bundle/index.ts";
import { systemClock } from "../core/index.ts";
import { createX509SourceFeed } from "../source/index.ts";
import type { X509Svid } from "../svid/index.ts";
import { createTestAuthority } from "../testing/index.ts";
import { type Authorizer, allow, createHttpsServer, peerOf } from "../tls/index.ts";
import { createFetch, createUndiciAgent } from "./index.ts";

const WEB = "spiffe://example.test/web";
const DB = "spiffe://example.test/db";
const HOST = "127.0.0.1";
const isBun = "Bun" in globalThis;
const authority = createTestAuthority("example.test");

function sourceOf(svid: X509Svid) {
  const feed = createX509SourceFeed({ clock: systemClock });
  feed.set({ svid, svids: [{ svid, hint: "" }], bundles: BundleSet.of(authority.bundle), crls: [] });
  return feed.source;
}

const web = sourceOf(authority.issue("/web"));
const db = sourceOf(authority.issue("/db"));

async function httpsServer(allowed: Authorizer) {
  const requests: string[] = [];
  const server = createHttpsServer(db, { allow: allowed }, (req, res) => {
    requests.push(`${req.method} ${req.url}`);
    res.end(peerOf(req).spiffeId.toString());
  });
  const { port } = await server.listen({ port: 0, host: HOST });
  after(() => server.close({ graceMs: 0 }));
  return { port, requests };
}

function openFetch(...args: Parameters<typeof createFetch>) {
  const fetch = createFetch(...args);
  after(() => fetch.close());
  return fetch;
}

/** What undici hides behind "fetch failed". */
async function causeOf(attempt: Promise<unknown>): Promise<unknown> {
  try {
    await attempt;
    return "succeeded";
  } catch (error) {
    return ((error as Error).cause as { code?: string } | undefined)?.code ?? error;
  }
}

if (isBun) {
  test("there is no fetch by SPIFFE ID where undici is replaced", () => {
    throws(() => createFetch(web, { allow: allow.id(DB) }), { code: "ERR_TLS_RUNTIME_UNSUPPORTED" });
    throws(() => createUndiciAgent(web, { allow: allow.id(DB) }), { code: "ERR_TLS_RUNTIME_UNSUPPORTED" });
  });
} else {
  describe("fetch", () => {
    test("answers, and the server knows who asked", async () => {
      const { port } = await httpsServer(allow.id(WEB));
      const fetch = openFetch(web, { allow: allow.id(DB) });
      const response = await fetch(`https://${HOST}:${port}/`);
      deepEqual([response.status, await response.text()], [200, WEB]);
    });

    test("sends nothing to another service than the expected one", async () => {
      const { port, requests } = await httpsServer(allow.any());
      const fetch = openFetch(web, { allow: allow.id(WEB) });
      equal(await causeOf(fetch(`https://${HOST}:${port}/`)), "ERR_TLS_PEER_NOT_ALLOWED");
      deepEqual(requests, []);
    });

    test("fails when the server does not accept us", async () => {
      const { port, requests } = await httpsServer(allow.id(DB));
      const fetch = openFetch(web, { allow: allow.id(DB) });
      await rejects(fetch(`https://${HOST}:${port}/`));
      deepEqual(requests, []);
    });

    test("sends nothing in the clear", async () => {
      const { port } = await httpsServer(allow.any());
      const fetch = openFetch(web, { allow: allow.any() });
      equal(await causeOf(fetch(`http://${HOST}:${port}/`)), "ERR_TLS_CONNECT_FAILED");
    });
  });
}
