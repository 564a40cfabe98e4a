import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { startApplication, startProxy, talk, until } from "../../../../test/fakes/proxy-fixture.ts";
import type { ProxyConfig, ServiceView, WorkloadView } from "../mesh/index.ts";
import type { Capture } from "./capture.ts";
import { type ExplicitCaptureOptions, explicitCapture } from "./explicit-capture.ts";

const APPLICATION = "169.254.1.2";
const SECRET = `Basic ${Buffer.from("pod:secret").toString("base64")}`;
const ANSWER = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Below those that the kernel gives out by itself: nobody is given it between this and its use, nor twice by this. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + (nextPort++ % 12_000);
    const server = net.createServer();
    const isFree = await new Promise((resolve) => {
      server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (isFree) return port;
  }
}
/** Test processes that run side by side begin at different ones. */
let nextPort = process.pid * 131;

const workload = (podUid: string, address: string): WorkloadView => ({
  podUid,
  namespace: "foo",
  name: podUid,
  address,
  spiffeId: "spiffe://mesh.example/ns/foo/sa/server",
  sidecar: false,
  plaintextPorts: [],
  plaintextByDefault: false,
});

const service = (tls = false): ServiceView => ({
  namespace: "foo",
  name: "web",
  address: "10.96.0.9",
  ports: [
    {
      port: 80,
      protocol: "http",
      endpoints: [{ podUid: "server", address: "10.244.0.3", port: 8080, tls }],
      expectedSpiffeIds: ["spiffe://mesh.example/ns/foo/sa/server"],
    },
  ],
});

interface PairOptions {
  readonly sidecar?: boolean;
  readonly clientSidecar?: boolean;
  readonly mode?: "permissive" | "strict";
  /** A name that the machine's resolver would know, and that leads to the application. */
  readonly outside?: string;
  readonly isForbidden?: (remoteAddress: string) => boolean;
}

/** Two pods on one loopback: `server` with an application that `handle` plays, `client` with its proxy port. */
async function startPair(handle: (socket: net.Socket) => void, options: PairOptions = {}) {
  const { sidecar = false, mode = "permissive", isForbidden } = options;
  const { clientSidecar = sidecar } = options;
  const application = await startApplication("127.0.0.1", handle);
  const listeners = new Map<string, ReadonlyMap<number, number>>();
  const workloads = [
    { ...workload("client", "10.244.0.2"), sidecar: clientSidecar },
    { ...workload("server", "10.244.0.3"), sidecar },
  ];
  const mesh = { services: [service(sidecar)], workloads };
  const ports = { client: await freePort(), server: await freePort() };
  const start = async (podUid: "client" | "server", address: string, own: boolean) => {
    const fixture = await startProxy(
      { listenAddress: address, applicationAddress: APPLICATION, port: 1 },
      {
        http: {},
        mesh,
        capture: withOutside({
          outboundPort: ports[podUid],
          authorize: (credentials) => credentials === SECRET,
          applicationAddress: APPLICATION,
          applicationPort: () => application.port,
          publish: (own) => listeners.set(podUid, own),
          findListener: (uid, port) => listeners.get(uid)?.get(port),
        }),
        local: {
          podUid,
          address,
          sidecar: own,
          inboundMode: mode,
          inboundPorts: podUid === "server" ? [{ port: 8080, protocol: "http", mode, decidedBy: "default" }] : [],
        },
      },
    );
    closers.push(() => fixture.proxy.drain(0));
    return fixture;
  };
  function withOutside(capture: ExplicitCaptureOptions): Capture {
    const explicit = explicitCapture(capture);
    const locate: Capture["locate"] = (address, port, config) =>
      address === options.outside
        ? { hostname: "127.0.0.1", port: application.port, ...(isForbidden ? { isForbidden } : {}) }
        : explicit.locate(address, port, config);
    return { ...explicit, locate };
  }
  const server = await start("server", "10.244.0.3", sidecar);
  const client = await start("client", "10.244.0.2", clientSidecar);
  closers.push(() => application.close());
  const ask = (bytes: string, wanted = 1 << 20) =>
    talk(net.connect({ port: ports.client, host: "127.0.0.1" }), bytes, wanted);
  return { application, server, client, ask, listeners };
}

