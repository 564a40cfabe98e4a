/** gRPC over real handshakes, on every runtime. */
import { deepEqual, equal, rejects, throws } from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, describe, test } from "node:test";
import { type ChannelCredentials, Client, Server, ServerCredentials } from "@grpc/grpc-js";
import { BundleSet } from "../bundle/index.ts";
import { systemClock } from "../core/index.ts";
import { createX509SourceFeed } from "../source/index.ts";
import type { X509Svid } from "../svid/index.ts";
import { createTestAuthority } from "../testing/index.ts";
import { type Authorizer, allow, connectHttp2, type Refusal } from "../tls/index.ts";
import { createChannelCredentials, createGrpcServer } from "./index.ts";

const WEB = "spiffe://example.test/web";
const DB = "spiffe://example.test/db";
const HOST = "127.0.0.1";
/** gRPC status UNAVAILABLE. */
const UNAVAILABLE = 14;
const authority = createTestAuthority("example.test");

function feedOf(svid: X509Svid) {
  const feed = createX509SourceFeed({ clock: systemClock });
  const bundles = BundleSet.of(authority.bundle);
  const put = (next: X509Svid): void => feed.set({ svid: next, svids: [{ svid: next, hint: "" }], bundles, crls: [] });
  put(svid);
  return { source: feed.source, put };
}

const web = feedOf(authority.issue("/web"));
const db = feedOf(authority.issue("/db"));
const asIs = (bytes: Buffer): Buffer => bytes;
const WHO = { path: "/test.Names/Who", requestStream: false, responseStream: false } as const;

/** A server whose one method answers the caller's SPIFFE ID and its certificate's serial number. */
async function whoServer(allowed: Authorizer, feed = db, host = HOST) {
  const server = new Server();
  let calls = 0;
  const refusals: Refusal[] = [];
  const onRefused = (refusal: Refusal) => refusals.push(refusal);
  const front = createGrpcServer(feed.source, { allow: allowed, onRefused }, server);
  server.addService(
    {
      who: {
        ...WHO,
        requestSerialize: asIs,
        requestDeserialize: asIs,
        responseSerialize: asIs,
        responseDeserialize: asIs,
      },
    },
    {
      who: (call: { getPeer(): string }, answer: (error: null, value: Buffer) => void) => {
        calls++;
        const { spiffeId, serialNumber } = front.peerOf(call);
        answer(null, Buffer.from(`${spiffeId.toString()} ${serialNumber}`));
      },
    },
  );
  const { port } = await front.listen({ port: 0, host });
  after(async () => {
    server.forceShutdown();
    await front.close({ graceMs: 0 });
  });
  return { port, server, front, refusals, calls: () => calls };
}

function clientOf(port: number, credentials: ChannelCredentials): Client {
  const client = new Client(`${HOST}:${port}`, credentials);
  after(() => client.close());
  return client;
}

function who(client: Client): Promise<string> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(WHO.path, asIs, asIs, Buffer.alloc(0), (error, value) =>
      error ? reject(error) : resolve(String(value)),
    );
  });
}

describe("gRPC", () => {
  test("a call tells who sent it", async () => {
    const { port } = await whoServer(allow.id(WEB));
    const client = clientOf(port, createChannelCredentials(web.source, { allow: allow.id(DB) }));
    equal(await who(client), `${WEB} ${web.source.svid.serialNumber}`);
  });

  test("a client calls nobody but the expected server", async () => {
    const { port, calls } = await whoServer(allow.any());
    const client = clientOf(port, createChannelCredentials(web.source, { allow: allow.id(WEB) }));
    await rejects(who(client), {
      code: UNAVAILABLE,
      message: /not allowed: unexpected ID "spiffe:\/\/example.test\/db"/,
    });
    equal(calls(), 0);
  });

  test("a server hears nothing from a client that is not allowed", async () => {
    const { port, calls } = await whoServer(allow.id(DB));
    const client = clientOf(port, createChannelCredentials(web.source, { allow: allow.id(DB) }));
    await rejects(who(client), { code: UNAVAILABLE });
    equal(calls(), 0);
  });

  test("a channel stays connected while both identities change, and a new one shows the new identity", async () => {
    const rotatingServer = feedOf(authority.issue("/db"));
    const rotatingClient = feedOf(authority.issue("/web"));
    const { port } = await whoServer(allow.id(WEB), rotatingServer);
    const credentials = createChannelCredentials(rotatingClient.source, { allow: allow.id(DB) });
    const client = clientOf(port, credentials);
    const first = await who(client);
    const next = authority.issue("/web");
    rotatingClient.put(next);
    rotatingServer.put(authority.issue("/db"));
    const later = new Client(`${HOST}:${port}`, credentials, { "grpc.use_local_subchannel_pool": 1 });
    after(() => later.close());
    deepEqual([await who(client), await who(later)], [first, `${WEB} ${next.serialNumber}`]);
  });

  test("a caller is not taken for another one that has the same address and port, on another address of the server", async () => {
    const { port, refusals } = await whoServer(allow.any(), db, "0.0.0.0");
    const first = connect({ host: HOST, port, localAddress: HOST });
    await once(first, "connect");
    const session = await connectHttp2(db.source, { host: HOST, port, socket: first, allow: allow.any() });
    const second = connect({ host: "127.0.0.2", port, localAddress: HOST, localPort: first.localPort ?? 0 });
    await once(second, "connect");
    const other = await connectHttp2(web.source, { host: "127.0.0.2", port, socket: second, allow: allow.any() });
    other.on("error", () => {});
    await once(other, "close");
    deepEqual(
      refusals.map(({ error, remoteAddress }) => [error.code, remoteAddress]),
      [["ERR_TLS_PEER_UNKNOWN", HOST]],
    );

    const call = session.request({
      ":method": "POST",
      ":path": WHO.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    let answer = "";
    call.on("data", (data: Buffer) => {
      answer += data.subarray(5).toString();
    });
    call.end(Buffer.alloc(5));
    await once(call, "end");
    equal(answer, `${DB} ${db.source.svid.serialNumber}`);
    session.destroy();
  });

  test("a caller that came in another way has no identity", async () => {
    const { server, front } = await whoServer(allow.any());
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${HOST}:0`, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    throws(() => front.peerOf({ getPeer: () => `${HOST}:${port}` }), { code: "ERR_TLS_PEER_UNKNOWN" });
  });
});
