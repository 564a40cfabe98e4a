import type { PeerVerifier, VerifiedPeer } from "@symbolon/spiffe/svid";
import type { EffectiveMtlsMode, PortProtocol, ProxyConfig } from "../mesh/index.ts";
import type { RefusalReason } from "../telemetry/index.ts";
import { AccessGuard, type AccessPorts } from "./access-guard.ts";
import { chooseProtocols, offersIstio, offersIstioHttp } from "./alpn.ts";
import { inspectFirstBytes } from "./client-hello.ts";
import type { ConnectionRegistry, TrackedConnection } from "./connection-registry.ts";
import type { Deadlines } from "./deadlines.ts";
import { authorizationRecord, denialDetail } from "./denial.ts";
import { HttpConnection } from "./http-connection.ts";
import { inboundHttpService } from "./http-inbound.ts";
import type { HttpPorts } from "./http-service.ts";
import { Leg } from "./leg.ts";
import type { CountLimit, LimitName } from "./limit-name.ts";
import type { PeerConnector } from "./peer-connector.ts";
import type { ProxyIdentity, ProxyLimits } from "./ports.ts";
import { legHandlers, link } from "./pump.ts";
import { type SpokenProtocol, sniffHttp } from "./sniff-http.ts";
import type { TlsOptionsCache } from "./tls-options.ts";
import { type HandshakenSocket, verifyPeer } from "./verify-peer.ts";

export interface InboundPorts {
  readonly registry: ConnectionRegistry;
  readonly connector: PeerConnector;
  readonly config: () => ProxyConfig;
  readonly identity: () => ProxyIdentity | undefined;
  readonly tls: TlsOptionsCache;
  readonly verifier: PeerVerifier;
  readonly deadlines: Deadlines;
  readonly limits: ProxyLimits;
  readonly countLimit: CountLimit;
  readonly applicationAddress: string;
  /** Handshakes under way, of all connections. */
  readonly handshakes: { current: number };
  readonly refused: (connection: TrackedConnection) => void;
  /** Undefined: HTTP is not looked into. */
  readonly http: HttpPorts | undefined;
  readonly access: AccessPorts;
}

/**
 * HTTP/2 is passed on as it is. Where a RequestAuthentication attaches, that would take bad tokens, and headers of clients
 * for those that tokens write.
 */
const TOKENS_UNREAD = {
  reason: "jwt_http2_unread",
  detail: "RequestAuthentication attaches, and tokens in HTTP/2 are not read: call with HTTP/1.1",
} as const;