const answering = (socket: net.Socket) => void socket.on("data", () => socket.write(ANSWER));
const hostOf = (target: string) => /^\w+:\/\/([^/]*)/.exec(target)?.[1] ?? "web";
const get = (target: string, fields = `Proxy-Authorization: ${SECRET}\r\n`) =>
  `GET ${target} HTTP/1.1\r\nHost: ${hostOf(target)}\r\n${fields}Connection: close\r\n\r\n`;
const connect = (target: string, fields = `Proxy-Authorization: ${SECRET}\r\n`) =>
  `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${fields}\r\n`;
const text = ({ received }: { readonly received: Buffer }) => received.toString("latin1");

describe("explicit capture: requests in absolute form", () => {
  test("reach a Service under each of its names, in origin form and without the credentials", async () => {
    const { application, ask } = await startPair(answering, { sidecar: true });
    for (const host of ["web", "web.foo", "web.foo.svc", "web.foo.svc.cluster.local", "WEB.foo.", "10.96.0.9"])
      expect([host, text(await ask(get(`http://${host}:80/a?b=c`))).split("\r\n")[0]]).toEqual([
        host,
        "HTTP/1.1 200 OK",
      ]);
    const received = application.received().toString("latin1");
    expect(received.match(/^GET \/a\?b=c HTTP\/1\.1\r$/gm)).toHaveLength(6);
    expect(received).not.toContain(Buffer.from("pod:secret").toString("base64"));
    expect(received.toLowerCase()).not.toContain("proxy-authorization");
  });

  test("between sidecars they go over mutual TLS, and the record says so", async () => {
    const { client, server, ask } = await startPair(answering, { sidecar: true, mode: "strict" });
    expect(text(await ask(get("http://web/")))).toStartWith("HTTP/1.1 200 OK\r\n");
    await until(() => client.records.length > 0 && server.requests.length > 0);
    expect(client.records[0]).toMatchObject({ service: "web.foo:80", security: "mtls", tlsVersion: "TLSv1.3" });
    expect(server.requests[0]).toMatchObject({ security: "mtls", direction: "inbound", status: 200 });
  });

  test("each request of one connection goes where it says", async () => {
    const { ask, client } = await startPair(answering, { sidecar: true });
    const keep = (target: string) => get(target).replace("Connection: close\r\n", "");
    const answer = text(await ask(keep("http://web/one") + keep("http://nobody.foo/two") + get("http://web/three")));
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 404", "HTTP/1.1 200"]);
    expect(client.requests.map(({ path, service }) => [path, service])).toEqual([
      ["/one", "web.foo:80"],
      ["/two", undefined],
      ["/three", "web.foo:80"],
    ]);
  });

  const refusals: readonly (readonly [string, string, number])[] = [
    ["no credentials", get("http://web/", ""), 407],
    ["another pod's credentials", get("http://web/", "Proxy-Authorization: Basic AAAA\r\n"), 407],
    [
      "two fields of credentials",
      get("http://web/", `Proxy-Authorization: ${SECRET}\r\nProxy-Authorization: ${SECRET}\r\n`),
      407,
    ],
    ["origin form", get("/"), 400],
    ["https outside CONNECT", get("https://web/"), 400],
    ["an unknown Service", get("http://nobody.foo/"), 404],
    ["a port that the Service does not have", get("http://web:81/"), 404],
    ["this machine by name", get("http://localhost:80/"), 404],
    ["this machine by a name below localhost", get("http://x.localhost:80/"), 404],
    ["loopback", get("http://127.0.0.1:80/"), 404],
    ["loopback in short", get("http://127.1:80/"), 404],
    ["loopback as a number", get("http://2130706433:80/"), 404],
    ["loopback in hexadecimal", get("http://0x7f.1:80/"), 404],
    ["loopback in IPv6", get("http://[::1]:80/"), 404],
    ["port 0", get("http://web:0/"), 400],
  ];
  test.each(refusals)("%s is refused", async (_what, request, status) => {
    const { application, ask } = await startPair(answering);
    const answer = text(await ask(request));
    expect(answer).toStartWith(`HTTP/1.1 ${status} `);
    expect(answer.includes("Proxy-Authenticate: Basic")).toBe(status === 407);
    expect(application.received()).toHaveLength(0);
  });
});

