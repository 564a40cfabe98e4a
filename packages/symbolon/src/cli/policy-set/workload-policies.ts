import {
  type AuthorizationPolicy,
  createAuthorizationPolicyIndex,
  createPeerAuthenticationIndex,
  createRequestAuthenticationIndex,
  type EffectivePeerAuthentication,
  type PeerAuthentication,
  type RequestAuthentication,
} from "@symbolon/policy";
import type { SetWorkload } from "./policy-set.ts";
import type { PolicySource } from "./policy-source.ts";

/** What binds one workload. */
export interface WorkloadPolicies {
  readonly mtls: EffectivePeerAuthentication;
  /** In the order in which they are asked: CUSTOM, DENY, ALLOW; AUDIT refuses nothing and stands last. */
  readonly authorization: readonly AuthorizationPolicy[];
  readonly tokens: readonly RequestAuthentication[];
}

export function policiesOf(workload: SetWorkload, { set, rootNamespace }: PolicySource): WorkloadPolicies {
  const attached = createAuthorizationPolicyIndex(set.authorizationPolicies, rootNamespace).attached(workload);
  return {
    mtls: createPeerAuthenticationIndex(set.peerAuthentications, rootNamespace).effective(workload),
    authorization: attached.toSorted((left, right) => ORDER.indexOf(left.action) - ORDER.indexOf(right.action)),
    tokens: createRequestAuthenticationIndex(set.requestAuthentications, rootNamespace).attached(workload),
  };
}

export interface ObjectPlace {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
}

type Placed = Pick<
  AuthorizationPolicy | PeerAuthentication | RequestAuthentication,
  "kind" | "namespace" | "name" | "position"
>;

export function placeOf({ kind, namespace, name, position }: Placed): ObjectPlace {
  return { kind, namespace, name, file: position.file, line: position.line };
}

/** "AuthorizationPolicy bar/p (policies.yaml:10)"; the kind is left out when `kind` says something better. */
export function placeText({ kind, namespace, name, file, line }: ObjectPlace, word: string = kind): string {
  const text = `${word} ${namespace}/${name}`.trim();
  // An object of the running mesh is in no file; its text is named like itself.
  return file === `${kind.toLowerCase()}/${namespace}/${name}` ? text : `${text} (${file}:${line})`;
}

const ORDER: readonly AuthorizationPolicy["action"][] = ["custom", "deny", "allow", "audit"];
