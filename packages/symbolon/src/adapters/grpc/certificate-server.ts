import type { AddressInfo } from "node:net";
import type { Clock, Log, Observable, Random } from "@symbolon/spiffe/core";
import type { CreateCertificate, ServerIdentity } from "../../ca/index.ts";
import { type AdmissionLimits, createAdmission } from "./admission.ts";
import { certificateMethod } from "./certificate-service.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { serveSocket } from "./grpc-transports.ts";
import { peerCertificates } from "./peer-certificates.ts";
import { createTlsFront, type TlsFrontLimits } from "./tls-front.ts";

/** The CA on the wire: gRPC over a TLS listener of our own. */
export interface CertificateServer {
  start(address: { readonly host: string; readonly port: number }): Promise<AddressInfo>;
  /** Lets calls in progress end, then closes everything; twice is allowed. */
  close(): Promise<void>;
}

export interface CertificateServerOptions {
  readonly createCertificate: CreateCertificate;
  /** Followed: a new identity is shown from the next handshake on. */
  readonly identity: Observable<ServerIdentity>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits?: Partial<AdmissionLimits & TlsFrontLimits>;
}

/**
 * RR-07 and SR-50. One thread signs one certificate at a time whatever stands here; `concurrent` also counts the calls
 * that wait for the disk, which is where a group commit finds its group.
 */
const LIMITS: AdmissionLimits & TlsFrontLimits = {
  concurrent: 64,
  queued: 1000,
  maxWaitMs: 2000,
  handshakeTimeoutMs: 5000,
  concurrentHandshakes: 200,
  connectionsPerAddress: 1000,
};

/** SR-50a: set, never default. */
const CONNECTION_LIMITS = {
  maxConcurrentStreams: 100,
  maxHeaderListBytes: 16 * 1024,
  prefaceTimeoutMs: 5000,
  idleTimeoutMs: 5 * 60_000,
  stallTimeoutMs: 60_000,
  keepAlive: { intervalMs: 30_000, timeoutMs: 10_000 },
  maxAge: { ageMs: 30 * 60_000, graceMs: 30_000 },
};
const MAX_MESSAGE_BYTES = 64 * 1024;
const DRAIN_MS = 2000;

export function createCertificateServer(options: CertificateServerOptions): CertificateServer {
  const { createCertificate, identity, clock, random, log } = options;
  const limits = { ...LIMITS, ...options.limits };
  const admission = createAdmission({ limits, clock, random });
  const server = createGrpcServer({
    methods: [certificateMethod({ createCertificate, admission, clock, log })],
    limits: CONNECTION_LIMITS,
    maxMessageBytes: MAX_MESSAGE_BYTES,
    clock,
    log,
  });
  const front = createTlsFront({
    identity: identity.current,
    limits,
    clock,
    log,
    onConnection: (socket) =>
      serveSocket(
        server,
        socket,
        { certificateChain: peerCertificates(socket), peerAddress: `${socket.remoteAddress}:${socket.remotePort}` },
        clock,
      ),
  });
  const unfollow = identity.subscribe((next) => front.useIdentity(next));
  let closing: Promise<void> | undefined;

  const close = async (): Promise<void> => {
    unfollow();
    await server.close(DRAIN_MS);
    await front.close();
  };

  return {
    start: (address) => front.listen(address),
    close() {
      closing ??= close();
      return closing;
    },
  };
}