describe("explicit capture: what is not of the mesh", () => {
  test("goes out as it is, under the name that was asked for", async () => {
    const { application, client, ask } = await startPair(answering, { sidecar: true, outside: "outside.example" });
    expect(text(await ask(get("http://outside.example:81/x")))).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(application.received().toString("latin1")).toStartWith("GET /x HTTP/1.1\r\nHost: outside.example:81\r\n");
    await until(() => client.records.length > 0);
    expect(client.records[0]).toMatchObject({ upstream: "outside.example:81", security: "plaintext" });
    const wanted = `HTTP/1.1 200 Connection Established\r\n\r\n${ANSWER}`;
    expect(text(await ask(connect("outside.example:443") + get("/y", ""), wanted.length))).toBe(wanted);
  });
});

/** Names that every machine's resolver knows as this machine, but that nothing here takes for it. */
describe("explicit capture: an outside name that leads back to this machine", () => {
  const capture = explicitCapture({
    outboundPort: 0,
    authorize: () => true,
    applicationAddress: APPLICATION,
    applicationPort: (port) => port,
    publish: () => undefined,
    findListener: () => undefined,
  });

  test.each([
    ["in absolute form: 503", (port: number) => get(`http://rebound.example:${port}/`), "HTTP/1.1 503 "],
    ["by CONNECT: a reset", (port: number) => connect(`rebound.example:${port}`) + get("/", ""), ""],
  ])("%s, and the listener there gets not one byte", async (_what, request, start) => {
    const { application, client, ask } = await startPair(answering, {
      sidecar: true,
      outside: "rebound.example",
      isForbidden: (address) =>
        capture.locate("rebound.example", 1, client.config.current as ProxyConfig)?.isForbidden?.(address) ?? false,
    });
    const answer = text(await ask(request(application.port)));
    expect(answer.replace("HTTP/1.1 200 Connection Established\r\n\r\n", "")).toStartWith(start);
    expect(answer).not.toContain("hi");
    await until(() => client.records.length > 0);
    expect(client.records[0]).toMatchObject({ reason: "unknown_destination" });
    expect(application.received()).toHaveLength(0);
  });
});

describe("explicit capture: CONNECT", () => {
  test("is a connection to the Service, as if it had been captured", async () => {
    const { client, ask } = await startPair(answering, { sidecar: true });
    const answer = text(await ask(connect("web.foo:80") + get("/in-tunnel", "")));
    expect(answer).toStartWith("HTTP/1.1 200 Connection Established\r\n\r\nHTTP/1.1 200 OK\r\n");
    await until(() => client.records.length > 0);
    expect(client.records[0]).toMatchObject({
      originalDestination: "10.96.0.9:80",
      service: "web.foo:80",
      security: "mtls",
    });
  });

  test("may come in pieces", async () => {
    const { client } = await startPair(answering, { sidecar: true });
    const [port] = client.proxy.dump().listeners;
    const socket = net.connect({ port: port ?? 0, host: "127.0.0.1" });
    const bytes = connect("web:80");
    for (const byte of bytes.slice(0, -1)) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(text(await talk(socket, bytes.slice(-1), 1))).toStartWith("HTTP/1.1 200 Connection Established");
  });

  const refusals: readonly (readonly [string, string, number])[] = [
    ["no credentials", connect("web:80", ""), 407],
    ["another pod's credentials", connect("web:80", "Proxy-Authorization: Basic AAAA\r\n"), 407],
    ["an unknown Service", connect("nobody.foo:80"), 404],
    ["this machine", connect("localhost:80"), 404],
    ["content", connect("web:80", `Proxy-Authorization: ${SECRET}\r\nContent-Length: 1\r\n`), 400],
    ["a target that is no authority", connect("web"), 400],
  ];
  test.each(refusals)("%s is refused", async (_what, request, status) => {
    const { application, ask } = await startPair(answering);
    expect(text(await ask(request))).toStartWith(`HTTP/1.1 ${status} `);
    expect(application.received()).toHaveLength(0);
  });
});

