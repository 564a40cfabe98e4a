import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, type DescService, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { type ClientDuplexStream, credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { createFakeClock } from "@symbolon/spiffe/testing";
import {
  FRAME,
  frame,
  grpcCall,
  grpcMessages,
  openRawHttp2,
  PREFACE,
  type RawHttp2,
} from "../../../../../test/fakes/raw-http2.ts";
import { header, openCaller } from "../../../../../test/fakes/workload-caller.ts";
import {
  startWorkloadEndpoint,
  type WorkloadEndpointFixture,
  type WorkloadEndpointFixtureOptions,
} from "../../../../../test/fakes/workload-endpoint-fixture.ts";
import type { Workload, WorkloadPeer } from "../../agent/index.ts";
import { type AuditEvent, productError } from "../../core/index.ts";
import { SecretDiscoveryService } from "../../gen/envoy/index.ts";
import {
  Health,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  X509SVIDResponseSchema,
} from "../../gen/index.ts";
import { pinPeer } from "../os/index.ts";
import { methodDefinition } from "./service-definition.ts";

const FETCH = "/SpiffeWorkloadAPI/FetchX509SVID";
const ATTESTATION_FAILED = { code: "UNAVAILABLE", details: "workload attestation failed" };

let directory: string;
let path: string;
let audited: AuditEvent[];
const opened: { close(): unknown }[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-endpoint-"));
  path = join(directory, "workload.sock");
  audited = [];
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
  rmSync(directory, { recursive: true });
});

async function serve(options: Partial<WorkloadEndpointFixtureOptions> = {}): Promise<WorkloadEndpointFixture> {
  const audit = { write: async (event: AuditEvent) => void audited.push(event) };
  const fixture = await startWorkloadEndpoint({ path, audit, ...options });
  opened.push(fixture);
  return fixture;
}

function call(service?: DescService) {
  const caller = openCaller(path, service);
  opened.push(caller);
  return caller;
}

function raw(): RawHttp2 {
  const client = openRawHttp2(path);
  opened.push(client);
  return client;
}

const failureOf = (work: Promise<unknown>): Promise<{ readonly code?: string; readonly message?: string }> =>
  work.then(
    () => ({}),
    (error) => error,
  );

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

const refusalLine = (code: string, reason: string): AuditEvent => ({
  kind: "identity.deliver",
  outcome: "refused",
  actor: `process ${process.pid} (uid ${process.getuid?.()})`,
  code,
  details: { reason },
});

