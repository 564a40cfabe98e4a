/** The real proxy over loopback sockets, with a throw-away authority; every fixture has addresses of its own. */
import net from "node:net";
import tls from "node:tls";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { type Clock, createObservable, Secret, silentLog, systemClock } from "@symbolon/spiffe/core";
import type { X509Svid } from "@symbolon/spiffe/svid";
import { createFakeRandom, createTestAuthority, type TestAuthority } from "@symbolon/spiffe/testing";
import type {
  EffectiveMtlsMode,
  PortProtocol,
  ProxyConfig,
  ServiceView,
} from "../../packages/symbolon/src/mesh/index.ts";
import {
  type Capture,
  type CaptureSockets,
  createProxy,
  type LimitName,
  type ProxyIdentity,
  type ProxyLimits,
  type ProxyOptions,
  type Proxy as RunningProxy,
  transparentCapture,
} from "../../packages/symbolon/src/proxy/index.ts";
import type { ConnectionRecord, DenialRecord, RequestRecord } from "../../packages/symbolon/src/telemetry/index.ts";

export const MESH = createTestAuthority("mesh.example");
export const CLIENT_ID = "spiffe://mesh.example/ns/foo/sa/client";
export const SERVER_ID = "spiffe://mesh.example/ns/foo/sa/server";

let networks = 0;

/** Three bytes of 127/8 that no other test, in this process or in another, has at the same time. */
export function freeNetwork(): string {
  const number = networks++;
  return `127.${64 + ((process.pid + (number >> 8)) % 128)}.${number & 255}`;
}

/** A server of a test; answers each connection with `handle`. */
export interface TestApplication {
  readonly address: string;
  readonly port: number;
  /** Everything that was received, of all connections. */
  readonly received: () => Buffer;
  readonly connections: net.Socket[];
  close(): Promise<void>;
}

