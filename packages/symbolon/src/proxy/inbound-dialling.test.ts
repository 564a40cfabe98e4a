/** A change of policy while the application is being dialled: the connector is the test's, so that the moment is certain. */
import { expect, test } from "bun:test";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { buildPolicy, type PolicyText } from "../../../../test/oracle/build-policy.ts";
import type { ProxyConfig } from "../mesh/index.ts";
import type { DenialRecord } from "../telemetry/index.ts";
import { createConnectionRegistry } from "./connection-registry.ts";
import { acceptInbound, type InboundPorts } from "./inbound.ts";
import { Leg, type LegSocket } from "./leg.ts";
import type { PeerCallbacks } from "./peer-connector.ts";
import { createPolicyInForce } from "./workload-policy.ts";

const PORT = 80;

/** A socket that tells how it was ended. */
function legWith(ends: string[], name: string): Leg {
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
    localPort: PORT,
    remoteAddress: "10.0.0.2",
    remotePort: 4000,
    write: (bytes) => bytes.length,
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

function dial(...policies: readonly PolicyText[]) {
  const clock = createFakeClock();
  const registry = createConnectionRegistry(clock, ({ reason }) => {
    told.push(`record ${reason} after ${ends.join(", ")}`);
  });
  const denials: DenialRecord[] = [];
  const dialled: PeerCallbacks[] = [];
  const ends: string[] = [];
  const told: string[] = [];
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
      inboundPorts: [{ port: PORT, protocol: "tcp", mode: "disable", decidedBy: "default" }],
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
      capturedPorts: [PORT],
    },
  });
  let config = configOf(1, policies);
  policy.update(config);
  const ports = {
    registry,
    connector: {
      connect(_target: unknown, callbacks: PeerCallbacks) {
        dialled.push(callbacks);
        return () => givenUp++;
      },
    },
    config: () => config,
    limits: { connections: 10, connectionsPerAddress: 10 },
    countLimit: () => undefined,
    applicationAddress: "127.0.0.1",
    refused: () => told.push(`log after ${ends.join(", ")}`),
    access: {
      policy,
      now: () => clock.now(),
      recordDenial(denial: DenialRecord) {
        denials.push(denial);
        told.push(`denial after ${ends.join(", ")}`);
      },
      tellReason: () => false,
    },
  } as unknown as InboundPorts;
  acceptInbound(legWith(ends, "client"), ports);
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
      dialled[0]?.connected({ leg: legWith(ends, "application") });
    },
  };
}

const DENY_PORT: PolicyText = { action: "deny", rules: [{ to: [{ ports: [String(PORT)] }] }] };
const DENY_OTHER: PolicyText = { action: "deny", rules: [{ to: [{ ports: [String(PORT + 1)] }] }] };

test("a change that denies it ends the connection, gives the dialling up, and closes what it still brings", () => {
  const { registry, denials, dialled, ends, givenUp, change, connected } = dial();
  expect(dialled).toHaveLength(1);
  change(DENY_PORT);
  expect(denials).toMatchObject([{ what: "revoked", configVersion: 2 }]);
  expect([registry.live.size, ends, givenUp()]).toEqual([0, ["client"], 1]);
  connected();
  expect(ends).toEqual(["client", "application"]);
  expect(registry.records()).toMatchObject([{ open: false, reason: "access_revoked" }]);
});

test("both ends are closed before anything is written of it", () => {
  const { told, change, connected } = dial();
  connected();
  change(DENY_PORT);
  const ended = "after client, application";
  expect(told).toEqual([`record access_revoked ${ended}`, `log ${ended}`, `denial ${ended}`]);
});

test("a change that is about others leaves it", () => {
  const { registry, denials, ends, change, connected } = dial();
  change(DENY_OTHER);
  connected();
  expect([registry.live.size, ends, denials]).toEqual([1, [], []]);
  expect(registry.records()).toMatchObject([{ open: true, upstream: "127.0.0.1:80" }]);
});

test("what is denied from the start is never dialled", () => {
  const { dialled, ends, denials } = dial(DENY_PORT);
  expect([dialled.length, ends]).toEqual([0, ["client"]]);
  expect(denials).toMatchObject([{ what: "connection" }]);
});
