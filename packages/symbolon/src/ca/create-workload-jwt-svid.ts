import type { Log, Secret } from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";
import type { AuditSink } from "../core/index.ts";
import { authenticateCaller } from "./authenticate-caller.ts";
import { authenticateEntry } from "./authenticate-entry.ts";
import type { Caller, CallerAuthenticator } from "./caller.ts";
import type { IssuedJwtSvid, JwtAuthority } from "./jwt-authority.ts";
import type { EntryLookup } from "./ports.ts";
import { reportRefusal } from "./report-refusal.ts";

/** What an agent asks for in a workload's name. */
export interface CreateWorkloadJwtSvidRequest {
  /** A registration entry, or a pod that proves itself by its service account token. */
  readonly caller: { readonly entryId: string } | { readonly serviceAccountToken: Secret<string> };
  /** At least one, none empty. */
  readonly audiences: readonly string[];
}

/** @throws ERR_OBJECT_NOT_FOUND, ERR_CA_AUTHENTICATION_FAILED, and what the JWT authority throws */
export type CreateWorkloadJwtSvid = (
  request: CreateWorkloadJwtSvidRequest,
) => Promise<IssuedJwtSvid & { readonly spiffeId: SpiffeId }>;

/** `peer` of audit lines: only agents of this machine come this way. */
const PEER = "agent of this machine";

/** A token for whom the request proves; the entry, or the default, says how long it lives. */
export function createWorkloadJwtSvidUseCase(dependencies: {
  readonly entries: EntryLookup;
  readonly serviceAccounts: CallerAuthenticator;
  readonly authority: JwtAuthority;
  readonly audit: AuditSink;
  readonly log: Log;
}): CreateWorkloadJwtSvid {
  const { entries, serviceAccounts, authority } = dependencies;

  const authenticate = async (
    request: CreateWorkloadJwtSvidRequest["caller"],
  ): Promise<{ readonly caller: Caller; readonly lifetimeSeconds?: number }> => {
    if ("entryId" in request) {
      const { entry, caller } = authenticateEntry(entries, request.entryId);
      const { jwtLifetimeSeconds: lifetimeSeconds } = entry;
      return { caller, ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }) };
    }
    const credentials = { certificateChain: [], token: request.serviceAccountToken, peerAddress: PEER };
    return { caller: await authenticateCaller([serviceAccounts], credentials) };
  };

  return async ({ caller: request, audiences }) => {
    let caller: Caller | undefined;
    try {
      const authenticated = await authenticate(request);
      ({ caller } = authenticated);
      const { spiffeId } = caller;
      const { lifetimeSeconds } = authenticated;
      const order = { spiffeId, audiences, ...(lifetimeSeconds === undefined ? {} : { lifetimeSeconds }) };
      return { spiffeId, ...(await authority.createJwtSvid(order, caller)) };
    } catch (error) {
      // What the authority refuses it has reported itself.
      if (caller === undefined)
        await reportRefusal(dependencies, { kind: "token.issue", caller, peerAddress: PEER }, error);
      throw error;
    }
  };
}
