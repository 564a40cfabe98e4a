import { sleep } from "@symbolon/spiffe/core";
import { createPeerVerifier } from "@symbolon/spiffe/svid";
import type { ProxyConfig } from "../mesh/index.ts";
import type { ConnectionRecord, ProxyVitals } from "../telemetry/index.ts";
import { createConnectionRegistry, type TrackedConnection } from "./connection-registry.ts";
import { createDeadlines } from "./deadlines.ts";
import { type DnsServer, startDnsServer } from "./dns-server.ts";
import { acceptProxyClient } from "./forward-proxy.ts";
import { HTTP_LIMITS } from "./http-limits.ts";
import type { HttpPorts } from "./http-service.ts";
import { identityDenial } from "./identity-denial.ts";
import { acceptInbound } from "./inbound.ts";
import type { Leg } from "./leg.ts";
import type { CountLimit } from "./limit-name.ts";
import { acceptOutbound } from "./outbound.ts";
import { createPeerConnector } from "./peer-connector.ts";
import { PROXY_LIMITS, type ProxyOptions, type ProxyPorts } from "./ports.ts";
import { rehearseChange } from "./rehearse-change.ts";
import { createRequestIds } from "./request-ids.ts";
import { answerQuery } from "./resolve-name.ts";
import { createRouter, type Router, sameRoutes } from "./route-destination.ts";
import { createStalledBytes } from "./stalled-bytes.ts";
import { createSweeper } from "./sweeper.ts";
import { createTlsOptionsCache } from "./tls-options.ts";
import { createTokenCompiler } from "./token-authentication.ts";
import { createTrustedBundles } from "./trusted-bundles.ts";
import { createUpstreamPool } from "./upstream-pool.ts";
import { createPolicyInForce } from "./workload-policy.ts";

export interface Proxy {
  /** Answers names, and opens listeners as soon as there is configuration (and an identity, for a sidecar). */
  start(): Promise<void>;
  /** Configuration is in force, and connections are accepted. */
  readonly ready: boolean;
  /** Of the configuration in force; undefined before the first. */
  readonly configVersion: number | undefined;
  /**
   * Stops accepting, waits for live connections, then closes what is left. May be called twice.
   * @param requestsMs for requests that are under way; other connections may be raw TCP, which can last for ever
   */
  drain(graceMs: number, requestsMs?: number): Promise<void>;
  dump(): ProxyDump;
  /** For metrics; cheaper than a dump. */
  vitals(): Omit<ProxyVitals, "accessRecords">;
}

/** State of a proxy for `proxy-config` and the dashboard; JSON-safe, never a key. */
export interface ProxyDump {
  readonly ready: boolean;
  readonly configVersion: number | null;
  readonly local: ProxyConfig["local"] | null;
  readonly listeners: readonly number[];
  readonly certificate: CertificateDump | null;
  readonly roots: readonly (CertificateDump & { readonly trustDomain: string })[];
  readonly connections: readonly ConnectionRecord[];
}

export interface CertificateDump {
  readonly spiffeId: string;
  readonly serialNumber: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly pem: string;
}

const DRAIN_POLL_MS = 50;
const LISTEN_RETRY_MS = 1000;
/** After the start, which others of the machine may be in as well. */
const REHEARSAL_MS = 1000;
/** Most code that has run this often is compiled; the rest is at a change, and by all proxies of a machine at the same one. */
const REHEARSAL_ROUNDS = 60;

