import type { Log } from "@symbolon/spiffe/core";
import type { ProxyConfig } from "../mesh/index.ts";
import type { Leg } from "./leg.ts";

/**
 * How connections reach this proxy, and where it finds the others: transparent (ADR 9) and explicit (ADR 14) capture are
 * the two adapters, and nothing else in the proxy knows which one it is.
 */
export interface Capture {
  listen(context: CaptureContext): CaptureListeners;
  /** Where an address of the mesh is dialled; undefined: nobody is there. */
  locate(address: string, port: number, config: ProxyConfig): DialAddress | undefined;
}

export interface DialAddress {
  readonly hostname: string;
  readonly port: number;
  /** Of an address that the name has turned out to be: whether nothing may be sent there. */
  readonly isForbidden?: (remoteAddress: string) => boolean;
}

/** What becomes of connections that have been accepted; `leg.destination` says where they want to. */
export interface CaptureContext {
  readonly config: () => ProxyConfig;
  /** Bytes kept of a side that sends before the other side is connected. */
  readonly earlyBytes: number;
  readonly log: Log;
  /** From another pod, to the application. */
  acceptInbound(leg: Leg): void;
  /** From the application. */
  acceptOutbound(leg: Leg): void;
  /**
   * From a client that was told to use a proxy: it says itself where it wants to.
   * @param authorize whether a Proxy-Authorization field is this pod's
   */
  acceptProxyClient(leg: Leg, authorize: (credentials: string | undefined) => boolean): void;
}

/** Listening sockets of the proxy. */
export interface CaptureListeners {
  /** Opens and closes listeners until they are what the configuration asks for. */
  apply(config: ProxyConfig): Promise<void>;
  /** Where connections are accepted, by the number that the caller knows, ascending. */
  readonly ports: readonly number[];
  /** Stops accepting; connections live on. */
  close(): void;
}
