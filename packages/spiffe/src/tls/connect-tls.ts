import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { type CancelSignal, errorText, spiffeError, systemClock } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import type { X509Source } from "../source/index.ts";
import { identityOptions } from "./identity-options.ts";
import { asRefusal, createPeerCheck, type PeerCheck, type PeerCheckOptions } from "./peer-check.ts";
import { markVerified } from "./peer-of.ts";

const nodeNet = builtinModule("node:net");
const nodeTls = builtinModule("node:tls");

export interface TlsTarget {
  /** Name or address to connect to; no part of the authentication (spiffe.md §2.2 point 7). */
  readonly host: string;
  readonly port: number;
  /** Name in the ClientHello (SNI); `host` when that is a name. */
  readonly servername?: string;
  /** Protocols to offer, in order of preference (ALPN). */
  readonly alpn?: readonly string[];
  /** A connection that exists already, instead of a new one to `host`. */
  readonly socket?: Socket | Duplex;
  /** Ends the attempt with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Milliseconds for connection and handshake together; 10,000 without it. */
  readonly timeoutMs?: number;
}

export interface ConnectTlsOptions extends PeerCheckOptions, TlsTarget {}

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * A mutual TLS connection to a server that was verified before the socket is handed out: nothing was sent on it but the
 * handshake. With TLS 1.3 the server judges us after that, so that its refusal is an error of the first read.
 * @throws ERR_TLS_CONNECT_FAILED, ERR_TLS_*, ERR_SVID_*, ERR_BUNDLE_NOT_FOUND, ERR_SOURCE_*, or the signal's reason
 */
export async function connectTls(source: X509Source, options: ConnectTlsOptions): Promise<TLSSocket> {
  return connectVerified(source, createPeerCheck(source, "connectTls", options), options, options);
}

/** The same with a check that the caller keeps, for pools that connect often. */
export function connectVerified(
  source: X509Source,
  check: PeerCheck,
  target: TlsTarget,
  { clock = systemClock }: Pick<PeerCheckOptions, "clock"> = {},
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    target.signal?.throwIfAborted();
    const socket = nodeTls().connect(connectionOptions(source, target));
    const timeoutMs = target.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const settle = (): void => {
      timer.cancel();
      (target.signal as CancelSignal | undefined)?.removeEventListener("abort", onAbort);
      socket.removeListener("error", onError);
      socket.removeListener("close", onClose);
    };
    const fail = (error: unknown): void => {
      settle();
      // The runtime may still report what destroying does; nobody else listens any more.
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(target.signal?.reason);
    const onError = (error: unknown): void => fail(connectError(target, errorText(error), error));
    const onClose = (): void => fail(connectError(target, "the connection was closed during the handshake"));
    const timer = clock.setTimer(timeoutMs, () => fail(connectError(target, `no handshake within ${timeoutMs} ms`)));
    (target.signal as CancelSignal | undefined)?.addEventListener("abort", onAbort, { once: true });
    socket.on("error", onError);
    socket.on("close", onClose);
    socket.once("secureConnect", () => {
      try {
        markVerified(socket, check.ofSocket(socket));
      } catch (error) {
        fail(asRefusal(error));
        return;
      }
      settle();
      resolve(socket);
    });
  });
}

function connectionOptions(source: X509Source, { host, port, servername, alpn, socket }: TlsTarget) {
  const name = servername ?? (nodeNet().isIP(host) === 0 ? host : undefined);
  return {
    ...identityOptions(source.svid),
    // A Duplex is one as good as a socket, on every runtime; the types of some say otherwise.
    ...(socket ? { socket: socket as Socket } : { host, port }),
    ...(name === undefined ? {} : { servername: name }),
    ...(alpn ? { ALPNProtocols: [...alpn] } : {}),
  };
}

function connectError({ host, port }: TlsTarget, why: string, cause?: unknown) {
  const message = `no TLS connection to ${host}:${port}: ${why}`;
  return spiffeError("ERR_TLS_CONNECT_FAILED", message, cause === undefined ? {} : { cause });
}