describe("the socket", () => {
  test("is for its owner alone until somebody opens it to others", async () => {
    await serve();
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
  });

  test("with a path of more than 107 bytes is refused before anything is made", async () => {
    const { code, message } = await failureOf(serve({ path: `${directory}/${"s".repeat(108 - directory.length)}` }));
    expect(code).toBe("ERR_CONFIG_INVALID");
    expect(message).toContain("at most 107");
  });

  test("with a path of 107 bytes works", async () => {
    path = `${directory}/${"s".repeat(107 - directory.length - 1)}`;
    await serve();
    expect(await call().stream("FetchX509SVID").next()).toHaveProperty("svids");
  });

  test("takes the place of one that nobody listens on", async () => {
    const holder = Bun.spawn([
      process.execPath,
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(path)})`,
    ]);
    while (!existsSync(path)) await Bun.sleep(5);
    holder.kill("SIGKILL");
    await holder.exited;
    expect(existsSync(path)).toBe(true);
    await serve();
    expect(await call().stream("FetchX509SVID").next()).toHaveProperty("svids");
  });

  test("of another living server stays that server's", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(path, resolve));
    expect((await failureOf(serve())).code).toBe("ERR_SOCKET_IN_USE");
    expect(other.listening).toBe(true);
    other.close();
  });

  test("does not take the place of a file", async () => {
    writeFileSync(path, "mine");
    expect((await failureOf(serve())).code).toBe("ERR_SOCKET_PATH_UNSAFE");
    expect(lstatSync(path).isFile()).toBe(true);
  });

  test("after a restart serves the same clients again", async () => {
    const fixture = await serve();
    const caller = call();
    const stream = caller.stream("FetchX509SVID");
    await stream.next();
    await fixture.restart();
    expect(await stream.next()).toMatchObject({ code: "UNAVAILABLE" });
    expect(await call().stream("FetchX509SVID").next()).toHaveProperty("svids");
  });
});

describe("who connects", () => {
  const recorded = (fixture: () => Pick<WorkloadEndpointFixture, "entitlement">) => {
    const seen: WorkloadPeer[] = [];
    let released = 0;
    const attest = async (peer: WorkloadPeer): Promise<Workload> => {
      seen.push(peer);
      const followers = new Set<() => void>();
      return {
        name: `process ${peer.pid}`,
        entitlement: () => fixture().entitlement(),
        subscribe(follower) {
          followers.add(follower);
          return () => followers.delete(follower);
        },
        createJwtSvids: async () => [],
        release: () => void released++,
      };
    };
    return { attestor: { attest }, seen, released: () => released };
  };

  test("is found out from the kernel, once for a connection; it is forgotten with the connection", async () => {
    const record = recorded(() => fixture);
    const fixture = await serve({ attestor: record.attestor });
    const script = `
      import { openCaller } from ${JSON.stringify(join(import.meta.dirname, "../../../../../test/fakes/workload-caller.ts"))};
      const caller = openCaller(${JSON.stringify(path)});
      const first = await caller.stream("FetchX509SVID").next();
      await caller.stream("FetchX509Bundles").next();
      console.log(first.svids[0].spiffeId);
    `;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    const { value } = await child.stdout.getReader().read();
    expect(new TextDecoder().decode(value).trim()).toBe("spiffe://example.org/myservice");
    expect(record.seen.map(({ pid, uid }) => ({ pid, uid }))).toEqual([
      { pid: child.pid, uid: process.getuid?.() ?? -1 },
    ]);
    expect(record.seen[0]?.isAlive()).toBe(true);
    expect(record.released()).toBe(0);
    child.kill("SIGKILL");
    await child.exited;
    await until(() => record.released() === 1);
    expect(record.seen[0]?.isAlive()).toBe(false);
  });

  test("and has ended gets nothing more, whoever holds its connection now", async () => {
    let alive = true;
    const fixture = await serve({
      pinPeer(fd) {
        const peer = pinPeer(fd);
        return peer && { ...peer, isAlive: () => alive };
      },
    });
    const caller = call();
    const stream = caller.stream("FetchX509SVID");
    expect(await stream.next()).toHaveProperty("svids");
    alive = false;
    fixture.rotate();
    expect(await stream.next()).toEqual(ATTESTATION_FAILED);
    expect(await caller.stream("FetchX509SVID").next()).toEqual(ATTESTATION_FAILED);
    expect(await caller.unary("FetchJWTSVID", { audience: ["a"] })).toEqual(ATTESTATION_FAILED);
    expect(fixture.followers.size).toBe(0);
    // Once in a minute, however often it asks.
    expect(audited).toEqual([
      refusalLine("ERR_WORKLOAD_ATTESTATION", `process ${process.pid} that connected has ended`),
    ]);
  });

  test("and cannot be found out is told so, and the next try counts anew (S10)", async () => {
    let attempts = 0;
    const record = recorded(() => fixture);
    const fixture = await serve({
      attestor: {
        attest(peer) {
          attempts += 1;
          if (attempts === 1) throw productError("ERR_WORKLOAD_ATTESTATION", "its executable cannot be read");
          return record.attestor.attest(peer);
        },
      },
    });
    const caller = call();
    expect(await caller.stream("FetchX509SVID").next()).toEqual(ATTESTATION_FAILED);
    expect(await caller.stream("FetchX509SVID").next()).toHaveProperty("svids");
    await caller.stream("FetchX509Bundles").next();
    expect(attempts).toBe(2);
    expect(audited).toEqual([refusalLine("ERR_WORKLOAD_ATTESTATION", "its executable cannot be read")]);
  });

  test("and has no identity on this socket is on record once a minute, however often it connects and asks", async () => {
    const clock = createFakeClock();
    const reason = "process 4711 is not in pod foo/web-1";
    await serve({
      clock,
      attestor: {
        attest() {
          throw productError("ERR_WORKLOAD_NOT_ENTITLED", reason);
        },
      },
    });
    const ask = async () => {
      for (const caller of [call(), call()])
        expect(await caller.stream("FetchX509SVID").next()).toMatchObject({ code: "PERMISSION_DENIED" });
    };
    await ask();
    const line = refusalLine("ERR_WORKLOAD_NOT_ENTITLED", reason);
    expect(audited).toEqual([line]);
    await clock.advance(60_000);
    await ask();
    expect(audited).toEqual([line, { ...line, details: { reason, repeats: 1 } }]);
  });

  describe("and is not to be seen from here", () => {
    const OUTSIDE = "the peer is not visible in this process's PID namespace";
    const NO_IDENTITY = { code: "PERMISSION_DENIED", details: "no identity issued" };
    const onRecord = (code: string, reason: string) => ({ ...refusalLine(code, reason), actor: "unknown process" });
    /** The first connection is a stranger's, the others are what they are. */
    async function serveOneStranger(): Promise<{ readonly asked: WorkloadPeer[] }> {
      let connections = 0;
      const record = recorded(() => fixture);
      const fixture = await serve({
        attestor: record.attestor,
        pinPeer: (fd) => (connections++ === 0 ? undefined : pinPeer(fd)),
      });
      return { asked: record.seen };
    }

    test("is told with each call that it has no identity, as every other (S3); that is on record once", async () => {
      const { asked } = await serveOneStranger();
      const caller = call();
      for (const method of ["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"])
        expect(await caller.stream(method).next()).toEqual(NO_IDENTITY);
      expect(await caller.unary("FetchJWTSVID", { audience: ["a"] })).toEqual(NO_IDENTITY);
      expect(await caller.unary("ValidateJWTSVID", { audience: "a", svid: "x.y.z" })).toEqual(NO_IDENTITY);
      expect(audited).toEqual([onRecord("ERR_PEER_CREDENTIALS", OUTSIDE)]);
      expect(asked).toEqual([]);
      // The next one, which is to be seen, is served.
      expect(await call().stream("FetchX509SVID").next()).toHaveProperty("svids");
      expect(asked).toHaveLength(1);
    });

    test("is told what is wrong with its request first, as every other", async () => {
      await serveOneStranger();
      const wrong = await call().stream("FetchX509SVID", {}, header()).next();
      expect(wrong).toEqual({ code: "INVALID_ARGUMENT", details: "security header missing from request" });
      expect(audited).toEqual([
        onRecord("ERR_PEER_CREDENTIALS", OUTSIDE),
        onRecord("ERR_WORKLOAD_REQUEST_INVALID", "security header missing from request"),
      ]);
    });

    test("gets no secrets from Envoy's discovery, not even files", async () => {
      await serveOneStranger();
      const sds = call(SecretDiscoveryService);
      for (const resourceNames of [["default"], ["ROOTCA"], ["file-cert:/etc/hosts~/etc/hosts"]])
        expect(await sds.unary("FetchSecrets", { resourceNames })).toMatchObject({ code: "PERMISSION_DENIED" });
    });

    test("has 256 connections with all of its kind, of which others notice nothing", async () => {
      let isStranger = true;
      await serve({ pinPeer: (fd) => (isStranger ? undefined : pinPeer(fd)) });
      const clients = Array.from({ length: 256 }, raw);
      for (const client of clients) await client.until(({ type }) => type === FRAME.settings);
      await raw().closed;
      expect(audited.map(({ code }) => code)).toEqual(["ERR_PEER_CREDENTIALS", "ERR_WORKLOAD_ATTESTATION"]);
      isStranger = false;
      expect(await call().stream("FetchX509SVID").next()).toHaveProperty("svids");
    });

    test("a kernel that does not say who it is makes it unknown, not one without identity (S10)", async () => {
      const reason = "the kernel did not answer socket option 17 of the connection";
      await serve({
        pinPeer() {
          throw productError("ERR_PEER_CREDENTIALS", reason);
        },
      });
      expect(await call().stream("FetchX509SVID").next()).toEqual(ATTESTATION_FAILED);
      expect(audited).toEqual([onRecord("ERR_PEER_CREDENTIALS", reason)]);
    });
  });

  test("has 256 connections at most", async () => {
    await serve();
    const clients = Array.from({ length: 256 }, raw);
    for (const client of clients) await client.until(({ type }) => type === FRAME.settings);
    const last = raw();
    await last.closed;
    expect(audited.map(({ code }) => code)).toEqual(["ERR_WORKLOAD_ATTESTATION"]);
    clients[0]?.close();
    // The place is free as soon as the endpoint has seen the end.
    for (let served = false; !served; ) {
      const next = raw();
      next.send(grpcCall(FETCH));
      served = await Promise.race([
        next.closed.then(() => false),
        next.until(({ type }) => type === FRAME.data).then(() => true),
      ]);
    }
  });
});

describe("bytes that are no gRPC", () => {
  const stillServes = async (): Promise<void> => {
    expect(await call().stream("FetchX509SVID").next()).toHaveProperty("svids");
  };

  test.each([
    ["HTTP/1.1", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), "no HTTP/2 preface"],
    ["TLS", Buffer.from("16030100c8010000c40303", "hex"), "no HTTP/2 preface"],
    [
      "a wrong frame after the preface",
      Buffer.concat([PREFACE, Buffer.alloc(64, 0xff)]),
      "a frame of more than 16384 bytes",
    ],
    [
      "headers that cannot be decoded",
      Buffer.concat([PREFACE, frame(4, 0, [], 0), frame(1, 5, Buffer.alloc(50, 0xff))]),
      "integer is too long",
    ],
  ])("%s: that connection ends, others do not notice, and it is on record", async (_what, bytes, reason) => {
    await serve();
    const client = raw();
    client.send(bytes);
    await Promise.race([client.closed, client.until(({ type }) => type === FRAME.goAway)]);
    await stillServes();
    expect(audited).toEqual([refusalLine("ERR_WORKLOAD_REQUEST_INVALID", reason)]);
  });

  test.each([
    ["nothing", Buffer.alloc(0)],
    ["half a preface", PREFACE.subarray(0, 12)],
    ["a preface but for its last byte", PREFACE.subarray(0, 23)],
  ])("%s for ten seconds: the connection is closed (W8)", async (_what, bytes) => {
    const clock = createFakeClock();
    await serve({ clock });
    const client = raw();
    client.send(bytes);
    await client.until(({ type }) => type === FRAME.settings);
    await clock.advance(9_999);
    let isClosed = false;
    void client.closed.then(() => {
      isClosed = true;
    });
    await stillServes();
    expect(isClosed).toBe(false);
    expect(audited).toEqual([]);
    await clock.advance(1);
    await client.closed;
    expect(audited).toEqual([refusalLine("ERR_WORKLOAD_REQUEST_INVALID", "no preface came")]);
  });

  test("a preface in time: the connection stays", async () => {
    const clock = createFakeClock();
    await serve({ clock });
    const client = raw();
    client.send(PREFACE);
    client.send(frame(4, 0, [], 0));
    // The server's acknowledgement of the settings.
    await client.until(({ type, flags }) => type === FRAME.settings && flags === 1);
    await clock.advance(60_000);
    client.send(grpcCall(FETCH).subarray(PREFACE.length + 9));
    await client.until(({ type }) => type === FRAME.data);
  });

  test("a request larger than 256 KiB is refused, and on record; one just as large is not", async () => {
    await serve();
    const caller = call();
    // Two fields' tags and lengths, and one byte of audience.
    const validate = (bytes: number) =>
      caller.unary("ValidateJWTSVID", { audience: "a", svid: "x".repeat(bytes - 7) }) as Promise<{ code?: string }>;
    expect((await validate(256 * 1024)).code).toBe("INVALID_ARGUMENT");
    expect(audited).toEqual([]);
    expect((await validate(256 * 1024 + 1)).code).toBe("RESOURCE_EXHAUSTED");
    expect((await validate(300_000)).code).toBe("RESOURCE_EXHAUSTED");
    expect(audited).toEqual([refusalLine("ERR_WORKLOAD_REQUEST_INVALID", "a message that the method does not take")]);
  });

  test("clients that go away in the middle of a call leave nothing behind", async () => {
    const fixture = await serve();
    const clients = Array.from({ length: 20 }, raw);
    for (const client of clients) {
      client.send(grpcCall(FETCH));
      await client.until(({ type }) => type === FRAME.data);
    }
    expect(fixture.followers.size).toBe(20);
    for (const client of clients) client.close();
    await until(() => fixture.followers.size === 0);
  });
});

test.each(["/run/spire/agent.sock", "run%2Fagent.sock", "/", "unix:///x", "a b"])(
  "an :authority of %j, as gRPC libraries send it, is no trouble (W1)",
  async (authority) => {
    await serve();
    const client = raw();
    client.send(grpcCall(FETCH, { authority }));
    await client.until(() => grpcMessages(client.frames).length > 0);
    const [message = new Uint8Array()] = grpcMessages(client.frames);
    expect(fromBinary(X509SVIDResponseSchema, message).svids[0]?.spiffeId).toBe("spiffe://example.org/myservice");
  },
);

describe("health and reflection, without the Workload API's header", () => {
  test("health of the endpoint and of the Workload API is SERVING, of others unknown", async () => {
    await serve();
    const caller = openCaller(path, Health);
    opened.push(caller);
    const check = (service: string) => caller.unary("Check", { service }, header());
    expect(await check("")).toMatchObject({ status: 1 });
    expect(await check("SpiffeWorkloadAPI")).toMatchObject({ status: 1 });
    expect(await check("nothing")).toEqual({ code: "NOT_FOUND", details: 'unknown service "nothing"' });
    expect(await caller.stream("Watch", { service: "" }, header()).next()).toMatchObject({ status: 1 });
  });

  test.each(["v1", "v1alpha"])(
    "reflection (%s) names the services and describes them with all they import",
    async (version) => {
      await serve();
      const ask = async (messageRequest: ServerReflectionRequest["messageRequest"]) => {
        const { requestStream, responseStream, ...method } = methodDefinition(
          ServerReflection.method.serverReflectionInfo,
        );
        const Client = makeGenericClientConstructor(
          { ask: { ...method, requestStream, responseStream, path: method.path.replace(".v1.", `.${version}.`) } },
          "reflection",
        );
        const client = new Client(`unix:${path}`, credentials.createInsecure());
        const stream: ClientDuplexStream<ServerReflectionRequest, ServerReflectionResponse> = client.ask?.();
        stream.write(create(ServerReflectionRequestSchema, { messageRequest }));
        stream.end();
        const answers: ServerReflectionResponse[] = [];
        for await (const answer of stream) answers.push(answer);
        client.close();
        return answers[0]?.messageResponse;
      };
      const services = await ask({ case: "listServices", value: "" });
      if (services?.case !== "listServicesResponse") throw new Error(`unexpected answer ${services?.case}`);
      expect(services.value.service.map(({ name }) => name)).toEqual(
        expect.arrayContaining(["SpiffeWorkloadAPI", "envoy.service.secret.v3.SecretDiscoveryService"]),
      );
      const files = await ask({ case: "fileContainingSymbol", value: "SpiffeWorkloadAPI" });
      if (files?.case !== "fileDescriptorResponse") throw new Error(`unexpected answer ${files?.case}`);
      const [file = new Uint8Array()] = files.value.fileDescriptorProto;
      const { service, dependency } = fromBinary(FileDescriptorProtoSchema, file);
      expect(service.map(({ name }) => name)).toEqual(["SpiffeWorkloadAPI"]);
      for (const value of dependency)
        expect(await ask({ case: "fileByFilename", value })).toMatchObject({ case: "fileDescriptorResponse" });
      expect(await ask({ case: "fileContainingSymbol", value: "Nothing" })).toMatchObject({ case: "errorResponse" });
    },
  );
});
