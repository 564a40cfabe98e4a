import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import type { Clock, Log, Observable, Random } from "@symbolon/spiffe/core";
import type { CallerCredentials, CreateCertificate, ServerIdentity } from "../../ca/index.ts";
import { IstioCertificateService } from "../../gen/index.ts";
import { type AdmissionLimits, createAdmission } from "./admission.ts";
import { createCertificateHandler } from "./certificate-service.ts";
import { peerCertificates } from "./peer-certificates.ts";
import { serviceDefinition } from "./service-definition.ts";
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
const SERVER_OPTIONS = {
  "grpc.max_receive_message_length": 64 * 1024,
  "grpc.max_send_message_length": 1024 * 1024,
  "grpc.max_concurrent_streams": 100,
  "grpc.max_connection_age_ms": 30 * 60_000,
  "grpc.max_connection_age_grace_ms": 30_000,
  "grpc.max_connection_idle_ms": 5 * 60_000,
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.enable_channelz": 0,
  "grpc-node.max_session_memory": 10,
} as const;
const DRAIN_MS = 2000;

export function createCertificateServer(options: CertificateServerOptions): CertificateServer {
  const { createCertificate, identity, clock, random, log } = options;
  const limits = { ...LIMITS, ...options.limits };
  const peers = createPeerRegistry();
  const server = new Server(SERVER_OPTIONS);
  server.addService(serviceDefinition(IstioCertificateService), {
    CreateCertificate: createCertificateHandler({
      createCertificate,
      admission: createAdmission({ limits, clock, random }),
      peerOf: (call) => peers.find(call.getPeer()),
      clock,
      log,
    }),
  });
  // Insecure towards gRPC only: what it is given is a TLS connection whose peer we have read.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const front = createTlsFront({
    identity: identity.current,
    limits,
    clock,
    log,
    onConnection(socket) {
      peers.register(socket);
      injector.injectConnection(socket);
    },
  });
  const unfollow = identity.subscribe((next) => front.useIdentity(next));
  let closing: Promise<void> | undefined;

  const close = async (): Promise<void> => {
    unfollow();
    injector.drain(DRAIN_MS);
    await new Promise<void>((resolve) => {
      const timer = clock.setTimer(DRAIN_MS, resolve);
      server.tryShutdown(() => {
        timer.cancel();
        resolve();
      });
    });
    server.forceShutdown();
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

/**
 * grpc-js knows a connection only by its address, so that the address it sees is a name of ours (ecosystem §3): a fresh
 * one for each connection, gone when the connection is.
 */
function createPeerRegistry() {
  type Peer = Pick<CallerCredentials, "certificateChain" | "peerAddress">;
  const peers = new Map<string, Peer>();
  let next = 0;
  return {
    register(socket: TLSSocket): void {
      const name = `connection-${next++}`;
      const peerAddress = `${socket.remoteAddress}:${socket.remotePort}`;
      peers.set(name, { certificateChain: peerCertificates(socket), peerAddress });
      socket.once("close", () => peers.delete(name));
      Object.defineProperty(socket, "remoteAddress", { value: name });
    },
    /** @param peer what `getPeer` says: our name, and a port behind a colon */
    find: (peer: string): Peer | undefined => peers.get(peer.replace(/:[0-9]*$/, "")),
  };
}
