import { createFakeClock } from "@symbolon/spiffe/testing";
import type { ProxyConfig } from "../../packages/symbolon/src/mesh/index.ts";
import { createConnectionRegistry } from "../../packages/symbolon/src/proxy/connection-registry.ts";
import { createDeadlines } from "../../packages/symbolon/src/proxy/deadlines.ts";
import { HTTP_LIMITS } from "../../packages/symbolon/src/proxy/http-limits.ts";
import type { HttpPorts } from "../../packages/symbolon/src/proxy/http-service.ts";
import { acceptInbound, type InboundPorts } from "../../packages/symbolon/src/proxy/inbound.ts";
import { Leg, type LegSocket } from "../../packages/symbolon/src/proxy/leg.ts";
import type { PeerCallbacks } from "../../packages/symbolon/src/proxy/peer-connector.ts";
import { legHandlers } from "../../packages/symbolon/src/proxy/pump.ts";
import { createStalledBytes } from "../../packages/symbolon/src/proxy/stalled-bytes.ts";
import { createSweeper } from "../../packages/symbolon/src/proxy/sweeper.ts";
import { createUpstreamPool } from "../../packages/symbolon/src/proxy/upstream-pool.ts";
import { createPolicyInForce } from "../../packages/symbolon/src/proxy/workload-policy.ts";
import type { DenialRecord } from "../../packages/symbolon/src/telemetry/index.ts";
import { buildPolicy, type PolicyText } from "../oracle/build-policy.ts";

export const INBOUND_PORT = 80;

interface Happenings {
  readonly ends: string[];
  readonly happened: string[];
}

/** A socket that tells what it is given and when it was ended. */
function legWith({ ends, happened }: Happenings, name: string): Leg {
  const leg = new Leg({ onClosed: () => undefined }, 1024);
  const end = (): void => {
    if (leg.closed) return;
    leg.closed = true;
    ends.push(name);
    leg.owner.onClosed(leg);
  };
  const ignore = (): void => undefined;
  const socket: LegSocket = {
    localAddress: "10.0.0.1",
    localPort: INBOUND_PORT,
    remoteAddress: "10.0.0.2",
    remotePort: 4000,
    write(bytes, start = 0, length = bytes.length) {
      happened.push(`${name}: ${Buffer.from(bytes.subarray(start, start + length)).toString("latin1")}`);
      return length;
    },
    pause: ignore,
    resume: ignore,
    shutdown: ignore,
    end,
    terminate: end,
    setNoDelay: ignore,
    setKeepAlive: ignore,
  };
  leg.socket = socket;
  return leg;
}

/**
 * One inbound connection of a sidecar, decided by real policies, between sockets and a connector that are the test's: the
 * moment of everything is certain, and the order of what happens is seen.
 */
export function dialInbound(protocol: "tcp" | "http", ...policies: readonly PolicyText[]) {
  const clock = createFakeClock();
  const registry = createConnectionRegistry(clock, ({ reason }) => {
    told.push(`record ${reason} after ${ends.join(", ")}`);
  });
  const denials: DenialRecord[] = [];
  const dialled: PeerCallbacks[] = [];
  const ends: string[] = [];
  const happened: string[] = [];
  const told: string[] = [];
  let application: Leg | undefined;
  let givenUp = 0;
  const policy = createPolicyInForce();
  const configOf = (version: number, texts: readonly PolicyText[]): ProxyConfig => ({
    version,
    local: {
      podUid: "pod",
      podName: "pod",
      namespace: "foo",
      serviceAccount: "server",
      address: "10.0.0.1",
      sidecar: true,
      inboundMode: "disable",
      inboundPorts: [{ port: INBOUND_PORT, protocol, mode: "disable", decidedBy: "default" }],
      authorizationPolicies: texts.map(buildPolicy),
    },
    mesh: {
      trustDomain: "mesh.example",
      trustDomainAliases: [],
      pathNormalization: "base",
      denialReasonHeader: false,
      clusterDomain: "cluster.local",
      services: [],
      workloads: [],
      capturedPorts: [INBOUND_PORT],
    },
  });
  let config = configOf(1, policies);
  policy.update(config);
  const connector = {
    connect(_target: unknown, callbacks: PeerCallbacks) {
      dialled.push(callbacks);
      return () => givenUp++;
    },
  };
  const deadlines = createDeadlines(clock);
  const sweeper = createSweeper(clock, deadlines);
  const countLimit = (): void => undefined;
  const now = () => clock.now();
  const http: HttpPorts = {
    pool: createUpstreamPool({ connector, identity: () => undefined, sweeper, limits: HTTP_LIMITS, countLimit, now }),
    sweeper,
    limits: HTTP_LIMITS,
    countLimit,
    stalled: createStalledBytes(),
    underWay: { current: 0 },
    time: clock,
    newRequestId: () => "00000000-0000-4000-8000-000000000000",
    draining: () => false,
  };
  const ports = {
    registry,
    connector,
    deadlines,
    http,
    config: () => config,
    limits: { connections: 10, connectionsPerAddress: 10 },
    countLimit,
    applicationAddress: "127.0.0.1",
    refused: () => told.push(`log after ${ends.join(", ")}`),
    access: {
      policy,
      now,
      recordDenial(denial: DenialRecord) {
        denials.push(denial);
        happened.push(`denial: ${denial.what}`);
        told.push(`denial after ${ends.join(", ")}`);
      },
      tellReason: () => false,
    },
  } as unknown as InboundPorts;
  const client = legWith({ ends, happened }, "client");
  acceptInbound(client, ports);
  return {
    registry,
    denials,
    dialled,
    ends,
    told,
    givenUp: () => givenUp,
    /** As the proxy does with a configuration. */
    change(...texts: readonly PolicyText[]) {
      config = configOf(2, texts);
      if (policy.update(config)) for (const connection of [...registry.live]) connection.readmit?.();
    },
    connected() {
      application = legWith({ ends, happened }, "application");
      dialled[0]?.connected({ leg: application });
    },
    /** What has been written, with who got it, and which denials told, since the last call. */
    happened: () => happened.splice(0),
    clientSays: (text: string) => says(client, text),
    applicationSays: (text: string) => says(application, text),
  };
}

function says(leg: Leg | undefined, text: string): void {
  if (!leg?.socket) throw new Error("there is no such connection yet");
  legHandlers.data({ ...leg.socket, data: leg }, Buffer.from(text));
}
