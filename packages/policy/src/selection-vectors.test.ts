/** Istio's tables of selection, from a folder beside the checkout; where it is missing a line says so and no test is registered. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createAuthorizationPolicyIndex } from "./authorization-policy-index.ts";
import { formatFinding } from "./document/index.ts";
import { type ObjectEnvelope, parseEnvelope } from "./object-envelope.ts";
import { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import { parsePeerAuthentication } from "./peer-authentication.ts";
import { createPeerAuthenticationIndex } from "./peer-authentication-index.ts";
import type { WaypointService } from "./policy-attachment.ts";
import { createRequestAuthenticationIndex } from "./request-authentication-index.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const TABLE = fileURLToPath(new URL("../../../../shared/vectors/istio-tables/selection-tables.json", import.meta.url));
/** Where a case names none, Istio's test has it in its mesh configuration. */
const ROOT_OF_TABLE = "istio-config";
/** What Istio's test of RequestAuthentication has as service, which the table does not say. */
const SERVICE_OF_TABLE: WaypointService = { registry: "Kubernetes", namespace: "bar", name: "target-service-bar" };

interface WrittenObject {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly creationTimestamp?: string;
  readonly spec: {
    readonly action?: string;
    readonly targetRef?: { readonly namespace?: string };
    readonly provider?: unknown;
  };
}
interface SelectionCase {
  readonly table: string;
  readonly name: string;
  readonly isWaypoint?: boolean;
  readonly services?:
    | readonly { readonly Name: string; readonly Namespace: string; readonly Registry: string }[]
    | null;
  readonly meshPeerAuthn?: boolean;
  readonly workloadNamespace: string;
  readonly workloadLabels: Readonly<Record<string, string>> | null;
  readonly configs?: readonly WrittenObject[];
  readonly wantRequestAuthn?: readonly string[];
  readonly wantPeerAuthn?: readonly string[];
  /** Upper case; "UNKNOWN" when neither namespace nor mesh has a policy. */
  readonly wantNamespaceMutualTLS?: string;
  readonly wantAllow?: readonly string[];
  readonly wantDeny?: readonly string[];
  readonly wantAudit?: readonly string[];
  readonly wantCustom?: readonly string[];
}
interface SelectionTable {
  readonly configs: readonly { readonly meshPeerAuthn: boolean; readonly configs: readonly WrittenObject[] }[];
  readonly cases: readonly SelectionCase[];
}

if (!existsSync(TABLE)) console.log(`no tests with selection-tables.json: ${TABLE} does not exist`);
else
  describe("Istio's selection tables", () => {
    const { configs, cases } = JSON.parse(readFileSync(TABLE, "utf8")) as SelectionTable;
    for (const [index, vector] of cases.entries()) {
      test(`${index} ${vector.table}: ${vector.name}`, () => {
        const workload = {
          namespace: vector.workloadNamespace,
          labels: vector.workloadLabels ?? {},
          ...(vector.isWaypoint ? { waypointFor: servicesOf(vector) } : {}),
        };
        if (vector.configs) {
          const policies = readAll(vector.configs, "AuthorizationPolicy", (envelope) =>
            parseAuthorizationPolicy(envelope),
          );
          const got = createAuthorizationPolicyIndex(policies, ROOT_OF_TABLE).attached(workload);
          const names = (wanted: string) =>
            got.filter(({ action }) => action === wanted).map(({ namespace, name }) => `${namespace}/${name}`);
          for (const [action, wanted] of [
            ["allow", vector.wantAllow],
            ["deny", vector.wantDeny],
            ["audit", vector.wantAudit],
            ["custom", vector.wantCustom],
          ] as const)
            assert.deepEqual(names(action).sort(), [...(wanted ?? [])].sort(), action);
        }
        if (vector.configs) return;
        const objects = configs.find(({ meshPeerAuthn }) => meshPeerAuthn === vector.meshPeerAuthn)?.configs ?? [];
        const peers = createPeerAuthenticationIndex(
          readAll(objects, "PeerAuthentication", (envelope) => parsePeerAuthentication(envelope)),
          ROOT_OF_TABLE,
        );
        assert.deepEqual(
          peers
            .attached(workload)
            .map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`)
            .sort(),
          [...(vector.wantPeerAuthn ?? [])].sort(),
        );
        assert.equal(peers.namespaceMtlsMode(vector.workloadNamespace).toUpperCase(), vector.wantNamespaceMutualTLS);
        if (vector.wantRequestAuthn) {
          const policies = readAll(objects, "RequestAuthentication", (envelope) =>
            parseRequestAuthentication(envelope),
          );
          const selectorsReachGateways = vector.table !== "TestGetPoliciesForGatewayPolicyAttachmentOnly";
          const index = createRequestAuthenticationIndex(policies, ROOT_OF_TABLE, { selectorsReachGateways });
          const got = index.attached(workload);
          assert.deepEqual(
            got.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).sort(),
            [...vector.wantRequestAuthn].sort(),
          );
        }
      });
    }
    test("all 46 cases of the tables are covered", () => assert.equal(cases.length, 46));
  });

function servicesOf({ services, name }: SelectionCase): readonly WaypointService[] {
  if (!services) return name.startsWith("Service targetRef") ? [SERVICE_OF_TABLE] : [];
  return services.map(({ Name, Namespace, Registry }) => {
    return { registry: Registry as WaypointService["registry"], namespace: Namespace, name: Name };
  });
}

function readAll<T>(
  objects: readonly WrittenObject[],
  kind: string,
  parse: (envelope: ObjectEnvelope) => { readonly kind: "parsed"; readonly value: T } | { readonly kind: "refused" },
): T[] {
  return objects
    .filter((object) => object.kind === kind)
    .map((object) => {
      const { name, namespace, creationTimestamp, spec } = object;
      // Istio's test skips validation: a CUSTOM policy needs a provider, a target has no namespace.
      const { namespace: _, ...target } = spec.targetRef ?? {};
      const custom = spec.action === "CUSTOM" && spec.provider === undefined ? { provider: { name: "p" } } : {};
      const valid = {
        apiVersion: "security.istio.io/v1",
        kind,
        metadata: { name, namespace, creationTimestamp: creationTimestamp ?? null },
        spec: {
          ...(spec.action === "CUSTOM" ? withoutIdentities(spec) : spec),
          ...custom,
          ...(spec.targetRef ? { targetRef: target } : {}),
        },
      };
      const [node] = parseYamlDocuments(JSON.stringify(valid), "f.json").documents;
      assert.ok(node);
      const envelope = parseEnvelope(node);
      assert.ok(envelope.kind === "parsed", envelope.findings.map(formatFinding).join("\n"));
      const result = parse(envelope.value);
      assert.ok(result.kind === "parsed", JSON.stringify(result));
      return result.value;
    });
}

/** And names principals in CUSTOM policies, which validation refuses. */
function withoutIdentities(spec: WrittenObject["spec"]): WrittenObject["spec"] & { readonly rules: readonly object[] } {
  return { ...spec, rules: [{}] };
}
