import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { create, fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type ClientDuplexStream,
  credentials,
  makeGenericClientConstructor,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { parseCertificatesPem } from "@symbolon/spiffe/x509";
import type { Entitlement, Workload } from "../../agent/index.ts";
import type { SecretFiles } from "../../agent/secrets/index.ts";
import { productError } from "../../core/index.ts";
import {
  type DeltaDiscoveryRequest,
  DeltaDiscoveryRequestSchema,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  SecretDiscoveryService,
  SecretSchema,
  SPIFFECertValidatorConfigSchema,
} from "../../gen/envoy/index.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { serveSocket } from "./grpc-transports.ts";
import { secretDiscoveryMethods } from "./secret-discovery.ts";
import { serviceDefinition } from "./service-definition.ts";

const CONNECTION_LIMITS = {
  maxConcurrentStreams: 100,
  maxHeaderListBytes: 16 * 1024,
  prefaceTimeoutMs: 10_000,
  idleTimeoutMs: 300_000,
  stallTimeoutMs: 60_000,
};
const SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
const own = createTestAuthority("example.org");
const abroad = createTestAuthority("abroad.example");
const web = own.issue("/web");

type Granted = Extract<Entitlement, { kind: "granted" }>;
const granted = (change: Partial<Granted> = {}): Granted => ({
  kind: "granted",
  svids: [{ svid: web }],
  bundles: BundleSet.of(own.bundle, abroad.bundle),
  jwtBundles: JwtBundleSet.of(),
  ...change,
});

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

const noFiles: SecretFiles = {
  read: async (path) => {
    throw productError("ERR_SECRET_FILE", `"${path}" may not be read by process 1`);
  },
};

async function serve(first: Entitlement, files: SecretFiles = noFiles) {
  let entitlement = first;
  const followers = new Set<() => void>();
  const workload: Workload = {
    name: "process 1",
    entitlement: () => entitlement,
    subscribe(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
    createJwtSvids: async () => [],
    release() {},
  };
  const audited: { readonly kind: string; readonly actor: string; readonly code?: string }[] = [];
  const options = {
    audit: { write: async (event: (typeof audited)[number]) => void audited.push(event) },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  };
  const server = createGrpcServer({
    methods: secretDiscoveryMethods<Workload>(options, async ({ peer }) => ({ workload: peer, files })),
    limits: CONNECTION_LIMITS,
    maxMessageBytes: 256 * 1024,
    clock: systemClock,
    log: silentLog,
  });
  const connect = async (peer: Workload) => {
    const listener = createServer((socket) => serveSocket(server, socket, peer, systemClock)).listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const Client = makeGenericClientConstructor(serviceDefinition(SecretDiscoveryService), "sds");
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    opened.push(() => {
      client.close();
      listener.close();
    });
    return proxyWith(client);
  };
  return {
    audited,
    followers,
    become(next: Entitlement) {
      entitlement = next;
      for (const follower of followers) void follower();
    },
    ...(await connect(workload)),
    /** A proxy of another workload, on the same server. */
    other: (theirs: Entitlement) => connect({ ...workload, name: "process 2", entitlement: () => theirs }),
  };
}

function proxyWith(client: InstanceType<ReturnType<typeof makeGenericClientConstructor>>) {
  const open = <Request, Response>(method: string) =>
    conversation<Request, Response>((client[method] as () => ClientDuplexStream<Request, Response>).call(client));
  return {
    state() {
      const stream = open<DiscoveryRequest, DiscoveryResponse>("StreamSecrets");
      return {
        ...stream,
        ask: (request: MessageInitShape<typeof DiscoveryRequestSchema>) =>
          stream.write(create(DiscoveryRequestSchema, { typeUrl: SECRET, ...request })),
      };
    },
    delta() {
      const stream = open<DeltaDiscoveryRequest, DeltaDiscoveryResponse>("DeltaSecrets");
      return {
        ...stream,
        ask: (request: MessageInitShape<typeof DeltaDiscoveryRequestSchema>) =>
          stream.write(create(DeltaDiscoveryRequestSchema, { typeUrl: SECRET, ...request })),
      };
    },
    fetch: (request: MessageInitShape<typeof DiscoveryRequestSchema>) =>
      new Promise<DiscoveryResponse>((resolve, reject) =>
        (client.FetchSecrets as unknown as (...of: unknown[]) => void).call(
          client,
          create(DiscoveryRequestSchema, request),
          (error: ServiceError | null, response: DiscoveryResponse) => (error ? reject(error) : resolve(response)),
        ),
      ),
  };
}

function conversation<Request, Response>(call: ClientDuplexStream<Request, Response>) {
  const received: Response[] = [];
  const waiting: { resolve: (response: Response) => void; reject: (error: unknown) => void }[] = [];
  let failure: ServiceError | undefined;
  call.on("data", (response: Response) => {
    const next = waiting.shift();
    if (next) next.resolve(response);
    else received.push(response);
  });
  call.on("error", (error: ServiceError) => {
    failure = error;
    for (const { reject } of waiting.splice(0)) reject(error);
  });
  opened.push(() => call.cancel());
  return {
    write: (request: Request) => void call.write(request),
    received,
    next(): Promise<Response> {
      const ready = received.shift();
      if (ready) return Promise.resolve(ready);
      if (failure) return Promise.reject(failure);
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    },
    close: () => call.end(),
    ended: new Promise<void>((resolve) => call.once("status", () => resolve())),
  };
}

function read(resource: Any | undefined) {
  expect(resource?.typeUrl).toBe(SECRET);
  const { name, type } = fromBinary(SecretSchema, resource?.value ?? new Uint8Array());
  const text = (source?: { specifier: { value?: Uint8Array | undefined } }) =>
    Buffer.from(source?.specifier.value ?? "").toString();
  if (type.case === "tlsCertificate")
    return { name, chain: text(type.value.certificateChain), key: text(type.value.privateKey) };
  if (type.case !== "validationContext") return { name };
  const { trustedCa, customValidatorConfig: custom } = type.value;
  if (!custom) return { name, trustedCa: text(trustedCa) };
  const { trustDomains } = fromBinary(SPIFFECertValidatorConfigSchema, custom.typedConfig?.value ?? new Uint8Array());
  return {
    name,
    validator: custom.name,
    trustDomains: trustDomains.map((domain) => [domain.name, text(domain.trustBundle)]),
  };
}

/** A bundle of the same trust domain, with another authority than the real one. */
function expectNobody(resource: Any | undefined): void {
  const { trustDomains = [] } = read(resource);
  expect(trustDomains.map(([name]) => name)).toEqual(["abroad.example"]);
  const [certificate, ...others] = parseCertificatesPem(trustDomains[0]?.[1] ?? "");
  expect([certificate?.subject.text, others]).toEqual([expect.stringContaining("withdrawn"), []]);
}
const namesOf = ({ resources }: DiscoveryResponse) => resources.map((resource) => read(resource).name);
const deltaOf = ({ resources, removedResources }: DeltaDiscoveryResponse) => ({
  resources: resources.map(({ name }) => name),
  removed: removedResources,
});

describe("StreamSecrets", () => {
  test("gives the certificate with its key as PKCS #8", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ resourceNames: ["default"] });
    const response = await stream.next();
    const secret = read(response.resources[0]);
    expect(secret).toEqual({
      name: "default",
      chain: web.certificateChainPem(),
      key: web.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    });
    expect([response.versionInfo, response.typeUrl]).toEqual(["1", SECRET]);
    expect(response.nonce).toMatch(/^[0-9a-f]{8}$/);
  });

  test("gives trust bundles to Envoy's SPIFFE validator, one entry a trust domain", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ resourceNames: ["ALL"] });
    expect(read((await stream.next()).resources[0])).toEqual({
      name: "ALL",
      validator: "envoy.tls.cert_validator.spiffe",
      trustDomains: [
        ["abroad.example", abroad.bundle.toPem()],
        ["example.org", own.bundle.toPem()],
      ],
    });
  });

  test("gives plain authorities when the node asks for that in its first message", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ node: { metadata: { disable_spiffe_cert_validation: true } }, resourceNames: ["ROOTCA"] });
    const { nonce, resources } = await stream.next();
    expect(read(resources[0])).toEqual({ name: "ROOTCA", trustedCa: own.bundle.toPem() });
    // The second message need not repeat the node.
    stream.ask({ resourceNames: ["ROOTCA", "spiffe://abroad.example"], responseNonce: nonce });
    expect(read((await stream.next()).resources[1])).toMatchObject({ trustedCa: abroad.bundle.toPem() });
  });

  test("answers ROOTCA and the trust domain's ID in one request", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ resourceNames: ["ROOTCA", "spiffe://example.org"] });
    expect(namesOf(await stream.next())).toEqual(["ROOTCA", "spiffe://example.org"]);
  });

  test("gives everything to a first request without names", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({});
    expect(namesOf(await stream.next())).toEqual([
      "spiffe://example.org/web",
      "spiffe://example.org",
      "spiffe://abroad.example",
    ]);
  });

  test("refuses names that the workload is not entitled to, with SPIRE's text", async () => {
    const server = await serve(granted());
    const stream = server.state();
    stream.ask({ resourceNames: ["spiffe://example.org/db", "default"] });
    const refused = stream.next();
    expect(await failureOf(refused)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining(
        'workload is not authorized for the requested identities ["spiffe://example.org/db"]',
      ),
    });
  });

  test("gives nobody what it has given to its owner, by whatever name, in whichever way (CV-41)", async () => {
    const db = own.issue("/ns/b/sa/db");
    const server = await serve(granted({ svids: [{ svid: db }] }));
    const owner = server.state();
    owner.ask({ resourceNames: ["default"] });
    expect(read((await owner.next()).resources[0])).toMatchObject({ chain: db.certificateChainPem() });
    const other = await server.other(granted());
    for (const name of [db.spiffeId.toString(), "kubernetes://b/tls", "kubernetes://tls", "/ns/b/sa/db"]) {
      const stream = other.state();
      stream.ask({ resourceNames: [name] });
      expect(await failureOf(stream.next())).toMatchObject({ code: status.INVALID_ARGUMENT });
      expect(await failureOf(other.fetch({ typeUrl: SECRET, resourceNames: [name] }))).toMatchObject({
        code: status.INVALID_ARGUMENT,
      });
      const waiting = other.delta();
      waiting.ask({ resourceNamesSubscribe: [name] });
      expect((await waiting.next()).resources).toEqual([]);
    }
    const stream = other.state();
    stream.ask({ resourceNames: ["default"] });
    expect(read((await stream.next()).resources[0])).toMatchObject({ chain: web.certificateChainPem() });
  });

  test("puts a refusal on record once, of delta streams too", async () => {
    const server = await serve(granted());
    const refused = server.state();
    refused.ask({ resourceNames: ["spiffe://example.org/db"] });
    await failureOf(refused.next());
    const waiting = server.delta();
    waiting.ask({ resourceNamesSubscribe: ["spiffe://example.org/db"] });
    await waiting.next();
    expect(server.audited).toMatchObject([
      { kind: "identity.deliver", outcome: "refused", actor: "process 1", code: "ERR_SECRET_NOT_ENTITLED" },
    ]);
  });

  test("tells of many names that are missing a few, so that the answer fits into a header", async () => {
    const stream = (await serve(granted())).state();
    const names = Array.from({ length: 1000 }, (_, index) => `spiffe://example.org/${"x".repeat(200)}${index}`);
    stream.ask({ resourceNames: names });
    const { code, details } = (await failureOf(stream.next())) as ServiceError;
    expect([code, details.length < 4000]).toEqual([status.INVALID_ARGUMENT, true]);
    expect(details).toContain("and 995 more]");
  });

  test("refuses more than 1,000 names", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ resourceNames: Array.from({ length: 1001 }, (_, index) => `${index}`) });
    expect(await failureOf(stream.next())).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("1001 names"),
    });
  });

  test("refuses another type of resource", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ typeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster" });
    expect(await failureOf(stream.next())).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test("holds a request while the first certificate is under way", async () => {
    const server = await serve({ kind: "pending", reason: "under way" });
    const stream = server.state();
    stream.ask({ resourceNames: ["default"] });
    await until(() => server.followers.size === 1);
    server.become(granted());
    expect(namesOf(await stream.next())).toEqual(["default"]);
  });

  test("ends the stream when the workload is entitled to nothing any more", async () => {
    const server = await serve(granted());
    const stream = server.state();
    stream.ask({ resourceNames: ["default"] });
    const { nonce } = await stream.next();
    stream.ask({ resourceNames: ["default"], responseNonce: nonce });
    server.become({ kind: "none", reason: "its entry is gone" });
    expect(await failureOf(stream.next())).toMatchObject({ details: expect.stringContaining("its entry is gone") });
  });

  test("replaces a bundle that has gone away by one that nobody is believed by", async () => {
    const server = await serve(granted());
    const stream = server.state();
    stream.ask({ resourceNames: ["spiffe://abroad.example"] });
    const { nonce } = await stream.next();
    server.become(granted({ bundles: BundleSet.of(own.bundle) }));
    stream.ask({ resourceNames: ["spiffe://abroad.example"], responseNonce: nonce });
    expectNobody((await stream.next()).resources[0]);
    // To a proxy that comes back with it as to one that was there.
    const later = server.state();
    later.ask({ resourceNames: ["spiffe://abroad.example"], versionInfo: "1" });
    expectNobody((await later.next()).resources[0]);
    const stranger = server.state();
    stranger.ask({ resourceNames: ["spiffe://abroad.example"] });
    expect(await failureOf(stranger.next())).toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test("keeps one push on the way and then sends only the newest (E9)", async () => {
    const server = await serve(granted());
    const stream = server.state();
    stream.ask({ resourceNames: ["default"] });
    const first = await stream.next();
    const [second, third] = [own.issue("/web"), own.issue("/web")];
    server.become(granted({ svids: [{ svid: second }] }));
    server.become(granted({ svids: [{ svid: third }] }));
    stream.ask({ resourceNames: ["default"], responseNonce: first.nonce, versionInfo: "1" });
    const next = await stream.next();
    expect([next.versionInfo, read(next.resources[0]).chain]).toEqual(["2", third.certificateChainPem()]);
  });

  test("sends nothing again for an acceptance, and adds what a changed list names", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ resourceNames: ["default"] });
    const first = await stream.next();
    stream.ask({ resourceNames: ["default"], responseNonce: first.nonce });
    stream.ask({ resourceNames: ["default", "ROOTCA"], responseNonce: first.nonce });
    const second = await stream.next();
    expect([second.versionInfo, namesOf(second)]).toEqual(["2", ["default", "ROOTCA"]]);
  });

  test("ignores a request about an earlier push", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ resourceNames: ["default"] });
    const first = await stream.next();
    stream.ask({ resourceNames: ["spiffe://example.org/not-mine"], responseNonce: "00000000" });
    stream.ask({ resourceNames: ["ROOTCA"], responseNonce: first.nonce });
    expect(namesOf(await stream.next())).toEqual(["ROOTCA"]);
  });

  test("does not repeat what was refused, and honours the names of the refusal", async () => {
    const server = await serve(granted());
    const stream = server.state();
    stream.ask({ resourceNames: ["default"] });
    const first = await stream.next();
    const errorDetail = { code: 13, message: "cannot load" };
    stream.ask({ resourceNames: ["default"], responseNonce: first.nonce, errorDetail });
    stream.ask({ resourceNames: ["default", "ROOTCA"], responseNonce: first.nonce, errorDetail });
    const second = await stream.next();
    expect([second.versionInfo, namesOf(second)]).toEqual(["2", ["default", "ROOTCA"]]);
  });

  test("sends a secret again that was given up in between", async () => {
    const stream = (await serve(granted())).state();
    stream.ask({ resourceNames: ["default", "ROOTCA"] });
    const { nonce } = await stream.next();
    stream.ask({ resourceNames: ["default"], responseNonce: nonce });
    stream.ask({ resourceNames: ["default", "ROOTCA"], responseNonce: nonce });
    expect(namesOf(await stream.next())).toEqual(["default", "ROOTCA"]);
  });

  test("forgets a stream that its proxy has closed", async () => {
    const server = await serve(granted());
    const stream = server.state();
    stream.ask({ resourceNames: ["default"] });
    await stream.next();
    expect(server.followers.size).toBe(1);
    stream.close();
    await stream.ended;
    expect(server.followers.size).toBe(0);
  });
});

