/** Policies before a real application: who gets through, what the refused are told, and what a change does to the living. */
import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import type tls from "node:tls";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import {
  CLIENT_ID,
  type InboundFixture,
  keyPem,
  MESH,
  type ProxyFixtureOptions,
  startInbound,
  talk,
  tlsClient,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";
import { buildPolicy, type PolicyText } from "../../../../test/oracle/build-policy.ts";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const SVID = MESH.issue("/ns/foo/sa/client");
const ISTIO_HTTP = ["istio-http/1.1", "istio"];
const FROM_CLIENT = { from: [{ principals: ["mesh.example/ns/foo/sa/client"] }] };
const FROM_OTHER = { from: [{ principals: ["mesh.example/ns/foo/sa/other"] }] };
const ON_ADMIN = { to: [{ paths: ["/admin"] }] };

/** Answers each request of a connection with its number and keeps the connection. */
const answering = (socket: net.Socket): void => {
  let count = 0;
  socket.on("data", (chunk) => {
    const requests = chunk.toString("latin1").split("\r\n\r\n").length - 1;
    for (let each = 0; each < requests; each++) socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${++count}`);
  });
};

interface Start extends ProxyFixtureOptions {
  readonly protocol?: "http" | "tcp" | "auto";
  readonly policies: readonly PolicyText[];
  readonly handle?: (socket: net.Socket) => void;
}

async function start({ policies, protocol = "http", handle = answering, ...options }: Start): Promise<InboundFixture> {
  const server = await startInbound({
    http: {},
    protocol,
    ...(protocol === "tcp" ? {} : { handle }),
    ...options,
    local: { authorizationPolicies: policies.map(buildPolicy), ...options.local },
  });
  closing.push(() => server.close());
  return server;
}

function change(server: InboundFixture, ...policies: readonly PolicyText[]): void {
  const current = server.config.current;
  if (!current) throw new Error("no configuration");
  const local = { ...current.local, authorizationPolicies: policies.map(buildPolicy) };
  server.config.set({ ...current, version: current.version + 1, local });
}

async function connect(server: InboundFixture, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  const socket = tlsClient(server, {
    cert: SVID.certificateChainPem(),
    key: keyPem(SVID),
    ALPNProtocols: ISTIO_HTTP,
    ...options,
  });
  closing.push(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  return socket;
}

/** What comes back for one request, up to the end of a content of known length. */
function ask(socket: net.Socket, target: string, ...lines: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const done = (): void => {
      socket.off("data", onData).off("close", done);
      resolve(text);
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      const [head = "", body] = text.split("\r\n\r\n", 2);
      if (body !== undefined && body.length >= Number(/content-length: (\d+)/i.exec(head)?.[1])) done();
    };
    socket.on("data", onData).on("close", done);
    socket.write([`GET ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n"), "latin1");
  });
}

const ended = (socket: net.Socket): Promise<void> =>
  new Promise((resolve) => socket.once("close", () => resolve()).on("error", () => undefined));

const seen = (server: InboundFixture): string => server.application.received().toString("latin1");
const DENIED = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nContent-Length: 19\r\n\r\nRBAC: access denied";

describe("an HTTP request", () => {
  test("passes when a policy allows it; a neighbour gets Istio's 403, and the application sees nothing of it", async () => {
    const server = await start({
      policies: [{ name: "get", rules: [{ ...FROM_CLIENT, to: [{ methods: ["GET"] }] }] }],
    });
    const socket = await connect(server);
    expect(await ask(socket, "/a")).toStartWith("HTTP/1.1 200 OK");
    const before = seen(server);
    socket.write("DELETE /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: 11\r\n\r\n");
    expect(await new Promise((resolve) => socket.once("data", (data) => resolve(String(data))))).toBe(DENIED);
    expect(await ask(socket, "/b")).toEndWith("\r\n\r\n2");
    expect(seen(server).slice(before.length)).not.toContain("DELETE");
    expect(server.requests.map(({ status, authorization }) => [status, authorization])).toEqual([
      [200, { outcome: "allowed", reason: "allow_rule_matched", policy: "ns[foo]-policy[get]-rule[0]" }],
      [403, { outcome: "denied", reason: "no_allow_rule_matched" }],
      [200, { outcome: "allowed", reason: "allow_rule_matched", policy: "ns[foo]-policy[get]-rule[0]" }],
    ]);
    expect(server.requests[1]).toMatchObject({
      flags: ["RBAC"],
      detail: "rbac_access_denied_matched_policy[none]",
      responseBytes: 19,
    });
    expect(server.denials).toEqual([
      {
        time: expect.any(String),
        what: "request",
        configVersion: 1,
        workload: { namespace: "foo", podName: "pod", podUid: "pod" },
        connectionId: server.requests[1]?.connection ?? 0,
        requestId: server.requests[1]?.requestId ?? "",
        reason: "no_allow_rule_matched",
        detail: "rbac_access_denied_matched_policy[none]",
        connection: {
          peerSpiffeId: CLIENT_ID,
          sourceAddress: "127.0.0.1",
          destinationAddress: server.address,
          destinationPort: server.port,
        },
        request: {
          method: "DELETE",
          path: "/a",
          host: "a",
          headers: [
            ["host", "a"],
            ["x-request-id", "11"],
            ["x-forwarded-client-cert", expect.stringMatching(new RegExp(`^By=.*;URI=${CLIENT_ID}$`))],
            ["x-forwarded-proto", "https"],
          ],
        },
      },
    ]);
  });

  test("that a DENY rule matches is refused with the rule on record, not in the answer", async () => {
    const server = await start({ policies: [{ name: "no admin", action: "deny", rules: [ON_ADMIN] }] });
    const socket = await connect(server);
    expect(await ask(socket, "/admin")).toBe(DENIED);
    expect(server.requests[0]?.detail).toBe("rbac_access_denied_matched_policy[ns[foo]-policy[no_admin]-rule[0]]");
    expect(server.denials).toMatchObject([{ rule: { namespace: "foo", name: "no admin", ruleIndex: 0 } }]);
    expect(await ask(socket, "/admin/")).toStartWith("HTTP/1.1 200");
  });

  test("of a plaintext client has no principal", async () => {
    const server = await start({ policies: [{ rules: [FROM_CLIENT] }] });
    const socket = net.connect({ host: server.address, port: server.port });
    closing.push(() => void socket.destroy());
    expect(await ask(socket, "/")).toBe(DENIED);
    expect(server.denials[0]?.connection).not.toHaveProperty("peerSpiffeId");
  });

  test("is decided by the path as the application gets it, decoded once", async () => {
    const server = await start({ policies: [{ action: "deny", rules: [ON_ADMIN] }] });
    const socket = await connect(server);
    for (const target of ["/a/../admin", "/%61dmin", "\\admin", "/x\\..\\admin?a=b", "/./admin"])
      expect(await ask(socket, target.startsWith("/") ? target : `/..${target}`)).toBe(DENIED);
    expect(await ask(socket, "/%2561dmin")).toContain("200 OK");
    expect(await ask(socket, "/a/%2e%2e/b/%%36%31?x=/../y")).toContain("200 OK");
    expect(seen(server).match(/GET \S+/g)).toEqual(["GET /%2561dmin", "GET /b/%61?x=/../y"]);
    expect(server.requests.map(({ path }) => path)).toEqual([
      "/admin",
      "/admin",
      "/admin",
      "/admin?a=b",
      "/admin",
      "/%2561dmin",
      "/b/%61?x=/../y",
    ]);
  });

  test("is decided by its host without dots at the end, however many", async () => {
    const server = await start({ policies: [{ action: "deny", rules: [{ to: [{ hosts: ["b.com", "b.com:*"] }] }] }] });
    for (const host of ["b.com", "B.com.", "b.com..", "b.com..:80"]) {
      const socket = await connect(server);
      const { received } = await talk(socket, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, DENIED.length);
      expect(received.toString()).toBe(DENIED);
    }
    expect(seen(server)).toBe("");
  });

  test("with a path that no server may be given is answered 400", async () => {
    const server = await start({ policies: [{ rules: [{}] }] });
    expect(await ask(await connect(server), "/a%00")).toStartWith("HTTP/1.1 400 Bad Request");
    expect(server.requests).toMatchObject([{ status: 400, detail: "path_normalization_failed" }]);
    expect(seen(server)).toBe("");
  });

  test("has its path changed as the mesh says, without any policy too", async () => {
    const paths = async (pathNormalization: "none" | "base" | "merge-slashes") => {
      const server = await start({ policies: [], mesh: { pathNormalization } });
      await ask(await connect(server), "/a//b/../c");
      return seen(server).match(/GET (\S+)/)?.[1];
    };
    expect(await paths("none")).toBe("/a//b/../c");
    expect(await paths("base")).toBe("/a//c");
    expect(await paths("merge-slashes")).toBe("/a/c");
  });

  test("shows policies the fields that the application gets, each line a value of its own", async () => {
    const when = (values: readonly string[]) => [{ key: "request.headers[x-role]", values }];
    const server = await start({ policies: [{ rules: [{ when: when(["user"]) }] }] });
    const socket = await connect(server);
    expect(await ask(socket, "/", "x-role: user", "x-role: admin")).toContain("200 OK");
    expect(await ask(socket, "/", "X-Role:  user  ")).toContain("200 OK");
    expect(await ask(socket, "/", "x-role: user,admin")).toBe(DENIED);
    expect(await ask(socket, "/", "x-role: user", "Connection: x-role")).toBe(DENIED);
    expect(await ask(socket, "/")).toBe(DENIED);
    change(server, { rules: [{ when: [{ key: "request.headers[x-envoy-internal]", values: ["true"] }] }] });
    expect(await ask(socket, "/", "x-envoy-internal: true")).toBe(DENIED);
  });

  test("tells the refused client why only where that is wanted", async () => {
    const server = await start({ policies: [{}], mesh: { denialReasonHeader: true } });
    expect(await ask(await connect(server), "/")).toContain("\r\nX-Symbolon-Reason: no_allow_rule_matched\r\n");
  });

  test("leaves audit and dry run on record, and passes", async () => {
    const server = await start({
      policies: [
        { name: "log", action: "audit", rules: [ON_ADMIN] },
        { name: "draft", action: "deny", dryRun: true, rules: [ON_ADMIN] },
        { name: "draft-allow", action: "allow", dryRun: true, rules: [{ to: [{ methods: ["POST"] }] }] },
      ],
    });
    const socket = await connect(server);
    expect(await ask(socket, "/admin")).toContain("200 OK");
    expect(await ask(socket, "/")).toContain("200 OK");
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([
      {
        outcome: "allowed",
        reason: "no_allow_policy",
        audit: true,
        dryRun: { deny: { result: "denied", policy: "ns[foo]-policy[draft]-rule[0]" }, allow: { result: "denied" } },
      },
      {
        outcome: "allowed",
        reason: "no_allow_policy",
        dryRun: { deny: { result: "allowed" }, allow: { result: "denied" } },
      },
    ]);
    expect(server.denials).toEqual([]);
  });

  test("that is refused before all of its content has come ends its connection after the answer", async () => {
    const server = await start({ policies: [{}] });
    const socket = await connect(server);
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
    const { received } = await talk(socket, undefined, Number.POSITIVE_INFINITY);
    expect(received.toString()).toBe(DENIED.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  });

  test("keeps secrets out of the record of its refusal, and says what is left out", async () => {
    const server = await start({ policies: [{}] });
    const socket = await connect(server);
    await ask(socket, "/", "Authorization: Bearer abc", "Cookie: a=b");
    await ask(socket, `/${"a".repeat(3000)}`, `x-long: ${"b".repeat(9000)}`);
    const [first, second] = server.denials.map(({ request }) => request);
    expect(JSON.stringify(first)).not.toMatch(/abc|a=b/);
    expect(first?.cut).toEqual(["authorization", "cookie"]);
    expect(second?.cut).toEqual(["headers", "path"]);
    expect(JSON.stringify(second).length).toBeLessThan(12_000);
  });
});

describe("a TCP connection", () => {
  test("is decided once, by who calls; a refused one never reaches the application", async () => {
    const server = await start({ protocol: "tcp", policies: [{ name: "client", rules: [FROM_CLIENT] }] });
    const socket = await connect(server, { ALPNProtocols: ["istio"] });
    expect((await talk(socket, "hello", 5)).received.toString()).toBe("hello");
    const other = tlsClient(server, { svid: MESH.issue("/ns/foo/sa/other") });
    expect((await talk(other, "x", 1)).received).toHaveLength(0);
    expect(server.application.connections).toHaveLength(1);
    const records = [await server.nextRecord(), await server.nextRecord()];
    expect(records.find(({ reason }) => reason === "access_denied")).toMatchObject({
      detail: "rbac_access_denied_matched_policy[none]",
      peerSpiffeId: "spiffe://mesh.example/ns/foo/sa/other",
      authorization: { outcome: "denied", reason: "no_allow_rule_matched" },
    });
    expect(server.denials).toMatchObject([{ what: "connection", reason: "no_allow_rule_matched" }]);
    expect(server.denials[0]).not.toHaveProperty("request");
  });

  test("never gets by a rule that needs HTTP: an ALLOW is lost, a DENY keeps the rest of its items", async () => {
    const server = await start({ protocol: "tcp", policies: [{ rules: [{ to: [{ methods: ["GET"] }] }] }] });
    const outcome = async () => (await talk(await connect(server), "x", 1)).received.length;
    expect(await outcome()).toBe(0);
    change(server, { action: "deny", rules: [{ to: [{ paths: ["/admin"], ports: [String(server.port + 1)] }] }] });
    expect(await outcome()).toBe(1);
    change(server, { action: "deny", rules: [{ to: [{ paths: ["/admin"], ports: [String(server.port)] }] }] });
    expect(await outcome()).toBe(0);
  });

  test("of HTTP/2 on an HTTP port is decided as TCP: a rule about requests is no way in", async () => {
    const server = await start({ policies: [{ rules: [{ to: [{ paths: ["/public"] }] }] }] });
    const socket = await connect(server);
    const { received } = await talk(socket, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 1);
    expect(received).toHaveLength(0);
    expect(seen(server)).toBe("");
  });

  test("with a client's own TLS is passed by its server name, and has no identity (CV-38)", async () => {
    const policies = [{ rules: [{ when: [{ key: "connection.sni", values: ["a.example"] }] }] }];
    const server = await start({ protocol: "auto", policies, mode: "permissive" } as Start);
    const hello = (servername: string) => tlsClient(server, { ALPNProtocols: ["http/1.1"], servername });
    const refused = hello("b.example");
    await ended(refused);
    expect(server.application.connections).toHaveLength(0);
    const passed = hello("a.example");
    closing.push(() => void passed.destroy());
    passed.on("error", () => undefined);
    await until(() => server.application.received().length > 0);
    expect(server.application.received()[0]).toBe(22);
    expect(server.denials).toMatchObject([{ connection: { sni: "b.example" } }]);
  });
});

describe("a change of policy", () => {
  test("closes a live TCP connection that it no longer allows, both ends, and leaves the others", async () => {
    const server = await start({ protocol: "tcp", policies: [] });
    const socket = await connect(server);
    await new Promise((resolve) => socket.once("data", resolve).write("x"));
    change(server, { rules: [FROM_CLIENT] });
    await new Promise((resolve) => socket.once("data", resolve).write("x"));
    change(server, { rules: [FROM_OTHER] });
    await ended(socket);
    await until(() => server.application.connections[0]?.destroyed === true);
    expect(await server.nextRecord()).toMatchObject({ reason: "access_revoked", bytesReceived: 2 });
    expect(server.denials).toMatchObject([{ what: "revoked", configVersion: 3 }]);
  });

  test("that throws while one connection is decided again closes that one, and decides the others", async () => {
    const server = await start({ protocol: "tcp", policies: [] });
    const sockets = await Promise.all([1, 2, 3].map(() => connect(server)));
    for (const socket of sockets) await new Promise((resolve) => socket.once("data", resolve).write("x"));
    const { denials } = server;
    const push = denials.push.bind(denials);
    // The port that denials are recorded by fails for the first connection.
    denials.push = () => {
      denials.push = push;
      throw new Error("no room for a denial");
    };
    const closed = sockets.map(ended);
    change(server, { rules: [FROM_OTHER] });
    await Promise.all(closed);
    expect(denials.map(({ what, connectionId }) => [what, connectionId])).toEqual([
      ["revoked", 2],
      ["revoked", 3],
    ]);
    expect(server.proxy.vitals().connections).toEqual([]);
    expect(server.proxy.configVersion).toBe(2);
  });

  test("between the decision and the connection to the application is not missed", async () => {
    const server = await start({ protocol: "tcp", policies: [{ rules: [FROM_CLIENT] }] });
    server.proxy.dump();
    const socket = await connect(server);
    // The handshake is over: the proxy has decided, and connects.
    change(server, { rules: [FROM_OTHER] });
    await ended(socket);
    expect(await server.nextRecord()).toMatchObject({ reason: expect.stringMatching(/^access_(revoked|denied)$/) });
  });

  test("holds for the next request of a connection that stays: denied, and allowed again", async () => {
    const server = await start({ policies: [{ rules: [FROM_CLIENT] }] });
    const socket = await connect(server);
    expect(await ask(socket, "/")).toContain("200 OK");
    change(server, { rules: [FROM_OTHER] });
    expect(await ask(socket, "/")).toBe(DENIED);
    change(server);
    expect(await ask(socket, "/")).toContain("200 OK");
    expect(server.proxy.dump().connections).toMatchObject([{ open: true, requests: 3 }]);
  });

  test("ends an answer that is under way, and answers a request that waits for one", async () => {
    const half = (socket: net.Socket) =>
      socket.once("data", (chunk) => {
        if (String(chunk).startsWith("GET /half")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
      });
    const server = await start({ policies: [], handle: half });
    const streaming = await connect(server);
    const waiting = await connect(server);
    let received = 0;
    streaming.on("data", (chunk) => {
      received += chunk.length;
    });
    const streamed = talk(streaming, "GET /half HTTP/1.1\r\nHost: a\r\n\r\n", Number.POSITIVE_INFINITY);
    const answered = ask(waiting, "/wait");
    await until(() => seen(server).includes("/wait") && received > 0);
    change(server, { action: "deny", rules: [{ to: [{ paths: ["/half", "/wait"] }] }] });
    expect(await answered).toBe(DENIED);
    expect((await streamed).received.toString()).toEndWith("\r\n\r\nabc");
    expect(server.denials.map(({ what }) => what)).toEqual(["revoked", "revoked"]);
  });

  test("closes a WebSocket that it no longer allows, by everything that its request said", async () => {
    const upgrade = (socket: net.Socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
        socket.pipe(socket);
      });
    };
    const server = await start({ policies: [], handle: upgrade });
    const socket = await connect(server);
    socket.write(
      "GET /chat HTTP/1.1\r\nHost: a\r\nX-Room: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    const next = () => new Promise<string>((resolve) => socket.once("data", (data) => resolve(String(data))));
    expect(await next()).toStartWith("HTTP/1.1 101");
    const inRoom = (room: string): PolicyText => ({
      action: "deny",
      rules: [{ to: [{ paths: ["/chat"] }], when: [{ key: "request.headers[x-room]", values: [room] }] }],
    });
    change(server, inRoom("2"));
    const echo = next();
    socket.write("still here");
    expect(await echo).toBe("still here");
    change(server, inRoom("1"));
    await ended(socket);
    expect(await server.nextRecord()).toMatchObject({ reason: "access_revoked" });
    expect(server.denials).toMatchObject([{ what: "revoked", request: { path: "/chat" } }]);
  });

  test("that cannot be compiled leaves the last one in force, with all that came with it, and its number", async () => {
    const server = await start({ policies: [{ rules: [FROM_OTHER] }] });
    const socket = await connect(server);
    const { inboundMode } = server.proxy.dump().local ?? {};
    change(server, { rules: [{ when: [{ key: "no.such.key", values: ["a"] }] }] });
    expect(await ask(socket, "/")).toBe(DENIED);
    const { current } = server.config;
    if (current) server.config.set({ ...current, version: 3, local: { ...current.local, inboundMode: "disable" } });
    expect(await ask(socket, "/")).toBe(DENIED);
    expect([server.proxy.configVersion, server.proxy.dump().local?.inboundMode]).toEqual([1, inboundMode]);
    change(server, { rules: [FROM_CLIENT] });
    expect(await ask(socket, "/")).toContain("200 OK");
    expect(server.proxy.configVersion).toBe(4);
  });

  test("that is a new number alone is obeyed by that number, and touches nothing", async () => {
    const server = await start({ policies: [{ rules: [FROM_CLIENT] }] });
    const socket = await connect(server);
    expect(await ask(socket, "/")).toContain("200 OK");
    const { current } = server.config;
    // All that a new stream tells is new objects with the same words.
    if (current) server.config.set({ ...structuredClone(current), version: 2 });
    expect(server.proxy.configVersion).toBe(2);
    expect(await ask(socket, "/")).toContain("200 OK");
    change(server, { rules: [FROM_OTHER] });
    expect(await ask(socket, "/")).toBe(DENIED);
    // Denials name the version that brought the policies.
    expect(server.denials).toMatchObject([{ configVersion: 3 }]);
  });
});

describe("a trust-domain alias", () => {
  const OLD = createTestAuthority("old.example", { keyPair: MESH.keyPair, commonName: "mesh.example root" });
  const svid = OLD.issue("/ns/foo/sa/client");
  const asOld = { cert: svid.certificateChainPem(), key: keyPem(svid) };

  test("names the same callers: policies of the one name match identities of the other", async () => {
    const server = await start({ policies: [{ rules: [FROM_CLIENT] }], mesh: { trustDomainAliases: ["old.example"] } });
    expect(await ask(await connect(server, asOld), "/")).toContain("200 OK");
    expect(server.requests).toMatchObject([{ peerSpiffeId: "spiffe://old.example/ns/foo/sa/client" }]);
    change(server, { rules: [{ from: [{ principals: ["old.example/ns/foo/sa/client"] }] }] });
    expect(await ask(await connect(server), "/")).toContain("200 OK");
    change(server, { rules: [{ from: [{ principals: ["older.example/ns/foo/sa/client"] }] }] });
    expect(await ask(await connect(server, asOld), "/")).toBe(DENIED);
  });

  test("that is not declared is a stranger, whoever signed it", async () => {
    const server = await start({ policies: [] });
    const socket = tlsClient(server, { ...asOld, ALPNProtocols: ISTIO_HTTP });
    expect((await talk(socket, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1)).received).toHaveLength(0);
    expect(await server.nextRecord()).toMatchObject({ reason: "peer_not_verified" });
  });
});
