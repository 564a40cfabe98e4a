import type { RequestListener, Server } from "node:http";
import { builtinModule } from "../runtime/index.ts";
import type { X509Source } from "../source/index.ts";
import { createTlsServer, type TlsServer, type TlsServerOptions } from "./tls-server.ts";

const nodeHttp = builtinModule("node:http");

export interface HttpsServer extends TlsServer {
  /** Where requests arrive: for its time-outs, and for `upgrade`. It does not listen itself. */
  readonly http: Server;
}

/**
 * HTTP/1.1 over mutual TLS, for `node:http` listeners and Express applications: `peerOf(request).spiffeId` is the caller.
 * A TLS server in front, because there a connection is judged before HTTP has seen a byte of it (spiffe.md N1).
 * @throws as `createTlsServer`
 */
export function createHttpsServer(
  source: X509Source,
  options: Omit<TlsServerOptions, "alpn">,
  listener: RequestListener,
): HttpsServer {
  const http = nodeHttp().createServer(listener);
  const front = createTlsServer(source, { ...options, alpn: ["http/1.1"] }, (socket) => {
    http.emit("connection", socket);
  });
  const close = async (closing?: { readonly graceMs?: number }): Promise<void> => {
    const closed = front.close(closing);
    // Those that serve nothing at the moment need not be waited for.
    http.closeIdleConnections();
    await closed;
  };
  return { ...front, http, close };
}
