import type {
  AuthorizationPolicy,
  Finding,
  MeshSecurityConfig,
  PeerAuthentication,
  RequestAuthentication,
} from "@symbolon/policy";
import { locate, type MeshObject, meshFinding, objectKeyText, type ParsedObject } from "../mesh/index.ts";
import { keyText } from "./stored-object.ts";

interface KeyedObject {
  readonly object: MeshObject;
  readonly key: ParsedObject["key"];
}

export interface MeshPolicies {
  readonly policies: readonly PeerAuthentication[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly requestAuthentications: readonly RequestAuthentication[];
}

/** With the time that the mesh knows: what a manifest claims about its own age decides nothing. */
export function policiesOf(objects: Iterable<KeyedObject>, createdAt: (key: string) => Date): MeshPolicies {
  const policies: PeerAuthentication[] = [];
  const authorizationPolicies: AuthorizationPolicy[] = [];
  const requestAuthentications: RequestAuthentication[] = [];
  for (const { object, key } of objects) {
    if (object.kind === "PeerAuthentication") policies.push(dated(object.policy, createdAt(keyText(key))));
    else if (object.kind === "AuthorizationPolicy")
      authorizationPolicies.push(dated(object.policy, createdAt(keyText(key))));
    else if (object.kind === "RequestAuthentication")
      requestAuthentications.push(dated(object.policy, createdAt(keyText(key))));
  }
  return { policies, authorizationPolicies, requestAuthentications };
}

const datedPolicies = new WeakMap<object, { readonly creationTimestamp?: Date }>();

/** The same object for the same policy and time, so that what is made of it has to be made once. */
function dated<Policy extends { readonly creationTimestamp?: Date }>(policy: Policy, creationTimestamp: Date): Policy {
  const known = datedPolicies.get(policy);
  if (known?.creationTimestamp?.getTime() === creationTimestamp.getTime()) return known as Policy;
  const made = { ...policy, creationTimestamp };
  datedPolicies.set(policy, made);
  return made;
}

/** What is in force of Istio's MeshConfig; absent: its defaults. */
export function meshConfigOf(objects: Iterable<KeyedObject>, homeNamespace: string): MeshSecurityConfig | undefined {
  for (const { object } of objects)
    if (object.kind === "ConfigMap" && object.meta.namespace === homeNamespace) return object.config;
  return undefined;
}

/** Istio's default for a key that is left out, which therefore asks for nothing. */
const UNSAID_TRUST_DOMAIN = "cluster.local";

/** A mesh has one trust domain from its start, because its CA has; a MeshConfig that says another is for another mesh. */
export function checkMeshConfigs(
  objects: readonly ParsedObject[],
  { rootNamespace, trustDomain }: { readonly rootNamespace: string; readonly trustDomain: string },
): readonly Finding[] {
  return objects.flatMap(({ key, object, node }): readonly Finding[] => {
    if (object.kind !== "ConfigMap") return [];
    if (key.namespace !== rootNamespace) {
      const message = `${objectKeyText(key)} has no effect: the MeshConfig of a mesh is in namespace ${rootNamespace}`;
      return [meshFinding("SYM2306", message, locate(node, ["metadata", "namespace"]))];
    }
    const said = object.config.trustDomain;
    if (said === trustDomain || said === UNSAID_TRUST_DOMAIN) return [];
    const message = `trustDomain is "${said}", and this mesh was started with "${trustDomain}"`;
    return [meshFinding("SYM2305", message, locate(node, ["data", "mesh"]))];
  });
}
