import type { AddressInfo, ListenOptions } from "node:net";
import type { Server, TLSSocket } from "node:tls";
import { type Clock, type SymbolonError, spiffeError, systemClock } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import type { X509Source } from "../source/index.ts";
import { identityOptions } from "./identity-options.ts";
import { asRefusal, createPeerCheck, type PeerCheckOptions } from "./peer-check.ts";
import { markVerified, peerOf } from "./peer-of.ts";

const nodeTls = builtinModule("node:tls");

export interface Refusal {
  readonly error: SymbolonError;
  readonly remoteAddress: string | undefined;
}

export interface TlsServerOptions extends PeerCheckOptions {
  /** Protocols to choose from, in order of preference (ALPN). */
  readonly alpn?: readonly string[];
  /** Milliseconds that a handshake may take; 10,000 without it. */
  readonly handshakeTimeoutMs?: number;
  /**
   * Verifies the peers of live connections again whenever the bundles change, and ends those that would be refused now: an
   * authority or a trust domain was withdrawn. Without it, a connection keeps its handshake's verdict, as in go-spiffe.
   */
  readonly verifyLive?: boolean;
  /** Hears of every connection that was refused after its handshake or by `verifyLive`, and of every failed handshake. */
  readonly onRefused?: (refusal: Refusal) => void;
}

/** A listener for mutual TLS. Its connections are verified before anybody sees them. */
export interface TlsServer extends AsyncDisposable {
  /** @throws what the system says, such as EADDRINUSE */
  listen(options: number | ListenOptions): Promise<AddressInfo>;
  /** @throws ERR_TLS_NOT_LISTENING */
  address(): AddressInfo;
  /** Takes no new connections, and waits for those that there are: `graceMs`, 5,000 without it; then it ends them. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

const DEFAULT_HANDSHAKE_TIMEOUT_MS = 10_000;
const DEFAULT_GRACE_MS = 5000;

/**
 * A server whose identity follows the source: a new one counts from the next handshake on, live connections stay.
 * @param onConnection gets sockets of verified and allowed peers only; `peerOf(socket)` tells who it is
 * @throws ERR_TLS_AUTHORIZER_MISSING, ERR_SOURCE_NO_IDENTITY, ERR_SOURCE_CLOSED
 */
export function createTlsServer(
  source: X509Source,
  options: TlsServerOptions,
  onConnection: (socket: TLSSocket) => void,
): TlsServer {
  const check = createPeerCheck(source, "a server", options);
  const { alpn, clock = systemClock, onRefused, handshakeTimeoutMs = DEFAULT_HANDSHAKE_TIMEOUT_MS } = options;
  const server = nodeTls().createServer({
    ...identityOptions(source.svid),
    handshakeTimeout: handshakeTimeoutMs,
    ...(alpn ? { ALPNProtocols: [...alpn] } : {}),
  });
  const open = new Set<TLSSocket>();
  /** @returns what `onRefused` is told */
  const end = (socket: TLSSocket | undefined, error: SymbolonError): Refusal => {
    const remoteAddress = socket?.remoteAddress;
    socket?.on("error", () => {});
    socket?.destroy();
    return { error, remoteAddress };
  };
  const refuse = (socket: TLSSocket | undefined, error: SymbolonError): void => {
    const refusal = end(socket, error);
    onRefused?.(refusal);
  };

  server.on("secureConnection", (socket: TLSSocket) => {
    try {
      markVerified(socket, check.ofSocket(socket));
    } catch (error) {
      refuse(socket, asRefusal(error));
      return;
    }
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    // Not from here: on Node what is ended inside this event loses its close_notify, and strict peers call that truncated.
    setImmediate(() => {
      if (!socket.destroyed) onConnection(socket);
    });
  });
  server.on("tlsClientError", (cause: Error, socket: TLSSocket) =>
    refuse(socket, spiffeError("ERR_TLS_HANDSHAKE_FAILED", `handshake failed: ${cause.message}`, { cause })),
  );
  let generation = source.bundles.generation;
  const verifyOpen = (): void => {
    const refusals: Refusal[] = [];
    for (const socket of [...open]) {
      try {
        check.ofLivePeer(peerOf(socket));
      } catch (error) {
        refusals.push(end(socket, asRefusal(error)));
      }
    }
    // A program that fails over one of them must not keep the others open.
    for (const refusal of refusals) onRefused?.(refusal);
  };
  const unsubscribe = source.subscribe((context) => {
    // Without an identity the old one is still shown, and nobody accepted: the check has no bundles.
    if (!context) return;
    server.setSecureContext(identityOptions(context.svid));
    const isNews = context.bundles.generation !== generation;
    generation = context.bundles.generation;
    if (options.verifyLive && isNews) verifyOpen();
  });

  const close = async ({ graceMs = DEFAULT_GRACE_MS } = {}): Promise<void> => {
    unsubscribe();
    if (server.listening) await closeWithin(server, open, graceMs, clock);
  };
  return {
    listen: (where) => listen(server, where),
    address: () => addressOf(server),
    close,
    [Symbol.asyncDispose]: () => close({ graceMs: 0 }),
  };
}

function listen(server: Server, where: number | ListenOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(typeof where === "number" ? { port: where } : where, () => {
      server.removeListener("error", reject);
      resolve(addressOf(server));
    });
  });
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address !== null && typeof address === "object") return address;
  throw spiffeError("ERR_TLS_NOT_LISTENING", "this server has no port: call listen() with one, and wait for it");
}

async function closeWithin(server: Server, open: Set<TLSSocket>, graceMs: number, clock: Clock): Promise<void> {
  const destroyAll = (): void => {
    for (const socket of open) socket.destroy();
  };
  const timer = graceMs > 0 ? clock.setTimer(graceMs, destroyAll) : undefined;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    if (graceMs <= 0) destroyAll();
  });
  timer?.cancel();
}
