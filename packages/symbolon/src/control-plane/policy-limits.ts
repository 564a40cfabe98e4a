import { type AuthorizationPolicy, createAuthorizationPolicyIndex, type Finding } from "@symbolon/policy";
import { locate, type MeshObject, meshFinding, objectKeyText, type ParsedObject } from "../mesh/index.ts";

/** What every proxy has to hold and to look through (SR-50). */
export const POLICY_LIMITS = {
  /** AuthorizationPolicies that are attached to one workload. */
  policiesPerWorkload: 1000,
  /** Of one policy: of the JSON of what it says. */
  policyBytes: 64 * 1024,
} as const;

const POLICY_KINDS: ReadonlySet<string> = new Set([
  "AuthorizationPolicy",
  "PeerAuthentication",
  "RequestAuthentication",
]);

/** A policy that is too large, and the workloads that have too many: refused before a proxy is told of them. */
export function checkPolicyLimits(
  objects: readonly ParsedObject[],
  authorizationPolicies: readonly AuthorizationPolicy[],
  rootNamespace: string,
): readonly Finding[] {
  return [...objects.flatMap(checkSize), ...checkNumber(objects, authorizationPolicies, rootNamespace)];
}

function checkSize({ key, node, object }: ParsedObject): readonly Finding[] {
  if (!POLICY_KINDS.has(key.kind)) return [];
  const bytes = sizeOf(object);
  if (bytes <= POLICY_LIMITS.policyBytes) return [];
  const message = `${objectKeyText(key)} has ${bytes} bytes; a policy has at most ${POLICY_LIMITS.policyBytes}`;
  return [meshFinding("SYM2307", message, locate(node, ["spec"]))];
}

const sizes = new WeakMap<MeshObject, number>();

/** Counted once: every change asks for every policy. */
function sizeOf(object: MeshObject): number {
  const known = sizes.get(object);
  if (known !== undefined) return known;
  const text = JSON.stringify(object, (name, value) => (name === "position" ? undefined : value));
  const bytes = Buffer.byteLength(text);
  sizes.set(object, bytes);
  return bytes;
}

function checkNumber(
  objects: readonly ParsedObject[],
  policies: readonly AuthorizationPolicy[],
  rootNamespace: string,
): readonly Finding[] {
  const { policiesPerWorkload } = POLICY_LIMITS;
  if (policies.length <= policiesPerWorkload) return [];
  const index = createAuthorizationPolicyIndex(policies, rootNamespace);
  return objects.flatMap(({ key, node, object }) => {
    if (object.kind !== "Deployment" && object.kind !== "Pod") return [];
    const { length } = index.attached({ namespace: key.namespace, labels: object.template.labels });
    if (length <= policiesPerWorkload) return [];
    const message = `${objectKeyText(key)} has ${length} AuthorizationPolicies; a workload has at most ${policiesPerWorkload}`;
    return [meshFinding("SYM2307", message, locate(node, ["metadata", "name"]))];
  });
}
