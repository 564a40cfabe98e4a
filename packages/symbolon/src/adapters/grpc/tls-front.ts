import net from "node:net";
import tls from "node:tls";
import { type Clock, errorText, type Log, type Timer } from "@symbolon/spiffe/core";
import type { ServerIdentity } from "../../ca/index.ts";
import { productError } from "../../core/index.ts";

export interface TlsFrontLimits {
  readonly handshakeTimeoutMs: number;
  readonly concurrentHandshakes: number;
  readonly connectionsPerAddress: number;
}

/** One TLS listener of ours in front of gRPC: whole certificate chains, caps and rotation are in our hand. */
export interface TlsFront {
  listen(address: { readonly host: string; readonly port: number }): Promise<net.AddressInfo>;
  /** For new handshakes; live connections stay. */
  useIdentity(identity: ServerIdentity): void;
  close(): Promise<void>;
}

/** SSL_OP_NO_TICKET: a resumed session would outlive a removed authority (SR-48). */
const NO_TICKET = 16384;

export function createTlsFront(options: {
  readonly identity: ServerIdentity;
  readonly limits: TlsFrontLimits;
  readonly clock: Clock;
  readonly log: Log;
  /** Given each connection after its handshake; the peer may have shown any certificate, or none. */
  readonly onConnection: (socket: tls.TLSSocket) => void;
}): TlsFront {
  const { limits, clock, log, onConnection } = options;
  const handshakes = new Map<string, Timer>();
  const perAddress = new Map<string, number>();
  const sockets = new Set<net.Socket>();
  const front = tls.createServer(tlsOptions(options.identity));
  const listener = net.createServer({ noDelay: true }, (socket) => admit(socket));

  const admit = (socket: net.Socket): void => {
    const address = socket.remoteAddress ?? "";
    const count = perAddress.get(address) ?? 0;
    if (handshakes.size >= limits.concurrentHandshakes || count >= limits.connectionsPerAddress) {
      log.debug("connection refused: too many", { address, connections: count, handshakes: handshakes.size });
      socket.destroy();
      return;
    }
    const key = connectionKey(socket);
    perAddress.set(address, count + 1);
    sockets.add(socket);
    handshakes.set(
      key,
      clock.setTimer(limits.handshakeTimeoutMs, () => socket.destroy()),
    );
    socket.on("error", (error) => log.debug("connection failed", { address, error: errorText(error) }));
    socket.once("close", () => {
      endHandshake(key);
      sockets.delete(socket);
      const left = (perAddress.get(address) ?? 1) - 1;
      if (left === 0) perAddress.delete(address);
      else perAddress.set(address, left);
    });
    front.emit("connection", socket);
  };

  const endHandshake = (key: string): boolean => {
    handshakes.get(key)?.cancel();
    return handshakes.delete(key);
  };

  front.on("tlsClientError", (error) => log.debug("tls handshake failed", { error: errorText(error) }));
  front.on("secureConnection", (socket) => {
    try {
      socket.on("error", (error) => log.debug("connection failed", { error: errorText(error) }));
      const refusal = !endHandshake(connectionKey(socket))
        ? "handshake is not ours"
        : socket.isSessionReused()
          ? "session was resumed"
          : socket.alpnProtocol !== "h2"
            ? "peer does not speak h2"
            : undefined;
      if (refusal === undefined) return onConnection(socket);
      log.debug("connection refused", { reason: refusal });
      socket.destroy();
    } catch (error) {
      log.error("connection handler failed", { error: errorText(error) });
      socket.destroy();
    }
  });

  return {
    listen: ({ host, port }) => listen(listener, host, port),
    useIdentity: (identity) => front.setSecureContext(tlsOptions(identity)),
    async close() {
      const closed = new Promise<void>((resolve) => {
        if (listener.listening) listener.close(() => resolve());
        else resolve();
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function tlsOptions(identity: ServerIdentity): tls.TlsOptions {
  return {
    cert: identity.certificateChainPem,
    key: identity.keyPem.expose(),
    // The runtime asks for a certificate and lets every one through: the verdict is ours, and a caller with a token needs none.
    requestCert: true,
    rejectUnauthorized: false,
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.2",
    secureOptions: NO_TICKET,
  };
}

const connectionKey = (socket: net.Socket): string => `${socket.remoteAddress}|${socket.remotePort}`;

function listen(listener: net.Server, host: string, port: number): Promise<net.AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error & { code?: string }): void => {
      const fix = cause.code === "EADDRINUSE" ? "; another process listens there" : "";
      reject(productError("ERR_LISTEN_FAILED", `cannot listen on ${host}:${port}: ${cause.message}${fix}`, { cause }));
    };
    listener.once("error", failed);
    listener.listen(port, host, () => {
      listener.off("error", failed);
      // A TCP listener has an AddressInfo; only pipes have a string.
      resolve(listener.address() as net.AddressInfo);
    });
  });
}