describe("DeltaSecrets", () => {
  test("gives what is subscribed to; what there is not yet comes when it is there", async () => {
    const server = await serve(granted());
    const stream = server.delta();
    stream.ask({ resourceNamesSubscribe: ["default", "spiffe://example.org/db"] });
    const first = await stream.next();
    // "Removed" would let Envoy open its ports without it.
    expect(deltaOf(first)).toEqual({ resources: ["default"], removed: [] });
    stream.ask({ responseNonce: first.nonce });
    server.become(granted({ svids: [{ svid: web }, { svid: own.issue("/db") }] }));
    expect(deltaOf(await stream.next())).toEqual({ resources: ["spiffe://example.org/db"], removed: [] });
  });

  test("answers the first request even with nothing (E3), and gives the secret once there is one", async () => {
    const server = await serve({ kind: "pending", reason: "under way" });
    const stream = server.delta();
    stream.ask({ resourceNamesSubscribe: ["default"] });
    const first = await stream.next();
    expect(deltaOf(first)).toEqual({ resources: [], removed: [] });
    stream.ask({ responseNonce: first.nonce });
    server.become(granted());
    expect(deltaOf(await stream.next())).toEqual({ resources: ["default"], removed: [] });
  });

  test("after a reconnect leaves out what the proxy still has", async () => {
    const server = await serve(granted());
    const before = server.delta();
    before.ask({ resourceNamesSubscribe: ["default", "ROOTCA"] });
    const versions = Object.fromEntries((await before.next()).resources.map(({ name, version }) => [name, version]));
    const after = server.delta();
    after.ask({
      resourceNamesSubscribe: ["default", "ROOTCA"],
      initialResourceVersions: { ...versions, ROOTCA: "of another bundle" },
    });
    expect(deltaOf(await after.next())).toEqual({ resources: ["ROOTCA"], removed: [] });
  });

  test("sends only what has changed", async () => {
    const server = await serve(granted());
    const stream = server.delta();
    stream.ask({ resourceNamesSubscribe: ["default", "ROOTCA"] });
    const first = await stream.next();
    stream.ask({ responseNonce: first.nonce });
    server.become(granted({ svids: [{ svid: own.issue("/web") }] }));
    expect(deltaOf(await stream.next())).toEqual({ resources: ["default"], removed: [] });
  });

  test("replaces a bundle that has gone away by one that nobody is believed by, and gives it again when it is back", async () => {
    const server = await serve(granted());
    const stream = server.delta();
    stream.ask({ resourceNamesSubscribe: ["spiffe://abroad.example"] });
    const first = await stream.next();
    server.become(granted({ bundles: BundleSet.of(own.bundle) }));
    stream.ask({ responseNonce: first.nonce });
    const second = await stream.next();
    expect(deltaOf(second)).toEqual({ resources: ["spiffe://abroad.example"], removed: [] });
    expectNobody(second.resources[0]?.resource);
    server.become(granted());
    stream.ask({ responseNonce: second.nonce });
    expect(read((await stream.next()).resources[0]?.resource)).toMatchObject({
      trustDomains: [["abroad.example", abroad.bundle.toPem()]],
    });
  });

  test("does so also when the bundle went away while the proxy was not connected, and for no other name", async () => {
    const stream = (await serve(granted({ bundles: BundleSet.of(own.bundle) }))).delta();
    stream.ask({
      resourceNamesSubscribe: ["spiffe://abroad.example", "spiffe://third.example", "spiffe://example.org/db"],
      initialResourceVersions: { "spiffe://abroad.example": "earlier", "spiffe://example.org/db": "earlier" },
    });
    const { resources, removedResources } = await stream.next();
    expect([resources.map(({ name }) => name), removedResources]).toEqual([
      ["spiffe://abroad.example"],
      ["spiffe://example.org/db"],
    ]);
    expectNobody(resources[0]?.resource);
  });

  test("of everything, too, it removes what is gone", async () => {
    const server = await serve(granted());
    const stream = server.delta();
    stream.ask({});
    const first = await stream.next();
    expect(deltaOf(first).resources).toHaveLength(3);
    server.become(granted({ bundles: BundleSet.of(own.bundle) }));
    stream.ask({ responseNonce: first.nonce });
    expect(deltaOf(await stream.next())).toEqual({ resources: [], removed: ["spiffe://abroad.example"] });
  });

  test("gives a secret again that is subscribed to again, and none that was given up", async () => {
    const server = await serve(granted());
    const stream = server.delta();
    stream.ask({ resourceNamesSubscribe: ["default", "ROOTCA"] });
    const first = await stream.next();
    stream.ask({ resourceNamesUnsubscribe: ["default"], responseNonce: first.nonce });
    stream.ask({ resourceNamesSubscribe: ["ROOTCA"], responseNonce: first.nonce });
    expect(deltaOf(await stream.next())).toEqual({ resources: ["ROOTCA"], removed: [] });
  });
});

