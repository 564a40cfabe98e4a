import type { PeerVerifier, VerifiedPeer } from "@symbolon/spiffe/svid";
import type { RefusalReason } from "../telemetry/index.ts";
import { ISTIO_HTTP_PROTOCOLS, ISTIO_TCP_PROTOCOLS } from "./alpn.ts";
import type { DialAddress } from "./capture.ts";
import type { Deadlines } from "./deadlines.ts";
import { Leg } from "./leg.ts";
import type { CountLimit } from "./limit-name.ts";
import type { ProxyIdentity, ProxyLimits } from "./ports.ts";
import { legHandlers } from "./pump.ts";
import type { PeerTarget } from "./route-destination.ts";
import type { TlsOptionsCache } from "./tls-options.ts";
import { type HandshakenSocket, verifyPeer } from "./verify-peer.ts";

/** A connection to a peer that may be used: open, and for mTLS verified. */
export interface PeerConnection {
  readonly leg: Leg;
  readonly peer?: VerifiedPeer;
  readonly tlsVersion?: string;
}

export type PeerFailure = {
  readonly reason: RefusalReason;
  readonly detail: string;
  readonly peer?: VerifiedPeer;
  /** True: nothing is listening there, so that another endpoint may be tried. */
  readonly unreachable: boolean;
};

export interface PeerCallbacks {
  connected(connection: PeerConnection): void;
  failed(failure: PeerFailure): void;
}

/**
 * The one place where a connection to a peer is obtained. Today each stream has a TLS connection of its own; pooled
 * tunnels (HBONE) fit behind the same call.
 */
export interface PeerConnector {
  /** @returns gives the attempt up */
  connect(target: PeerTarget, callbacks: PeerCallbacks, protocol?: "tcp" | "http"): () => void;
}

export function createPeerConnector(options: {
  readonly identity: () => ProxyIdentity | undefined;
  readonly tls: TlsOptionsCache;
  readonly verifier: PeerVerifier;
  readonly deadlines: Deadlines;
  readonly limits: ProxyLimits;
  readonly countLimit: CountLimit;
  /** Where an address of the mesh is dialled; undefined: nobody is there. */
  readonly locate: (address: string, port: number) => DialAddress | undefined;
}): PeerConnector {
  const { deadlines, limits, countLimit } = options;
  return {
    connect(target, callbacks, protocol = "tcp") {
      const identity = target.security.kind === "mtls" ? options.identity() : undefined;
      if (target.security.kind === "mtls" && !identity) {
        callbacks.failed({
          reason: "no_identity",
          detail: "this proxy has no certificate yet, or it has expired",
          unreachable: false,
        });
        return () => undefined;
      }
      let settled = false;
      const settle = (outcome: () => void): void => {
        if (settled) return;
        settled = true;
        cancelDeadline();
        outcome();
      };
      const fail = (failure: PeerFailure): void =>
        settle(() => {
          leg.terminate();
          callbacks.failed(failure);
        });
      const where = `${target.address}:${target.port}`;
      let opened = false;
      const leg = new Leg(
        {
          onOpen() {
            opened = true;
            // Given up meanwhile: there was no socket then that could be closed.
            if (settled) return leg.terminate();
            const { remoteAddress = "" } = leg.socket ?? {};
            if (at?.isForbidden?.(remoteAddress))
              return fail({
                reason: "unknown_destination",
                detail: `${where} is ${remoteAddress}, which this pod may not call`,
                unreachable: false,
              });
            // TLS: nothing is sent before the handshake has been judged.
            if (target.security.kind === "plaintext") settle(() => callbacks.connected({ leg }));
          },
          onHandshake: () => judge(),
          onConnectFailed: (_leg, error) =>
            fail({ reason: "connect_failed", detail: `${where}: ${error.message}`, unreachable: true }),
          onClosed: () =>
            fail(
              opened
                ? {
                    reason: "handshake_failed",
                    detail: `${where} closed the connection during the TLS handshake`,
                    unreachable: false,
                  }
                : { reason: "connect_failed", detail: `${where} did not accept the connection`, unreachable: true },
            ),
        },
        limits.earlyBytes,
      );
      leg.onFull = () => countLimit("earlyBytes");
      const at = options.locate(target.address, target.port);
      const cancelDeadline = deadlines.add(limits.connectMs, () => {
        countLimit("connectMs");
        fail(
          opened
            ? {
                reason: "handshake_timeout",
                detail: `${where} did not finish the TLS handshake in time`,
                unreachable: false,
              }
            : { reason: "connect_failed", detail: `${where} did not answer in time`, unreachable: true },
        );
      });
      if (!at) fail({ reason: "connect_failed", detail: `${where}: nobody listens there`, unreachable: true });
      else
        dial(
          at,
          target,
          leg,
          identity &&
            options.tls.forProtocols(identity, protocol === "http" ? ISTIO_HTTP_PROTOCOLS : ISTIO_TCP_PROTOCOLS),
        );
      return () => fail({ reason: "closed_early", detail: "the caller closed first", unreachable: false });

      function judge(): void {
        if (settled || target.security.kind !== "mtls") return;
        // Bun adds these methods to the socket of a TLS connection.
        const socket = leg.socket as unknown as HandshakenSocket;
        const verdict = verifyPeer(socket, options.verifier);
        if (verdict.kind === "refused")
          return fail({
            reason: verdict.reason === "no_client_certificate" ? "handshake_failed" : verdict.reason,
            detail: `${where}: ${verdict.detail}`,
            unreachable: false,
          });
        const { peer } = verdict;
        const { expectedSpiffeIds } = target.security;
        const got = peer.spiffeId.toString();
        if (expectedSpiffeIds.length === 0)
          return fail({
            reason: "server_identity_unknown",
            detail: `nobody is known to serve ${where}; it answered as ${got}`,
            peer,
            unreachable: false,
          });
        if (!expectedSpiffeIds.includes(got))
          return fail({
            reason: "server_identity_mismatch",
            detail: `${where} answered as ${got}, expected ${expectedSpiffeIds.join(" or ")}`,
            peer,
            unreachable: false,
          });
        const tlsVersion = socket.getTLSVersion();
        settle(() => callbacks.connected({ leg, peer, ...(tlsVersion ? { tlsVersion } : {}) }));
      }
    },
  };
}

function dial(at: DialAddress, target: PeerTarget, leg: Leg, tls: object | undefined): void {
  const failed = (error: unknown): void => {
    if (leg.closed) return;
    leg.closed = true;
    leg.owner.onConnectFailed?.(leg, error instanceof Error ? error : new Error(String(error)));
  };
  // The handlers are written against the methods that they use; Bun's own types say the same at greater length.
  const options = {
    ...at,
    allowHalfOpen: true,
    data: leg,
    socket: legHandlers,
    ...(tls && target.security.kind === "mtls" ? { tls: { ...tls, serverName: target.security.serverName } } : {}),
  } as unknown as Parameters<typeof Bun.connect>[0];
  try {
    Bun.connect(options).catch(failed);
  } catch (error) {
    failed(error);
  }
}
