import { valuesOf, withRequestId } from "./http-inbound.ts";
import type { HttpService } from "./http-service.ts";
import { FIELD, forwardedProto } from "./http1/index.ts";
import type { PeerFailure } from "./peer-connector.ts";
import type { PeerTarget, Route } from "./route-destination.ts";
import type { UpstreamConnection } from "./upstream-connection.ts";

/** Requests of the application: each goes to an endpoint of its own choice, so that one connection reaches all of them. */
export function outboundHttpService(options: {
  /** Of the configuration in force, with the endpoints in the order in which to try them. */
  readonly route: () => Route;
  readonly localSpiffeId: string | undefined;
  readonly newRequestId: () => string;
  /** Where the application has connected to, `address:port`. */
  readonly destination: string;
  readonly connected: (upstream: UpstreamConnection) => void;
  readonly connectFailed: (failure: PeerFailure, target: PeerTarget) => void;
}): HttpService {
  const { localSpiffeId, newRequestId, destination, connected, connectFailed } = options;
  return {
    direction: "outbound",
    security: "plaintext",
    connected,
    connectFailed,
    ...(localSpiffeId === undefined ? {} : { localSpiffeId }),
    route() {
      const route = options.route();
      if (route.kind === "forward") return route;
      const { reason, detail, service } = route;
      const reply =
        reason === "no_endpoint"
          ? ({ status: 503, flag: "UH", detail } as const)
          : ({ status: 404, flag: "NR", detail: `${reason}: ${detail}` } as const);
      return { kind: "reply", ...(service === undefined ? {} : { service }), reply };
    },
    edits(head) {
      // What the application says of its own caller is taken from it; of a client certificate it can say nothing (B2).
      const proto = forwardedProto(valuesOf(head, FIELD.forwardedProto), { verified: true, scheme: "http" });
      return withRequestId(head, PROTO_LINES[proto], newRequestId, destination);
    },
  };
}

const PROTO_LINES = { http: "X-Forwarded-Proto: http\r\n", https: "X-Forwarded-Proto: https\r\n" };