describe("explicit capture: a pod without sidecar", () => {
  test("has a plain forwarder, which adds nothing", async () => {
    const { application, ask } = await startPair(answering);
    expect(text(await ask(get("http://web/plain")))).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(application.received().toString("latin1")).toBe("GET /plain HTTP/1.1\r\nHost: web\r\n\r\n");
  });

  test("sees a reset where a STRICT peer refuses its plaintext, and the application not one byte", async () => {
    const { application, ask } = await startPair(answering, { sidecar: true, clientSidecar: false, mode: "strict" });
    const outcome = await ask(get("http://web/"));
    expect([text(outcome), outcome.end]).toEqual(["", "ECONNRESET"]);
    expect(application.received()).toHaveLength(0);
  });

  test("sees a reset where nobody listens", async () => {
    const { ask, listeners } = await startPair(answering);
    listeners.set("server", new Map());
    expect((await ask(get("http://web/"))).end).toBe("ECONNRESET");
  });

  test("keeps no connection for the next request", async () => {
    const { application, ask } = await startPair(answering);
    const keep = get("http://web/").replace("Connection: close\r\n", "");
    await ask(keep + get("http://web/"));
    expect(application.connections.length).toBe(2);
  });
});

describe("explicit capture: listeners", () => {
  test("follow the configuration, and are published", async () => {
    const { server, listeners } = await startPair(answering);
    const current = server.config.current;
    if (!current) throw new Error("no configuration");
    const first = listeners.get("server")?.get(8080);
    const inboundPorts = [8080, 9090].map((port) => ({ ...current.local.inboundPorts[0], port }) as never);
    server.config.set({ ...current, version: 2, local: { ...current.local, inboundPorts } });
    await until(() => listeners.get("server")?.size === 2);
    expect(listeners.get("server")?.get(8080)).toBe(first as number);
    await server.proxy.drain(0);
    expect(listeners.get("server")?.size).toBe(0);
  });

  test("clients that say nothing count as connections, and end with the proxy", async () => {
    const port = await freePort();
    const alone = explicitCapture({
      outboundPort: port,
      authorize: () => true,
      applicationAddress: APPLICATION,
      applicationPort: (each) => each,
      publish: () => undefined,
      findListener: () => undefined,
    });
    const { proxy } = await startProxy(
      { listenAddress: "10.244.0.9", applicationAddress: APPLICATION, port: 1 },
      { http: {}, capture: alone, limits: { connections: 1 } },
    );
    const silent = net.connect({ port, host: "127.0.0.1" });
    const outcome = talk(silent, "CONN", 1);
    await new Promise((resolve) => silent.once("connect", resolve));
    const second = await talk(net.connect({ port, host: "127.0.0.1" }), undefined, 1);
    expect(second.end).toBe("ECONNRESET");
    await proxy.drain(0);
    expect((await outcome).end).toBe("ECONNRESET");
  });

  test("a proxy whose port is taken is not ready until it is free", async () => {
    const { client } = await startPair(answering);
    const clock = createFakeClock();
    const [taken = 0] = client.proxy.dump().listeners;
    const second = await startProxy(
      { listenAddress: "10.244.0.9", applicationAddress: APPLICATION, port: 1 },
      {
        http: {},
        clock,
        identity: undefined,
        local: { sidecar: false },
        capture: explicitCapture({
          outboundPort: taken,
          authorize: () => true,
          applicationAddress: APPLICATION,
          applicationPort: (port) => port,
          publish: () => undefined,
          findListener: () => undefined,
        }),
      },
    );
    closers.push(() => second.proxy.drain(0));
    expect(second.proxy.ready).toBe(false);
    await clock.advance(1000);
    expect(second.proxy.ready).toBe(false);
    await client.proxy.drain(0);
    await clock.advance(1000);
    expect(second.proxy.ready).toBe(true);
  });
});
