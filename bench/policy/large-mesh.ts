/** A mesh of 10,000 AuthorizationPolicies in 500 namespaces, 20 of them for one workload, and the workloads they are for. */
import type { AnalysisInput, AuthorizationPolicy, MeshInventory, WorkloadTarget } from "@symbolon/policy";
import { buildPolicy } from "../../test/oracle/build-policy.ts";

export const TARGET: WorkloadTarget = { namespace: "n-7", labels: { app: "app-0" } };
const NAMESPACES = 500;
const POLICIES_A_NAMESPACE = 20;

export function tenThousandPolicies(): AuthorizationPolicy[] {
  return Array.from({ length: NAMESPACES * POLICIES_A_NAMESPACE }, (_, index) => policyOf(index));
}

/** The policies of a namespace are for two workloads, except in the target's, where all are for one. */
function policyOf(index: number): AuthorizationPolicy {
  const [namespace, number] = [index % NAMESPACES, Math.floor(index / NAMESPACES)];
  const app = namespace === 7 ? 0 : number % 2;
  const isDeny = number % 5 === 0;
  const policy = buildPolicy({
    namespace: `n-${namespace}`,
    name: `p-${number}`,
    action: isDeny ? "deny" : "allow",
    rules: [
      {
        from: [{ principals: [`cluster.local/ns/n-${(index * 7) % NAMESPACES}/sa/app-${number % 3}`] }],
        to: [{ methods: ["GET", "POST"], paths: [`/api/v${number}/*`], ports: ["8080"] }],
        ...(number % 3 === 0 && { when: [{ key: "request.headers[x-tenant]", values: [`tenant-${number}`] }] }),
      },
    ],
  });
  return {
    ...policy,
    selector: { matchLabels: { app: `app-${app}` } },
    creationTimestamp: new Date(1_700_000_000_000 + ((index * 7919) % 100_000) * 1000),
  };
}

export function largeMesh(): AnalysisInput {
  return { authorizationPolicies: tenThousandPolicies(), inventory: inventoryOf() };
}

function inventoryOf(): MeshInventory {
  const names = Array.from({ length: NAMESPACES }, (_, index) => `n-${index}`);
  const apps = ["app-0", "app-1"];
  return {
    namespaces: names,
    workloads: names.flatMap((namespace) =>
      apps.map((name) => ({
        kind: "Deployment",
        namespace,
        name,
        labels: { app: name },
        annotations: {},
        serviceAccount: name,
        containerPorts: [{ name: "http", number: 8080 }],
        inMesh: true,
      })),
    ),
    services: names.flatMap((namespace) =>
      apps.map((name) => ({
        namespace,
        name,
        selector: { app: name },
        ports: [{ port: 80, targetPort: "http", protocol: "http" as const }],
      })),
    ),
  };
}