export async function startApplication(
  address: string,
  handle: (socket: net.Socket) => void = (socket) => socket.pipe(socket),
  port = 0,
): Promise<TestApplication> {
  const chunks: Buffer[] = [];
  const connections: net.Socket[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    connections.push(socket);
    socket.on("data", (chunk) => chunks.push(chunk)).on("error", () => undefined);
    handle(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  return {
    address,
    port: (server.address() as net.AddressInfo).port,
    received: () => Buffer.concat(chunks),
    connections,
    async close() {
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function proxyIdentity(svid: X509Svid, ...authorities: readonly TestAuthority[]): ProxyIdentity {
  return {
    spiffeId: svid.spiffeId,
    certificateChainPem: svid.certificateChainPem(),
    privateKeyPem: new Secret(Buffer.from(keyPem(svid))),
    bundles: BundleSet.of(...(authorities.length > 0 ? authorities : [MESH]).map(({ bundle }) => bundle)),
    serialNumber: svid.leaf.serialNumberHex,
    notBefore: svid.notBefore,
    notAfter: svid.notAfter,
  };
}

export function keyPem(svid: X509Svid): string {
  return svid.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
}

export interface ProxyFixtureOptions {
  readonly identity?: ProxyIdentity | undefined;
  readonly limits?: Partial<ProxyLimits>;
  readonly clock?: Clock;
  readonly local?: Partial<ProxyConfig["local"]>;
  readonly mesh?: Partial<ProxyConfig["mesh"]>;
  readonly forbidden?: readonly string[];
  /** Absent: transparent, on the addresses of the fixture. */
  readonly capture?: Capture;
  /** Absent: HTTP is not looked into. */
  readonly http?: ProxyOptions["http"];
}

/** The fixture's addresses are its own: nothing has to be told to the kernel. */
const NO_KERNEL: CaptureSockets = { prepareListener: () => undefined, setCapturedPorts: async () => undefined };

export interface ProxyFixture {
  readonly proxy: RunningProxy;
  readonly identity: ReturnType<typeof createObservable<ProxyIdentity | undefined>>;
  readonly config: ReturnType<typeof createObservable<ProxyConfig | undefined>>;
  /** Of connections that have ended, in order. */
  readonly records: ConnectionRecord[];
  /** Of requests that have ended, in order. */
  readonly requests: RequestRecord[];
  /** What policies have refused, in order. */
  readonly denials: DenialRecord[];
  /** Limits that have had an effect, in order. */
  readonly limitsReached: LimitName[];
  /** The first record that this has not answered yet, now or when it comes. */
  nextRecord(): Promise<ConnectionRecord>;
}

/** A proxy that listens on `listenAddress:port`, for an application at `applicationAddress:port`. */
export async function startProxy(
  place: { readonly listenAddress: string; readonly applicationAddress: string; readonly port: number },
  options: ProxyFixtureOptions = {},
): Promise<ProxyFixture> {
  const config = createObservable<ProxyConfig | undefined>({
    version: 1,
    local: {
      podUid: "pod",
      podName: "pod",
      namespace: "foo",
      serviceAccount: "server",
      address: place.listenAddress,
      sidecar: true,
      inboundMode: "permissive",
      inboundPorts: [],
      authorizationPolicies: [],
      ...options.local,
    },
    mesh: {
      trustDomain: "mesh.example",
      trustDomainAliases: [],
      pathNormalization: "base",
      denialReasonHeader: false,
      clusterDomain: "cluster.local",
      services: [],
      workloads: [],
      capturedPorts: [place.port],
      ...options.mesh,
    },
  });
  const identity = createObservable<ProxyIdentity | undefined>(
    "identity" in options ? options.identity : proxyIdentity(MESH.issue("/ns/foo/sa/server")),
  );
  const records: ConnectionRecord[] = [];
  const requests: RequestRecord[] = [];
  const denials: DenialRecord[] = [];
  const limitsReached: LimitName[] = [];
  const waiting: ((record: ConnectionRecord) => void)[] = [];
  let answered = 0;
  const answer = (): void => {
    for (let record = records[answered]; record && waiting.length > 0; record = records[answered]) {
      answered++;
      waiting.shift()?.(record);
    }
  };
  const proxy = createProxy(
    {
      identity,
      config,
      capture: options.capture ?? transparentCapture({ sockets: NO_KERNEL, listenAddress: place.listenAddress }),
      clock: options.clock ?? systemClock,
      random: createFakeRandom(),
      log: silentLog,
      countLimit: (name) => limitsReached.push(name),
      record(record) {
        records.push(record);
        answer();
      },
      recordRequest: (record) => requests.push(record),
      recordDenial: (denial) => denials.push(denial),
    },
    {
      applicationAddress: place.applicationAddress,
      forbiddenDestinations: options.forbidden ?? [],
      ...(options.limits ? { limits: options.limits } : {}),
      ...(options.http ? { http: options.http } : {}),
    },
  );
  await proxy.start();
  return {
    proxy,
    identity,
    config,
    records,
    requests,
    denials,
    limitsReached,
    nextRecord: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        answer();
      }),
  };
}

export interface InboundFixture extends ProxyFixture {
  readonly application: TestApplication;
  readonly address: string;
  readonly port: number;
  close(): Promise<void>;
}

/** A server's proxy with its application behind it. */
export async function startInbound(
  options: ProxyFixtureOptions & {
    readonly mode?: EffectiveMtlsMode;
    readonly protocol?: PortProtocol;
    readonly handle?: (socket: net.Socket) => void;
  } = {},
): Promise<InboundFixture> {
  const network = freeNetwork();
  const application = await startApplication(`${network}.1`, options.handle);
  const { port } = application;
  const { mode = "permissive", protocol = "tcp" } = options;
  const inboundPorts = [{ port, protocol, mode, decidedBy: "default" }];
  const address = `${network}.2`;
  const fixture = await startProxy(
    { listenAddress: address, applicationAddress: application.address, port },
    { ...options, local: { inboundPorts, ...options.local } },
  );
  return {
    ...fixture,
    application,
    address,
    port,
    async close() {
      await fixture.proxy.drain(0);
      await application.close();
    },
  };
}

export interface OutboundFixture extends ProxyFixture {
  /** Cluster IP of the one Service; what a client dials. */
  readonly address: string;
  readonly port: number;
  readonly endpointAddress: string;
  close(): Promise<void>;
}

/** A client's proxy with one Service, whose one endpoint a test provides at `endpointAddress:port`. */
export async function startOutbound(
  endpoint: { readonly address: string; readonly port: number },
  options: ProxyFixtureOptions & {
    readonly expectedSpiffeIds?: readonly string[];
    readonly tls?: boolean;
    readonly moreEndpoints?: readonly string[];
    readonly protocol?: PortProtocol;
  } = {},
): Promise<OutboundFixture> {
  const network = freeNetwork();
  const address = `${network}.10`;
  const { port } = endpoint;
  const service: ServiceView = {
    namespace: "foo",
    name: "server",
    address,
    ports: [
      {
        port,
        protocol: options.protocol ?? "tcp",
        endpoints: [...(options.moreEndpoints ?? []), endpoint.address].map((each) => ({
          podUid: each,
          address: each,
          port,
          tls: options.tls ?? true,
        })),
        expectedSpiffeIds: options.expectedSpiffeIds ?? [SERVER_ID],
      },
    ],
  };
  const fixture = await startProxy(
    { listenAddress: address, applicationAddress: `${network}.11`, port },
    {
      identity: proxyIdentity(MESH.issue("/ns/foo/sa/client")),
      ...options,
      local: { address: `${network}.12`, serviceAccount: "client", ...options.local },
      mesh: { services: [service], ...options.mesh },
    },
  );
  return {
    ...fixture,
    address,
    port,
    endpointAddress: endpoint.address,
    close: () => fixture.proxy.drain(0),
  };
}

/** What became of a connection, seen by the one who opened it. */
export interface Outcome {
  readonly received: Buffer;
  /** "FIN", or the code of the error that ended it. */
  readonly end: string;
}

/** Sends, then waits until `wanted` bytes have come or the connection has ended; the caller's end is then closed. */
export function talk(socket: net.Socket, send: Uint8Array | string | undefined, wanted: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (end: string): void => {
      resolve({ received: Buffer.concat(chunks), end });
      socket.destroy();
    };
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= wanted) done("enough");
    });
    socket.on("end", () => done("FIN"));
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    socket.on("close", () => done("closed"));
    if (send !== undefined) socket.write(send);
  });
}

