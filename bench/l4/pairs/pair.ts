import type { ChildPrograms } from "../../child-programs.ts";
import type { CredentialFiles } from "../credentials.ts";

/** An outbound and an inbound proxy of one product: plaintext in, mTLS between them, plaintext to the back end. */
export interface ProxyPair {
  readonly name: string;
  /** Address of the outbound proxy; all addresses of a run have the same port. */
  readonly outboundAddress: string;
  readonly inboundAddress: string;
  /** Both proxies, one process each (nginx without its master). */
  readonly pids: readonly number[];
}

export interface PairContext {
  readonly programs: ChildPrograms;
  /** Prefix that pins a program to the proxies' core, or nothing. */
  readonly pin: readonly string[];
  readonly credentials: CredentialFiles;
  /** For configuration files. */
  readonly directory: string;
  readonly port: number;
  readonly backendAddress: string;
  readonly inboundAddress: string;
  readonly outboundAddress: string;
}

/** Starts a pair; undefined when the product is not on this machine. */
export type StartPair = (context: PairContext) => ProxyPair | undefined;
