import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { AuthorizationPolicy } from "./authorization-policy.ts";
import { createAuthorizationPolicyIndex } from "./authorization-policy-index.ts";
import { formatFinding } from "./document/index.ts";
import { type ObjectEnvelope, parseEnvelope } from "./object-envelope.ts";
import { parseAuthorizationPolicy } from "./parse-authorization-policy.ts";
import { parseRequestAuthentication } from "./parse-request-authentication.ts";
import { parsePeerAuthentication } from "./peer-authentication.ts";
import { createPeerAuthenticationIndex } from "./peer-authentication-index.ts";
import { createRequestAuthenticationIndex } from "./request-authentication-index.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const TABLE = fileURLToPath(new URL("../../../../shared/vectors/istio-tables/selection-tables.json", import.meta.url));
const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";
const ROOT = "istio-system";
/** Where a case names none, Istio's test has it in its mesh configuration. */
const ROOT_OF_TABLE = "istio-config";

interface PolicyOptions {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly gateway?: string;
  readonly created?: string;
}

function policy(namespace: string, { name, labels, gateway, created }: PolicyOptions): AuthorizationPolicy {
  const position = { file: "f.yaml", line: 1, column: 1 };
  const target = { position, group: "gateway.networking.k8s.io", kind: "Gateway", name: gateway ?? "" };
  return {
    kind: "AuthorizationPolicy",
    namespace,
    name,
    position,
    ...(created === undefined ? {} : { creationTimestamp: new Date(created) }),
    ...(labels === undefined ? {} : { selector: { matchLabels: labels } }),
    targetRefs: gateway === undefined ? [] : [target],
    action: "allow",
    dryRun: false,
    rules: [],
  };
}

const attached = (namespace: string, labels: Readonly<Record<string, string>>, ...policies: AuthorizationPolicy[]) =>
  createAuthorizationPolicyIndex(policies, ROOT)
    .attached({ namespace, labels })
    .map(({ name }) => name);

describe("which policies attach (istio-security §0.2)", () => {
  test("those of the own namespace and of the root namespace, by labels", () => {
    const policies = [
      policy("foo", { name: "wide" }),
      policy("foo", { name: "web", labels: { app: "web" } }),
      policy("bar", { name: "elsewhere" }),
      policy(ROOT, { name: "mesh" }),
      policy(ROOT, { name: "mesh-web", labels: { app: "web" } }),
      policy(ROOT, { name: "mesh-other", labels: { app: "web", version: "v2" } }),
    ];
    assert.deepEqual(attached("foo", { app: "web", version: "v1" }, ...policies), ["web", "wide", "mesh", "mesh-web"]);
    assert.deepEqual(attached("foo", {}, ...policies), ["wide", "mesh"]);
    assert.deepEqual(attached(ROOT, { app: "web" }, ...policies), ["mesh", "mesh-web"]);
    assert.deepEqual(attached("baz", {}, ...policies), ["mesh"]);
  });

  test("oldest first, then by name", () => {
    const policies = [
      policy("foo", { name: "b", created: "2026-01-01T00:00:00Z" }),
      policy("foo", { name: "c", created: "2025-01-01T00:00:00Z" }),
      policy("foo", { name: "a", created: "2026-01-01T00:00:00Z" }),
    ];
    assert.deepEqual(attached("foo", {}, ...policies), ["c", "a", "b"]);
  });

  test("a sidecar ignores target references, the pods of the gateway do not", () => {
    const gateway = policy("foo", { name: "gw", gateway: "edge" });
    assert.deepEqual(attached("foo", {}, gateway), []);
    assert.deepEqual(attached("foo", { [GATEWAY_NAME]: "edge" }, gateway), ["gw"]);
    assert.deepEqual(attached("foo", { [GATEWAY_NAME]: "other" }, gateway), []);
    assert.deepEqual(attached("bar", { [GATEWAY_NAME]: "edge" }, policy(ROOT, { name: "gw", gateway: "edge" })), []);
  });

  test("no label of a workload is inherited from an object's prototype", () => {
    assert.deepEqual(attached("foo", {}, policy("foo", { name: "p", labels: { constructor: "x" } })), []);
  });
});

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
      const reason = reasonToLeaveOut(vector);
      if (reason !== undefined) {
        console.log(`no test of selection case ${index} (${vector.name}): ${reason}`);
        continue;
      }
      test(`${index} ${vector.table}: ${vector.name}`, () => {
        const workload = { namespace: vector.workloadNamespace, labels: vector.workloadLabels ?? {} };
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
          const got = createRequestAuthenticationIndex(policies, ROOT_OF_TABLE).attached(workload);
          assert.deepEqual(
            got.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`).sort(),
            [...vector.wantRequestAuthn].sort(),
          );
        }
      });
    }
  });

function reasonToLeaveOut({ isWaypoint, table, workloadLabels }: SelectionCase): string | undefined {
  if (isWaypoint) return "waypoints are no part of this mesh";
  if (table === "TestGetPoliciesForGatewayPolicyAttachmentOnly" && GATEWAY_NAME in (workloadLabels ?? {}))
    return "ENABLE_SELECTOR_BASED_K8S_GATEWAY_POLICY=false is no setting of this mesh";
  return undefined;
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