describe("FetchSecrets", () => {
  test("answers once", async () => {
    const response = await (await serve(granted())).fetch({ resourceNames: ["default", "ROOTCA"] });
    expect(namesOf(response)).toEqual(["default", "ROOTCA"]);
  });

  test("refuses names as the stream does", async () => {
    const refused = (await serve({ kind: "none", reason: "no entry" })).fetch({ resourceNames: ["default"] });
    expect(await failureOf(refused)).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: 'workload is not authorized for the requested identities ["default"]: "default": no entry',
    });
  });

  test("waits for the first certificate", async () => {
    const server = await serve({ kind: "pending", reason: "under way" });
    const answer = server.fetch({ resourceNames: ["default"] });
    await until(() => server.followers.size === 1);
    server.become(granted());
    expect(namesOf(await answer)).toEqual(["default"]);
  });
});

describe("files", () => {
  const files: SecretFiles = {
    read: async (path) => {
      if (path === "/tls/chain.pem") return Buffer.from(web.certificateChainPem());
      if (path === "/tls/key.pem") return Buffer.from(web.privateKey.export({ type: "pkcs8", format: "pem" }));
      if (path === "/tls/ca.pem") return Buffer.from(own.bundle.toPem());
      return noFiles.read(path);
    },
  };

  test("are given to who may read them", async () => {
    const stream = (await serve(granted(), files)).state();
    stream.ask({ resourceNames: ["file-cert:/tls/chain.pem~/tls/key.pem"] });
    expect(read((await stream.next()).resources[0])).toMatchObject({ chain: web.certificateChainPem() });
  });

  test("of authorities are a plain list, whatever the node says of the validator", async () => {
    const stream = (await serve(granted(), files)).state();
    stream.ask({ resourceNames: ["file-root:/tls/ca.pem"] });
    expect(read((await stream.next()).resources[0])).toMatchObject({ trustedCa: own.bundle.toPem() });
  });

  test("are refused to who may not", async () => {
    const stream = (await serve(granted(), files)).state();
    stream.ask({ resourceNames: ["file-root:/etc/shadow"] });
    expect(await failureOf(stream.next())).toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining("may not be read"),
    });
  });
});

/** Lets the event loop turn until something has come about. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

async function failureOf(answer: Promise<unknown>): Promise<unknown> {
  try {
    return { answered: await answer };
  } catch (error) {
    return error;
  }
}
