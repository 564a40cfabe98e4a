import { findWorkload } from "../../policy-set/find-workload.ts";
import type { PolicySource } from "../../policy-set/policy-source.ts";
import type { AccessQuestion, CallerName } from "./access-question.ts";

/** Who calls, as the workload's proxy would see it. */
export interface Caller {
  /** Absent: plaintext. */
  readonly spiffeId?: string;
  /** The identity that it could have, and what it would take: "a sidecar for Deployment foo/curl". */
  readonly possible?: { readonly spiffeId: string; readonly by: string };
  /** "Deployment foo/curl". */
  readonly text: string;
  readonly notes: readonly string[];
}

/** A workload's identity is that of its service account, and only with a sidecar has it one. */
export function resolveCaller({ from, plaintext }: AccessQuestion, source: PolicySource): Caller | { problem: string } {
  if (!from) return { text: "a caller outside of the mesh", notes: [] };
  const caller = named(from, source);
  if ("problem" in caller || !plaintext) return caller;
  const { spiffeId, ...withoutIdentity } = caller;
  const possible = spiffeId === undefined ? {} : { possible: { spiffeId, by: "mutual TLS instead of plaintext" } };
  return { ...withoutIdentity, ...possible, text: `${caller.text}, in plaintext` };
}

function named(from: CallerName, source: PolicySource): Caller | { problem: string } {
  switch (from.as) {
    case "spiffe-id":
      return { spiffeId: from.spiffeId, text: from.spiffeId, notes: [] };
    case "service-account":
      return account(from.namespace, from.name, source);
    case "workload": {
      const { namespace, name } = from.workload;
      const found = findWorkload(from.workload, source.set);
      if ("reason" in found) {
        if (found.reason === "workload_ambiguous" || from.workload.kind !== undefined) return { problem: found.text };
        const [, near] = /(did you mean .*\?)$/.exec(found.text) ?? [];
        const taken = `no workload is named ${namespace}/${name}; it is taken as the name of a service account`;
        const notes = [near === undefined ? taken : `${taken} (${near})`];
        return { ...account(namespace, name, source), notes };
      }
      const { workload } = found;
      const text = `${workload.kind} ${namespace}/${name}`;
      const { spiffeId, ...rest } = account(namespace, workload.serviceAccount, source);
      if (!workload.sidecar)
        return {
          text,
          possible: { spiffeId, by: `a sidecar for ${text}` },
          notes: [`${text} has no sidecar (${workload.decidedBy}): it calls in plaintext, without identity`],
        };
      return { ...rest, spiffeId, text };
    }
  }
}

function account(
  namespace: string,
  name: string,
  { trustDomain }: PolicySource,
): Caller & { readonly spiffeId: string } {
  const spiffeId = `spiffe://${trustDomain}/ns/${namespace}/sa/${name}`;
  return { spiffeId, text: `service account ${namespace}/${name}`, notes: [] };
}
