import type { TrackedConnection } from "./connection-registry.ts";
import type { ForwardProxyPorts } from "./forward-proxy.ts";
import { outboundHttpService } from "./http-outbound.ts";
import type { HttpRoute, HttpService, LocalReply } from "./http-service.ts";
import { NO_EDITS, type RequestHead } from "./http1/index.ts";
import { authorityOf, destinationOf, isHttps, proxyAuthorization } from "./proxy-destination.ts";
import type { Route } from "./route-destination.ts";

const HTTP_PORT = 80;

/**
 * Requests in absolute form. For a pod with a sidecar they are as requests on a captured connection; for one without, the
 * proxy is a plain forwarder: it adds nothing, keeps nothing for the next request, and an end of the other side is a
 * reset for the client, as it would be without a forwarder in between.
 */
export function proxyRequestService(connection: TrackedConnection, ports: ForwardProxyPorts): HttpService {
  const { record } = connection;
  const { sidecar } = ports.config().local;
  let route: Route = { kind: "refuse", reason: "unknown_destination", detail: "no request yet" };
  const service = outboundHttpService({
    route: () => route,
    localSpiffeId: ports.localSpiffeId(),
    newRequestId: ports.http.newRequestId,
    destination: record.originalDestination,
    connected({ target, peer, tlsVersion }) {
      record.upstream = `${target.address}:${target.port}`;
      record.security = target.security.kind === "mtls" ? "mtls" : "plaintext";
      delete record.reason;
      delete record.detail;
      forgetPeer();
      if (!peer) return;
      const own = ports.localSpiffeId();
      if (own) record.localSpiffeId = own;
      record.peerSpiffeId = peer.spiffeId.toString();
      record.peerSerial = peer.leaf.serialNumberHex;
      if (tlsVersion) record.tlsVersion = tlsVersion;
    },
    connectFailed({ reason, detail, peer }, { address, port, security }) {
      record.upstream = `${address}:${port}`;
      record.reason = reason;
      record.detail = detail;
      forgetPeer();
      if (security.kind === "mtls") record.expectedSpiffeIds = security.expectedSpiffeIds;
      if (peer) record.peerSpiffeId = peer.spiffeId.toString();
      ports.refused(connection);
    },
  });
  return {
    ...service,
    ...(sidecar ? {} : { plainForwarder: true, edits: () => ({ ...NO_EDITS, requestId: ports.http.newRequestId() }) }),
    route(head): HttpRoute {
      const refusal = choose(head);
      if (refusal) return { kind: "reply", reply: refusal };
      delete record.service;
      if (route.service) record.service = route.service;
      return service.route(head);
    },
  };

  /** Sets `route`, or says why there is none. */
  function choose(head: RequestHead): LocalReply | undefined {
    if (!ports.authorize(proxyAuthorization(head)))
      return { status: 407, flag: "DPE", detail: "the credentials of http_proxy are missing or another pod's" };
    if (head.form !== "absolute")
      return { status: 400, flag: "DPE", detail: "this is a proxy: the target has to be an absolute URL" };
    if (isHttps(head)) return { status: 400, flag: "DPE", detail: "https goes through CONNECT" };
    const destination = destinationOf(authorityOf(head, HTTP_PORT), ports.config(), ports.pick);
    if (destination.kind === "refused") return destination.reply;
    route = ports.router().route(destination.address, destination.port, ports.pick);
    return undefined;
  }

  /** The connection is on record with its last request. */
  function forgetPeer(): void {
    delete record.peerSpiffeId;
    delete record.peerSerial;
    delete record.tlsVersion;
    delete record.expectedSpiffeIds;
  }
}
