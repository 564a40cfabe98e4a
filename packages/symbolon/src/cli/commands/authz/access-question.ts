import type { RequestAttributes } from "@symbolon/policy";
import type { WorkloadName } from "../../policy-set/find-workload.ts";

/** May this caller open this connection, or send this request? */
export interface AccessQuestion {
  /** Absent: a caller without identity, in plaintext. */
  readonly from?: CallerName;
  /** The caller is known, and connects without mutual TLS. */
  readonly plaintext: boolean;
  readonly to: WorkloadName;
  /** Absent: a connection that is not HTTP. */
  readonly request?: RequestAttributes;
  /** Whether the host of `request` was given or made up. */
  readonly isHostGiven: boolean;
  readonly port?: number;
  readonly sourceAddress?: string;
  readonly remoteAddress?: string;
  readonly destinationAddress?: string;
  readonly sni?: string;
  /** Compact JWT. */
  readonly token?: string;
  /** JSON of a JWK set: the keys of rules that have none written in them. */
  readonly jwks?: string;
}

export type CallerName =
  | { readonly as: "spiffe-id"; readonly spiffeId: string }
  | { readonly as: "service-account"; readonly namespace: string; readonly name: string }
  /** Or a service account, when there is no such workload. */
  | { readonly as: "workload"; readonly workload: WorkloadName };

/** What the question leaves out, as policies would see it. Guessing it would answer another question. */
export interface MissingFact {
  /** Fields and conditions that look at it. */
  readonly fields: RegExp;
  /** "the caller's address: give --source-ip" */
  readonly hint: string;
  /** What is shown in its place. */
  readonly standIn: string;
}

export function missingFacts(question: AccessQuestion): readonly MissingFact[] {
  const { request, isHostGiven, sourceAddress, remoteAddress, destinationAddress, sni } = question;
  const facts: MissingFact[] = [];
  if (sourceAddress === undefined)
    facts.push({
      fields: /^(ipBlocks|notIpBlocks|when source\.ip .*)$/,
      hint: "the caller's address: give --source-ip",
      standIn: "0.0.0.0",
    });
  if ((remoteAddress ?? sourceAddress) === undefined)
    facts.push({
      fields: /^(remoteIpBlocks|notRemoteIpBlocks|when remote\.ip .*)$/,
      hint: "the address of the original client: give --remote-ip",
      standIn: "0.0.0.0",
    });
  if (request && !isHostGiven)
    facts.push({
      fields: /^(hosts|notHosts|when request\.headers\[(:authority|host)\] .*)$/i,
      hint: "the host: give --host",
      standIn: request.host,
    });
  if (destinationAddress === undefined)
    facts.push({
      fields: /^when destination\.ip /,
      hint: "the pod's address: give --destination-ip",
      standIn: "0.0.0.0",
    });
  if (sni === undefined)
    facts.push({
      fields: /^when connection\.sni /,
      hint: "the server name of the TLS connection: give --sni",
      standIn: "none",
    });
  return facts;
}
