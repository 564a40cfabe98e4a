import type { VerifiedPeer } from "@symbolon/spiffe/svid";
import type { PortProtocol } from "../mesh/index.ts";
import type { ConnectionRegistry, TrackedConnection } from "./connection-registry.ts";
import type { Deadlines } from "./deadlines.ts";
import { HttpConnection } from "./http-connection.ts";
import { outboundHttpService } from "./http-outbound.ts";
import type { HttpPorts } from "./http-service.ts";
import type { Leg } from "./leg.ts";
import type { CountLimit } from "./limit-name.ts";
import type { PeerConnector, PeerFailure } from "./peer-connector.ts";
import type { ProxyLimits } from "./ports.ts";
import { link } from "./pump.ts";
import type { PeerTarget, Router } from "./route-destination.ts";
import { sniffHttp } from "./sniff-http.ts";

export interface OutboundPorts {
  readonly registry: ConnectionRegistry;
  readonly connector: PeerConnector;
  readonly router: () => Router;
  readonly localSpiffeId: () => string | undefined;
  readonly pick: (count: number) => number;
  readonly refused: (connection: TrackedConnection) => void;
  readonly deadlines: Deadlines;
  readonly limits: ProxyLimits;
  readonly countLimit: CountLimit;
  /** Undefined: HTTP is not looked into. */
  readonly http: HttpPorts | undefined;
}

/** A connection that the application opened: to where it wanted, over mTLS when the other side can, else refused or plain. */
export function acceptOutbound(leg: Leg, ports: OutboundPorts): void {
  const { address, port } = leg.destination;
  const { remoteAddress = "" } = leg.socket ?? {};
  const connection = ports.registry.open(
    {
      direction: "outbound",
      peerAddress: remoteAddress,
      originalDestination: `${address}:${port}`,
      security: "none",
    },
    leg,
  );
  const { record } = connection;
  const { limits, countLimit } = ports;
  leg.onFull = () => countLimit("earlyBytes");
  if (ports.registry.live.size > limits.connections) {
    countLimit("connections");
    return refuse("limit_exceeded", `${limits.connections} connections are open`);
  }
  const route = ports.router().route(address, port, ports.pick);
  if (route.service) record.service = route.service;

  let giveUp: (() => void) | undefined;
  // Who speaks HTTP is told in HTTP, request by request.
  if (route.kind === "refuse" && !(ports.http && route.protocol === "http")) return refuse(route.reason, route.detail);
  serve(route.protocol, route.kind === "forward" ? route.targets : []);

  /** HTTP or not: as the Service's port is declared, else as the application begins. */
  function serve(protocol: PortProtocol = "tcp", targets: readonly PeerTarget[]): void {
    const { http } = ports;
    if (!http || protocol === "tcp") return passOn(targets);
    const declared = protocol === "http";
    sniffHttp(leg, connection, {
      declared,
      waitMs: declared ? http.limits.keepAliveMs : http.limits.outboundDetectionMs,
      detectionBytes: http.limits.detectionBytes,
      deadlines: ports.deadlines,
      late: (limit) => countLimit(limit === "waitMs" ? (declared ? "keepAliveMs" : "outboundDetectionMs") : limit),
      closed: () => connection.finish(),
      decided(spoken) {
        if (spoken !== "http1") return passOn(targets);
        const service = outboundHttpService({
          route: () => ports.router().route(address, port, ports.pick),
          localSpiffeId: ports.localSpiffeId(),
          newRequestId: http.newRequestId,
          destination: `${address}:${port}`,
          connected({ target, peer, tlsVersion }) {
            // The connection is on record with its last request.
            delete record.reason;
            delete record.detail;
            describeUpstream(target, peer, tlsVersion);
          },
          connectFailed(failure, target) {
            describe(failure, target);
            record.reason = failure.reason;
            record.detail = failure.detail;
            ports.refused(connection);
          },
        });
        record.security = "plaintext";
        new HttpConnection(leg, connection, service, http);
      },
    });
  }

  function passOn(targets: readonly PeerTarget[]): void {
    leg.owner = {
      onClosed() {
        giveUp?.();
        if (!connection.upstream || connection.upstream.closed) connection.finish();
      },
    };
    attempt(targets, 0);
  }

  function attempt(targets: readonly PeerTarget[], index: number): void {
    const target = targets[index];
    if (!target) return;
    giveUp = ports.connector.connect(target, {
      connected({ leg: upstream, peer, tlsVersion }) {
        giveUp = undefined;
        describeUpstream(target, peer, tlsVersion);
        record.protocol = "tcp";
        connection.upstream = upstream;
        upstream.owner = {
          onClosed() {
            if (leg.closed) connection.finish();
          },
        };
        link(leg, upstream);
      },
      failed(failure) {
        giveUp = undefined;
        if (leg.closed) return connection.finish();
        // Nothing has been sent: another endpoint of the Service may serve as well.
        if (failure.unreachable && index + 1 < targets.length) return attempt(targets, index + 1);
        describe(failure, target);
        refuse(failure.reason, failure.detail);
      },
    });
  }

  function describeUpstream(target: PeerTarget, peer: VerifiedPeer | undefined, tlsVersion: string | undefined): void {
    record.upstream = `${target.address}:${target.port}`;
    record.security = target.security.kind === "mtls" ? "mtls" : "plaintext";
    if (peer) {
      record.peerSpiffeId = peer.spiffeId.toString();
      record.peerSerial = peer.leaf.serialNumberHex;
      const own = ports.localSpiffeId();
      if (own) record.localSpiffeId = own;
    }
    if (tlsVersion) record.tlsVersion = tlsVersion;
  }

  function describe({ peer }: PeerFailure, target: PeerTarget): void {
    record.upstream = `${target.address}:${target.port}`;
    if (target.security.kind !== "mtls") return;
    record.expectedSpiffeIds = target.security.expectedSpiffeIds;
    if (!peer) return;
    record.peerSpiffeId = peer.spiffeId.toString();
    record.peerSerial = peer.leaf.serialNumberHex;
  }

  function refuse(reason: NonNullable<typeof record.reason>, detail: string): void {
    record.reason = reason;
    record.detail = detail;
    ports.refused(connection);
    connection.finish();
    leg.terminate();
  }
}
