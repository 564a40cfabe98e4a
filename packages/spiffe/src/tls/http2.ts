import type { ClientHttp2Session, Http2Server, Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { spiffeError } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import type { X509Source } from "../source/index.ts";
import { type ConnectTlsOptions, connectTls } from "./connect-tls.ts";
import { createTlsServer, type TlsServer, type TlsServerOptions } from "./tls-server.ts";

const nodeHttp2 = builtinModule("node:http2");

const H2 = "h2";

export interface MutualHttp2Server extends TlsServer {
  /** Where sessions and streams arrive. It does not listen itself. */
  readonly http2: Http2Server;
}

/**
 * HTTP/2 over mutual TLS (ALPN `h2`): `peerOf(request)`, `peerOf(stream)` or `peerOf(session)` is the caller.
 * @throws as `createTlsServer`
 */
export function createHttp2Server(
  source: X509Source,
  options: Omit<TlsServerOptions, "alpn">,
  listener?: (request: Http2ServerRequest, response: Http2ServerResponse) => void,
): MutualHttp2Server {
  const { createServer } = nodeHttp2();
  const http2 = listener ? createServer(listener) : createServer();
  const front = createTlsServer(source, { ...options, alpn: [H2] }, (socket) => {
    http2.emit("connection", socket);
  });
  return { ...front, http2 };
}

/**
 * An HTTP/2 session with a server that was verified before its first frame.
 * @throws as `connectTls`; ERR_TLS_CONNECT_FAILED also when the server does not speak HTTP/2
 */
export async function connectHttp2(
  source: X509Source,
  options: Omit<ConnectTlsOptions, "alpn">,
): Promise<ClientHttp2Session> {
  const socket = await connectTls(source, { ...options, alpn: [H2] });
  const { host, port } = options;
  if (socket.alpnProtocol !== H2) {
    socket.destroy();
    throw spiffeError("ERR_TLS_CONNECT_FAILED", `no HTTP/2 at ${host}:${port}: the server did not choose "${H2}"`);
  }
  const authority = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return nodeHttp2().connect(authority, { createConnection: () => socket });
}
