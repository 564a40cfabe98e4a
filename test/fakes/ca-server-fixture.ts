/** The CA of `ca-fixture.ts` behind its real gRPC server on loopback, and clients that share no code with ours. */
import { Client, credentials, Metadata, type StatusObject } from "@grpc/grpc-js";
import { createObservable, type Log, Secret, silentLog, systemRandom } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import {
  type CertificateClient,
  type CertificateServerOptions,
  createCertificateClient,
  createCertificateServer,
} from "../../packages/symbolon/src/adapters/grpc/index.ts";
import type { ServerIdentity } from "../../packages/symbolon/src/ca/index.ts";
import { type CaFixture, type CaFixtureOptions, createCaFixture } from "./ca-fixture.ts";

export const SERVER_NAME = "istiod.istio-system.svc";
const PATH = "/istio.v1.auth.IstioCertificateService/CreateCertificate";

export interface CaServerFixture extends CaFixture {
  readonly port: number;
  /** The agent's own client. */
  readonly client: CertificateClient;
  close(): Promise<void>;
}

export interface CaServerFixtureOptions extends CaFixtureOptions {
  readonly limits?: CertificateServerOptions["limits"];
  readonly createCertificate?: CertificateServerOptions["createCertificate"];
  readonly log?: Log;
  /** What the server shows of itself instead of the CA's own certificate. */
  readonly identity?: (fixture: CaFixture) => Promise<ServerIdentity>;
  /** A free one, if absent. */
  readonly port?: number;
}

/** The fake clock stands at today's time, because the runtime's TLS reads the machine's clock. */
export async function createCaServerFixture(options: CaServerFixtureOptions = {}): Promise<CaServerFixture> {
  const { limits, createCertificate, log = silentLog, identity, port: wantedPort = 0, ...caOptions } = options;
  const fixture = await createCaFixture({ clock: createFakeClock(new Date()), ...caOptions });
  const server = createCertificateServer({
    createCertificate: createCertificate ?? fixture.ca.createCertificate,
    identity: identity ? createObservable(await identity(fixture)) : fixture.ca.serverIdentity,
    clock: fixture.clock,
    random: systemRandom,
    log,
    ...(limits ? { limits } : {}),
  });
  const { port } = await server.start({ host: "127.0.0.1", port: wantedPort });
  const client = createCertificateClient({
    address: `127.0.0.1:${port}`,
    rootCertificatePem: fixture.ca.rootsPem,
    serverName: SERVER_NAME,
    clock: fixture.clock,
  });
  return {
    ...fixture,
    port,
    client,
    async close() {
      client.close();
      const closed = server.close();
      await fixture.clock.advance(10_000);
      await closed;
      fixture.ca.close();
    },
  };
}

export interface ForeignCall {
  readonly csr?: string;
  readonly validityDuration?: bigint;
  /** Text of the `authorization` values. */
  readonly authorization?: readonly string[];
  readonly impersonatedIdentity?: string;
  readonly clientCertificate?: { readonly chainPem: string; readonly keyPem: string };
  /** Instead of a request. */
  readonly bytes?: Buffer;
  readonly path?: string;
}

export type ForeignAnswer =
  | { readonly kind: "answer"; readonly certChain: readonly string[] }
  | { readonly kind: "status"; readonly code: number; readonly details: string; readonly metadata: Metadata };

/**
 * One call by grpc-js with the wire format of istio-security §5.1 written and read by hand, so that a wrong field number
 * of ours cannot hide in a shared codec.
 */
export function callAsForeigner(fixture: CaServerFixture, call: ForeignCall): Promise<ForeignAnswer> {
  const { authorization = [], clientCertificate, path = PATH } = call;
  const roots = Buffer.from(fixture.ca.rootsPem);
  const channel = clientCertificate
    ? credentials.createSsl(roots, Buffer.from(clientCertificate.keyPem), Buffer.from(clientCertificate.chainPem))
    : credentials.createSsl(roots);
  const client = new Client(`127.0.0.1:${fixture.port}`, channel, {
    "grpc.ssl_target_name_override": SERVER_NAME,
    "grpc.enable_retries": 0,
    "grpc.use_local_subchannel_pool": 1,
  });
  const metadata = new Metadata();
  for (const value of authorization) metadata.add("authorization", value);
  return new Promise<ForeignAnswer>((resolve) => {
    const asIs = (bytes: Buffer) => bytes;
    client.makeUnaryRequest(path, asIs, asIs, call.bytes ?? encodeRequest(call), metadata, (error, response) => {
      if (error) resolve({ kind: "status", ...statusOf(error) });
      else resolve({ kind: "answer", certChain: decodeResponse(response ?? Buffer.alloc(0)) });
    });
  }).finally(() => client.close());
}

export const bearer = (token: Secret<string> | string): readonly string[] => [
  `Bearer ${token instanceof Secret ? token.expose() : token}`,
];

const statusOf = ({ code, details, metadata }: StatusObject) => ({ code, details, metadata });

const LENGTH_DELIMITED = 2;
const field = (number: number, wireType: number) => Buffer.of((number << 3) | wireType);

function encodeRequest({ csr = "", validityDuration = 0n, impersonatedIdentity }: ForeignCall): Buffer {
  const parts = [delimited(1, Buffer.from(csr)), field(3, 0), varint(BigInt.asUintN(64, validityDuration))];
  if (impersonatedIdentity !== undefined) {
    // google.protobuf.Struct: fields = map<string, Value>; Value.string_value = 3.
    const value = delimited(3, Buffer.from(impersonatedIdentity));
    const entry = Buffer.concat([delimited(1, Buffer.from("ImpersonatedIdentity")), delimited(2, value)]);
    parts.push(delimited(4, delimited(1, entry)));
  }
  return Buffer.concat(parts);
}

function decodeResponse(bytes: Buffer): readonly string[] {
  const elements: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at++] !== ((1 << 3) | LENGTH_DELIMITED)) throw new Error("response has a field other than cert_chain");
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    elements.push(bytes.toString("utf8", at, at + length));
    at += length;
  }
  return elements;
}

const delimited = (number: number, content: Buffer): Buffer =>
  Buffer.concat([field(number, LENGTH_DELIMITED), varint(BigInt(content.length)), content]);

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 0x80n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 0x7fn) | 0x80);
  }
}