export function createProxy(ports: ProxyPorts, options: ProxyOptions): Proxy {
  const { identity, config, clock, random, log } = ports;
  const limits = { ...PROXY_LIMITS, ...options.limits };
  const countLimit: CountLimit = (name) => ports.countLimit?.(name);
  const deadlines = createDeadlines(clock);
  const registry = createConnectionRegistry(clock, ports.record);
  const tls = createTlsOptionsCache(options.tlsGroups);
  const trustedBundles = createTrustedBundles();
  const verifier = createPeerVerifier({
    bundles: () => trustedBundles(identity.current?.bundles, inForce?.mesh),
    clock,
  });
  const connector = createPeerConnector({
    identity: () => identity.current,
    tls,
    verifier,
    deadlines,
    limits,
    countLimit,
    locate,
  });
  const handshakes = { current: 0 };
  const policy = createPolicyInForce(
    createTokenCompiler({ clock, keyUnknown: (source) => ports.keyUnknown?.(source) }),
  );
  const waiting = new Set<Leg>();
  /** The last configuration whose policies could be compiled. */
  let inForce: ProxyConfig | undefined;
  let router: Router | undefined;
  let dns: DnsServer | undefined;
  let listening = false;
  let draining = false;
  let applying: Promise<void> = Promise.resolve();

  const refused = ({ record }: TrackedConnection): void => {
    const { direction, reason, detail, peerAddress, originalDestination, expectedSpiffeIds, peerSpiffeId } = record;
    log.warn("connection refused", {
      direction,
      reason,
      detail,
      peerAddress,
      originalDestination,
      expectedSpiffeIds,
      peerSpiffeId,
    });
    const { configVersion, workload } = policy.current;
    const denial = identityDenial(record, { time: clock.now().toISOString(), configVersion, workload });
    if (denial) ports.recordDenial?.(denial);
  };
  const http = options.http && createHttpPorts(options.http);
  const shared = { registry, connector, deadlines, limits, countLimit, refused, http };
  const inbound = {
    ...shared,
    config: currentConfig,
    identity: () => identity.current,
    tls,
    verifier,
    applicationAddress: options.applicationAddress,
    handshakes,
    access: {
      policy,
      now: () => clock.now(),
      tellReason: () => currentConfig().mesh.denialReasonHeader,
      ...(ports.recordDenial ? { recordDenial: ports.recordDenial } : {}),
    },
  };
  const outbound = {
    ...shared,
    router: () => router ?? createRouter(currentConfig(), options.forbiddenDestinations),
    localSpiffeId: () => identity.current?.spiffeId.toString(),
    pick: (count: number) => Math.floor(random.fraction() * count),
  };
  const listeners = ports.capture.listen({
    config: currentConfig,
    earlyBytes: limits.earlyBytes,
    log,
    acceptInbound: (leg) => acceptInbound(leg, inbound),
    acceptOutbound: (leg) => acceptOutbound(leg, outbound),
    acceptProxyClient(leg, authorize) {
      if (http) acceptProxyClient(leg, { ...outbound, http, waiting, config: currentConfig, authorize });
      else leg.terminate();
    },
  });
  const unsubscribe = [config.subscribe(apply), identity.subscribe(apply)];

  return {
    async start() {
      if (options.dns)
        dns = await startDnsServer({
          ...options.dns,
          answer: (query, transport) => answerQuery(query, config.current, transport),
          log,
        });
      apply();
      await applying;
    },
    get ready() {
      return listening && !draining;
    },
    get configVersion() {
      return inForce?.version;
    },
    async drain(graceMs, requestsMs = graceMs) {
      draining = true;
      for (const stop of unsubscribe) stop();
      listeners.close();
      for (const leg of waiting) leg.terminate();
      for (const connection of [...registry.live]) connection.drain?.();
      const startedMs = clock.monotonicMs();
      const mayWait = (): boolean => {
        const waitedMs = clock.monotonicMs() - startedMs;
        return waitedMs < graceMs || (waitedMs < requestsMs && (http?.underWay.current ?? 0) > 0);
      };
      while (registry.live.size > 0 && mayWait()) await sleep(clock, DRAIN_POLL_MS);
      for (const connection of [...registry.live]) end(connection);
      http?.pool.close();
      deadlines.close();
      dns?.close();
      dns = undefined;
    },
    dump: () => ({
      ready: listening && !draining,
      configVersion: inForce?.version ?? null,
      local: inForce?.local ?? null,
      listeners: listeners.ports,
      ...certificates(),
      connections: registry.records(),
    }),
    vitals: () => ({
      ready: listening && !draining,
      ...(inForce ? { configVersion: inForce.version } : {}),
      ...(identity.current ? { certificateNotAfter: identity.current.notAfter } : {}),
      connections: registry.liveRecords(),
      handshakes: handshakes.current,
      upstreams: http?.pool.count() ?? { idle: 0, inUse: 0 },
    }),
  };

  /** Fail closed (SR-41): without configuration nothing listens, and a sidecar without identity does not either. */
  function apply(): void {
    const current = config.current;
    if (!current || draining || (!listening && current.local.sidecar && !identity.current)) return;
    const isOther = updatePolicy(current);
    if (isOther === undefined) return;
    if (!inForce || !router || !sameRoutes(inForce, current))
      router = createRouter(current, options.forbiddenDestinations);
    inForce = current;
    if (isOther) for (const connection of [...registry.live]) readmit(connection);
    applying = listeners.apply(current).then(
      () => {
        if (!listening) deadlines.add(REHEARSAL_MS, () => rehearse());
        listening = true;
      },
      (error: unknown) => {
        log.error("listeners could not be opened; tried again", { error });
        deadlines.add(LISTEN_RETRY_MS, apply);
      },
    );
  }

  /** One round at a time: traffic does not wait for it. */
  function rehearse(roundsLeft = REHEARSAL_ROUNDS): void {
    if (!inForce || draining) return;
    try {
      rehearseChange(inForce);
    } catch (error) {
      return log.error("a change of policy could not be rehearsed", { error });
    }
    if (roundsLeft > 1) deadlines.add(0, () => rehearse(roundsLeft - 1));
  }

  function locate(address: string, port: number) {
    return ports.capture.locate(address, port, currentConfig());
  }

  /**
   * True: they are others than before.
   * Undefined: they are none that this proxy understands; what was in force stays, and without any nothing opens.
   */
  function updatePolicy(current: ProxyConfig): boolean | undefined {
    try {
      return policy.update(current);
    } catch (error) {
      log.error("policies are refused; the last configuration stays", { version: current.version, error });
      return undefined;
    }
  }

  /** A connection that cannot be decided is not allowed, and no reason to leave the others undecided. */
  function readmit(connection: TrackedConnection): void {
    try {
      connection.readmit?.();
    } catch (error) {
      log.error("connection could not be decided by the new policies and is closed", { error });
      end(connection);
    }
  }

  function end(connection: TrackedConnection): void {
    connection.downstream.terminate();
    connection.upstream?.terminate();
    connection.finish();
  }

  function createHttpPorts({ limits: chosen }: NonNullable<ProxyOptions["http"]>): HttpPorts {
    const httpLimits = { ...HTTP_LIMITS, ...chosen };
    const sweeper = createSweeper(clock, deadlines);
    const pool = createUpstreamPool({
      connector,
      identity: () => identity.current,
      sweeper,
      limits: httpLimits,
      countLimit,
      now: () => clock.now(),
    });
    return {
      pool,
      sweeper,
      limits: httpLimits,
      countLimit,
      stalled: createStalledBytes(),
      underWay: { current: 0 },
      time: clock,
      newRequestId: createRequestIds(random),
      draining: () => draining,
      ...(ports.recordRequest ? { recordRequest: ports.recordRequest } : {}),
    };
  }

  function currentConfig(): ProxyConfig {
    // INVARIANT: listeners exist only after the first configuration, and there is always one after that.
    if (!inForce) throw new TypeError("connection accepted without configuration");
    return inForce;
  }

  function certificates(): Pick<ProxyDump, "certificate" | "roots"> {
    const own = identity.current;
    if (!own) return { certificate: null, roots: [] };
    return {
      certificate: {
        spiffeId: own.spiffeId.toString(),
        serialNumber: own.serialNumber,
        notBefore: own.notBefore.toISOString(),
        notAfter: own.notAfter.toISOString(),
        pem: own.certificateChainPem,
      },
      roots: own.bundles.bundles.flatMap((bundle) =>
        bundle.x509Authorities.map((root) => ({
          trustDomain: bundle.trustDomain.name,
          spiffeId: root.extensions.subjectAltName?.uris[0] ?? "",
          serialNumber: root.serialNumberHex,
          notBefore: root.notBefore.toISOString(),
          notAfter: root.notAfter.toISOString(),
          pem: bundle.toPem(),
        })),
      ),
    };
  }
}