export interface TlsClientOptions extends tls.ConnectionOptions {
  readonly svid?: X509Svid;
}

/** Like an Istio client: offers `istio`, verifies nothing (the proxy under test is not what is doubted). */
export function tlsClient(
  to: { readonly address: string; readonly port: number },
  { svid, ...options }: TlsClientOptions = {},
): tls.TLSSocket {
  return tls.connect({
    host: to.address,
    port: to.port,
    rejectUnauthorized: false,
    ALPNProtocols: ["istio"],
    ...(svid ? { cert: svid.certificateChainPem(), key: keyPem(svid) } : {}),
    ...options,
  });
}

/** Waits for a state that sockets bring about; the test's own time limit is the only one. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

export interface Relay {
  readonly address: string;
  readonly port: number;
  close(): void;
}

/**
 * A man in the middle who may change TLS records. `change` is called with each whole record and its number in its
 * direction, and answers what goes on, or undefined to end the stream to there with a FIN.
 */
export async function startRelay(
  to: { readonly address: string; readonly port: number },
  change: (record: Buffer, number: number, from: "client" | "server") => Buffer | undefined,
): Promise<Relay> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const upstream = net.connect({ port: to.port, host: to.address, allowHalfOpen: true });
    carry(client, upstream, "client");
    carry(upstream, client, "server");
  });
  const carry = (from: net.Socket, into: net.Socket, side: "client" | "server"): void => {
    let pending = Buffer.alloc(0);
    let number = 0;
    sockets.add(from);
    from.on("data", (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 5 && pending.length >= 5 + pending.readUInt16BE(3)) {
        const record = Buffer.from(pending.subarray(0, 5 + pending.readUInt16BE(3)));
        pending = pending.subarray(record.length);
        const changed = change(record, number++, side);
        if (!changed) return void into.end();
        if (!into.writableEnded) into.write(changed);
      }
    });
    from.on("end", () => into.end()).on("error", () => into.destroy());
    from.on("close", () => into.destroy());
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: "127.0.0.1",
    port: (server.address() as net.AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** A real ClientHello, whole, as this runtime's TLS client sends it. */
export async function captureClientHello(options: tls.ConnectionOptions = {}): Promise<Buffer> {
  let hello = Buffer.alloc(0);
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      hello = Buffer.concat([hello, chunk]);
      if (hello.length >= 5 + hello.readUInt16BE(3)) socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  await talk(tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options }), undefined, 1);
  await new Promise((resolve) => server.close(resolve));
  return hello;
}
