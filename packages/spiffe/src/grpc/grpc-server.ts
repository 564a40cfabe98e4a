import type { Server } from "@grpc/grpc-js";
import { ServerCredentials } from "@grpc/grpc-js";
import { spiffeError } from "../core/index.ts";
import type { X509Source } from "../source/index.ts";
import type { VerifiedPeer } from "../svid/index.ts";
import { createTlsServer, peerOf, type TlsServer, type TlsServerOptions } from "../tls/index.ts";

export interface GrpcServer extends TlsServer {
  /**
   * Who calls.
   * @throws ERR_TLS_PEER_UNKNOWN when the call came over a port that the gRPC server was bound to itself
   */
  peerOf(call: { getPeer(): string }): VerifiedPeer;
}

/**
 * A listener for a server of `@grpc/grpc-js`: it hands verified connections over, in place of `server.bindAsync`. The server
 * itself has no port, so that nobody comes in past the verification; shut it down before closing this.
 * @throws as `createTlsServer`
 */
export function createGrpcServer(
  source: X509Source,
  options: Omit<TlsServerOptions, "alpn">,
  server: Server,
): GrpcServer {
  // Plain for gRPC: what it is given has been through TLS already.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const callers = new Map<string, VerifiedPeer>();
  const front = createTlsServer(source, { ...options, alpn: ["h2"] }, (socket) => {
    const { remoteAddress } = socket;
    const name = `${remoteAddress}:${socket.remotePort}`;
    // By this name alone a call tells whose it is, and two connections have the same when they go to two addresses of ours.
    if (callers.has(name)) {
      socket.destroy();
      const message = `a connection from ${name} is open already, and calls of both would be taken for one caller's`;
      options.onRefused?.({ error: spiffeError("ERR_TLS_PEER_UNKNOWN", message), remoteAddress });
      return;
    }
    callers.set(name, peerOf(socket));
    socket.once("close", () => callers.delete(name));
    injector.injectConnection(socket);
  });
  return {
    ...front,
    peerOf(call) {
      const peer = callers.get(call.getPeer());
      if (peer) return peer;
      const message = `the call from ${call.getPeer()} did not come over this listener, or its connection has ended`;
      throw spiffeError("ERR_TLS_PEER_UNKNOWN", message);
    },
  };
}
