import type { ChildPrograms } from "../harness/child-programs.ts";
import type { CredentialFiles } from "../harness/credentials.ts";

/** What the proxies of a run are to do with their connections. */
export interface Traffic {
  /** `tcp`: streams; `http`: HTTP/1.1, request by request. */
  readonly protocol: "tcp" | "http";
  /** HTTP: one line a request, as JSON, into a file. */
  readonly accessLog: boolean;
  /** HTTP: ALLOW policies that the inbound proxy asks; the last one has the caller. 0: none. */
  readonly policies: number;
  /** HTTP: tokens that the inbound proxy verifies; absent: it looks at none. */
  readonly tokens?: {
    readonly issuer: string;
    readonly jwks: string;
    /** Envoy remembers tokens, which Istio does not have it do. Ours does anyway. */
    readonly cache?: number;
  };
  /** Key-agreement group of every handshake. */
  readonly group: KeyGroup;
}

/** Has our own proxies change over from `accessLog` to its opposite, or back. */
export const TOGGLE_ACCESS_LOG = "SIGUSR2";

/** Names of TLS 1.3's registry, as OpenSSL and BoringSSL take them. */
export type KeyGroup = "X25519" | "X25519MLKEM768";

/** An outbound and an inbound proxy of one product: plaintext in, mTLS between them, plaintext to the back end. */
export interface ProxyPair {
  readonly name: string;
  /** Address of the outbound proxy; all addresses of a run have the same port. */
  readonly outboundAddress: string;
  readonly inboundAddress: string;
  /** One process each (nginx without its master). */
  readonly outboundPid: number;
  readonly inboundPid: number;
}

export interface PairContext {
  readonly programs: ChildPrograms;
  /** Prefix that pins a program to the proxies' core, or nothing. */
  readonly pin: readonly string[];
  readonly credentials: CredentialFiles;
  /** For configuration files and logs. */
  readonly directory: string;
  readonly port: number;
  readonly backendAddress: string;
  readonly inboundAddress: string;
  readonly outboundAddress: string;
  readonly traffic: Traffic;
}

/** A product that pairs are made of. */
export interface Product {
  readonly name: string;
  /** Undefined: not on this machine. */
  readonly version: () => string | undefined;
  readonly compilesAsItRuns?: true;
  /** False: cannot do this, so it is not compared. */
  readonly can: (traffic: Traffic) => boolean;
  /** What has to be made before it can be started, in a directory of the run. */
  readonly prepare?: (directory: string) => void;
  readonly start: (context: PairContext) => ProxyPair;
}

/** Runs a program that prints its version, and gives what is printed. */
export function versionOf(command: readonly string[], pattern: RegExp): string | undefined {
  const { stdout, stderr } = Bun.spawnSync([...command], { stdout: "pipe", stderr: "pipe" });
  return pattern.exec(stdout.toString() + stderr.toString())?.[1];
}

/** Principals of `count` policies: nobody's but the last, which is the caller's. */
export function principals(count: number, caller: string): readonly string[] {
  return Array.from({ length: count }, (_, index) =>
    index === count - 1 ? caller : caller.replace(/[^/]+$/, `somebody-${index}`),
  );
}