/** A connection from another pod: plaintext or mTLS as PeerAuthentication says (istio-security §1.5), then to the application. */
export function acceptInbound(accepted: Leg, ports: InboundPorts): void {
  const { address: localAddress, port } = accepted.destination;
  const { remoteAddress = "" } = accepted.socket ?? {};
  const { limits, countLimit } = ports;
  const { local } = ports.config();
  const { mode, protocol } = inboundRule(ports.config(), port);
  const connection = ports.registry.open(
    {
      direction: "inbound",
      peerAddress: remoteAddress,
      originalDestination: `${localAddress}:${port}`,
      security: "none",
    },
    accepted,
  );
  const { record } = connection;
  let sni: string | undefined;
  let cancelDeadline = (): unknown => undefined;
  accepted.owner = { onEarly: () => undefined, onClosed: () => finishUnlinked("closed_early") };
  accepted.onFull = () => countLimit("earlyBytes");

  if (ports.registry.live.size > limits.connections)
    return exceeds("connections", "limit_exceeded", `${limits.connections} connections are open`);
  if (ports.registry.countOf(remoteAddress) > limits.connectionsPerAddress)
    return exceeds(
      "connectionsPerAddress",
      "limit_exceeded",
      `${remoteAddress} has more than ${limits.connectionsPerAddress} connections`,
    );
  if (!local.sidecar || mode === "disable") return serve(accepted, "plaintext");

  cancelDeadline = ports.deadlines.add(limits.detectionMs, detectionTimedOut);
  // Nothing has been asked yet, so nothing is lost.
  connection.drain = () => {
    if (accepted.bytesReceived === 0 && !connection.upstream) accepted.terminate();
  };
  accepted.owner = { onEarly: detect, onClosed: () => finishUnlinked("closed_early") };

  function detect(): void {
    const early = accepted.early.length === 1 ? (accepted.early[0] as Buffer) : Buffer.concat(accepted.early);
    const first = inspectFirstBytes(early.subarray(0, limits.clientHelloBytes));
    if (first.kind === "incomplete") {
      if (early.length >= limits.clientHelloBytes)
        exceeds(
          "clientHelloBytes",
          "client_hello_too_large",
          `no whole ClientHello in ${limits.clientHelloBytes} bytes`,
        );
      return;
    }
    cancelDeadline();
    if (first.kind === "client_hello") sni = first.sni;
    if (first.kind === "not_tls") {
      if (mode === "strict") return refuse("plaintext_refused", "STRICT: the connection does not start with TLS");
      return serve(accepted, "plaintext");
    }
    if (mode === "permissive" && !offersIstio(first.alpn)) {
      // A client's own TLS is not for us to end; on a port that is declared HTTP it cannot be right.
      if (protocol === "http")
        return refuse("foreign_tls_refused", "PERMISSIVE: TLS without Istio's ALPN on an HTTP port");
      if (first.sniUnreadable)
        return refuse("foreign_tls_refused", "TLS with a server name that is not one host name (RFC 6066 section 3)");
      return toApplication(accepted, "tls-passthrough");
    }
    terminateTls(first.alpn);
  }

  /** Server-first protocols send nothing: under PERMISSIVE they are plaintext (SR-50); half a ClientHello is nothing. */
  function detectionTimedOut(): void {
    countLimit("detectionMs");
    if (mode === "permissive" && accepted.early.length === 0) return toApplication(accepted, "plaintext");
    refuse(
      "detection_timeout",
      `no ${accepted.early.length === 0 ? "byte" : "whole ClientHello"} within ${limits.detectionMs} ms`,
    );
  }

  function terminateTls(offered: readonly string[]): void {
    const identity = ports.identity();
    if (!identity) return refuse("no_identity", "this proxy has no certificate, or it has expired");
    if (ports.handshakes.current >= limits.concurrentHandshakes)
      return exceeds(
        "concurrentHandshakes",
        "limit_exceeded",
        `${limits.concurrentHandshakes} handshakes are under way`,
      );
    ports.handshakes.current++;
    let underWay = true;
    const handshakeOver = (): void => {
      if (underWay) ports.handshakes.current--;
      underWay = false;
      cancelDeadline();
    };
    const secure = new Leg(
      {
        onHandshake() {
          if (!underWay) return;
          handshakeOver();
          judge(secure, identity, offered);
        },
        onClosed() {
          handshakeOver();
          finishUnlinked("handshake_failed");
        },
      },
      limits.earlyBytes,
    );
    connection.downstream = secure;
    secure.upgraded = true;
    secure.onFull = accepted.onFull;
    cancelDeadline = ports.deadlines.add(limits.handshakeMs, () => {
      handshakeOver();
      exceeds("handshakeMs", "handshake_timeout", `no handshake within ${limits.handshakeMs} ms`);
    });
    accepted.detached = true;
    const initialData = accepted.takeEarly();
    const upgradable = accepted.socket as unknown as { upgradeTLS(options: object): readonly [unknown, Leg["socket"]] };
    const [, socket] = upgradable.upgradeTLS({
      isServer: true,
      initialData,
      data: secure,
      tls: ports.tls.forProtocols(identity, chooseProtocols(offered)),
      socket: legHandlers,
    });
    secure.socket ??= socket;
  }

  function judge(secure: Leg, identity: ProxyIdentity, offered: readonly string[]): void {
    // Bun adds these methods to the socket of a TLS connection.
    const socket = secure.socket as unknown as HandshakenSocket;
    const verdict = verifyPeer(socket, ports.verifier);
    if (verdict.kind === "refused") return refuse(verdict.reason, verdict.detail);
    record.peerSpiffeId = verdict.peer.spiffeId.toString();
    record.peerSerial = verdict.peer.leaf.serialNumberHex;
    record.localSpiffeId = identity.spiffeId.toString();
    const version = socket.getTLSVersion();
    if (version) record.tlsVersion = version;
    serve(secure, "mtls", { peer: verdict.peer, offered });
  }

  /** HTTP or not: the table of istio-security §1.5. */
  function serve(
    downstream: Leg,
    security: "mtls" | "plaintext",
    tls?: { readonly peer: VerifiedPeer; readonly offered: readonly string[] },
  ): void {
    const { http } = ports;
    const declared = protocol === "http" || (tls !== undefined && offersIstioHttp(tls.offered));
    if (!http || !local.sidecar || protocol === "tcp" || (tls && !declared)) return toApplication(downstream, security);
    record.security = security;
    sniffHttp(downstream, connection, {
      declared,
      waitMs: declared ? http.limits.keepAliveMs : limits.detectionMs,
      detectionBytes: http.limits.detectionBytes,
      deadlines: ports.deadlines,
      late: (limit) => countLimit(limit === "waitMs" ? (declared ? "keepAliveMs" : "detectionMs") : limit),
      closed: () => finishUnlinked("closed_early"),
      decided(spoken) {
        if (spoken !== "http1") return toApplication(downstream, security, spoken);
        const service = inboundHttpService({
          peer: tls?.peer,
          localSpiffeId: record.localSpiffeId,
          application: { address: ports.applicationAddress, port, security: { kind: "plaintext" } },
          newRequestId: http.newRequestId,
          guard: guard(),
        });
        const carrier = new HttpConnection(downstream, connection, service, http);
        connection.readmit = () => carrier.readmit();
      },
    });
  }

  function toApplication(
    downstream: Leg,
    security: "mtls" | "plaintext" | "tls-passthrough",
    spoken: SpokenProtocol = "other",
  ): void {
    record.security = security;
    if (local.sidecar && !admitTcp(spoken)) return;
    const target = { address: ports.applicationAddress, port, security: { kind: "plaintext" } } as const;
    const giveUp = ports.connector.connect(target, {
      connected({ leg: upstream }) {
        // Policies have changed while it was under way.
        if (!record.open) return upstream.terminate();
        connection.upstream = upstream;
        record.protocol = "tcp";
        record.upstream = `${target.address}:${target.port}`;
        upstream.owner = {
          onClosed() {
            if (downstream.closed) connection.finish();
          },
        };
        downstream.owner = {
          onClosed() {
            if (upstream.closed) connection.finish();
          },
        };
        link(downstream, upstream);
      },
      failed({ reason, detail }) {
        if (reason !== "closed_early") refuse(reason, detail);
      },
    });
    if (connection.upstream || !record.open) return;
    downstream.owner = {
      onClosed() {
        giveUp();
        connection.finish();
      },
    };
  }

  function exceeds(limit: LimitName, reason: RefusalReason, detail: string): void {
    countLimit(limit);
    refuse(reason, detail);
  }

  function guard(): AccessGuard {
    const { peerSpiffeId } = record;
    return new AccessGuard(
      {
        sourceAddress: remoteAddress,
        destinationAddress: localAddress,
        destinationPort: port,
        ...(peerSpiffeId === undefined ? {} : { peerSpiffeId }),
        ...(sni === undefined ? {} : { sni }),
      },
      record.id,
      ports.access,
    );
  }

  /** Once a connection, and again whenever policies change. False: it was refused. */
  function admitTcp(spoken: SpokenProtocol): boolean {
    const access = guard();
    let before: "connection" | "revoked" = "connection";
    const admit = (): void => {
      if (spoken === "http2" && access.policy.authenticate) {
        refuse(before === "connection" ? "access_denied" : "access_revoked", TOKENS_UNREAD.detail);
        return access.recordDenial({ what: before, decision: TOKENS_UNREAD });
      }
      const decision = access.decide();
      if (!decision) return;
      record.authorization = authorizationRecord(decision);
      if (decision.outcome !== "deny") return;
      refuse(before === "connection" ? "access_denied" : "access_revoked", denialDetail(decision));
      access.recordDenial({ what: before, decision });
    };
    connection.readmit = admit;
    admit();
    before = "revoked";
    return record.open;
  }

  function refuse(reason: RefusalReason, detail: string): void {
    if (!record.open) return;
    cancelDeadline();
    record.reason = reason;
    record.detail = detail;
    // The end of a socket is told at once: it has no reason of its own to put on record any more.
    record.open = false;
    // First enforced, then told: what is written of it costs more than the end itself.
    connection.downstream.terminate();
    connection.upstream?.terminate();
    connection.finish();
    ports.refused(connection);
  }

  function finishUnlinked(reason: RefusalReason): void {
    cancelDeadline();
    if (!record.open) return;
    record.reason = reason;
    connection.finish();
  }
}

function inboundRule(
  { local }: ProxyConfig,
  port: number,
): { readonly mode: EffectiveMtlsMode; readonly protocol: PortProtocol } {
  const rule = local.inboundPorts.find((candidate) => candidate.port === port);
  return rule ?? { mode: local.inboundMode, protocol: "auto" };
}
