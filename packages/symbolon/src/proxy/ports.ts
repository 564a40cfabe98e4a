import type { BundleSet } from "@symbolon/spiffe/bundle";
import type { Clock, Log, Observable, Random, Secret } from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";
import type { ProxyConfig } from "../mesh/index.ts";
import type { ConnectionRecord, DenialRecord, RequestRecord } from "../telemetry/index.ts";
import type { Capture } from "./capture.ts";
import type { HttpLimits } from "./http-limits.ts";
import type { CountLimit } from "./limit-name.ts";

/** What the proxy proves itself with, and what it verifies peers against. */
export interface ProxyIdentity {
  readonly spiffeId: SpiffeId;
  readonly certificateChainPem: string;
  readonly privateKeyPem: Secret<Buffer>;
  readonly bundles: BundleSet;
  /** Lower-case hex. */
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface ProxyPorts {
  /** Undefined while there is none; a pod without sidecar never has one. */
  readonly identity: Observable<ProxyIdentity | undefined>;
  readonly config: Observable<ProxyConfig | undefined>;
  readonly capture: Capture;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called once, when a connection has ended. */
  readonly record?: (record: ConnectionRecord) => void;
  /** Called once, when a request has ended. */
  readonly recordRequest?: (record: RequestRecord) => void;
  /** Called once for each connection and each request that a policy refuses, when it does. */
  readonly recordDenial?: (denial: DenialRecord) => void;
  /** A token is signed with a key that the set from this source does not have; at most once in ten seconds each. */
  readonly keyUnknown?: (source: string) => void;
  /** Called each time when a limit has had its effect. */
  readonly countLimit?: CountLimit;
}

export interface ProxyOptions {
  /** Address of the application, behind this proxy. */
  readonly applicationAddress: string;
  /** Addresses that lead back to this proxy or around it: never dialled for the application. */
  readonly forbiddenDestinations: readonly string[];
  /** Where names are answered; absent: nowhere. */
  readonly dns?: { readonly address: string; readonly port: number };
  readonly limits?: Partial<ProxyLimits>;
  /** Looks into HTTP/1.1 on ports that are HTTP; absent: every connection is passed on as it is. */
  readonly http?: { readonly limits?: Partial<HttpLimits> };
  /** Key-agreement groups of our handshakes, OpenSSL's names with colons between; absent: the runtime's, hybrid post-quantum first. */
  readonly tlsGroups?: string;
}

export interface ProxyLimits {
  /** First byte of an inbound connection whose protocol has to be detected (SR-50). */
  readonly detectionMs: number;
  /** Longest ClientHello that is read; a hybrid post-quantum one has about 1,500 bytes. */
  readonly clientHelloBytes: number;
  readonly handshakeMs: number;
  readonly concurrentHandshakes: number;
  readonly connectMs: number;
  /** Inbound connections of one address. */
  readonly connectionsPerAddress: number;
  /** Connections of both directions; one more is refused, and those that are open go on. */
  readonly connections: number;
  /** Bytes kept of a side that sends before the other side is connected. */
  readonly earlyBytes: number;
}

export const PROXY_LIMITS: ProxyLimits = {
  detectionMs: 5000,
  clientHelloBytes: 16 * 1024,
  handshakeMs: 5000,
  concurrentHandshakes: 200,
  connectMs: 5000,
  connectionsPerAddress: 1000,
  connections: 16_384,
  earlyBytes: 256 * 1024,
};
