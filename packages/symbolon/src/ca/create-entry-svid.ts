import type { Log } from "@symbolon/spiffe/core";
import { parseCertificateSigningRequest } from "@symbolon/spiffe/x509";
import type { AuditSink } from "../core/index.ts";
import { authenticateEntry } from "./authenticate-entry.ts";
import type { Caller } from "./caller.ts";
import type { CaCounterName, CaCounters } from "./counters.ts";
import type { IssueCertificate } from "./issue-certificate.ts";
import type { CreateEntrySvid, EntryLookup } from "./ports.ts";
import { reportRefusal } from "./report-refusal.ts";
import type { SigningAuthority } from "./signing-authority.ts";
import { checkRequestedNames, verifyParsedCsr } from "./verify-csr.ts";

export interface CreateEntrySvidDependencies {
  readonly entries: EntryLookup;
  readonly authority: SigningAuthority;
  readonly issue: IssueCertificate;
  readonly audit: AuditSink;
  readonly counters: CaCounters;
  readonly log: Log;
}

/** `peer` of audit lines: only agents of this machine come this way. */
const PEER = "agent of this machine";

/**
 * A certificate for a registration entry's identity: who it is for, its DNS names and its life are the entry's; the
 * request gives its key. Steps 1 to 4 of issuance are here, 5 to 10 in `createIssuer`.
 */
export function createEntrySvidUseCase(dependencies: CreateEntrySvidDependencies): CreateEntrySvid {
  const { entries, authority, issue, counters } = dependencies;
  return async ({ entryId, csr: csrDer }) => {
    counters.add("citadel_server_csr_count");
    const progress: { counter: CaCounterName; caller: Caller | undefined } = {
      counter: "citadel_server_authentication_failure_count",
      caller: undefined,
    };
    try {
      const { entry, caller } = authenticateEntry(entries, entryId);
      progress.caller = caller;

      progress.counter = "citadel_server_csr_parsing_err_count";
      const csr = verifyParsedCsr(parseCertificateSigningRequest(csrDer), authority);

      progress.counter = "citadel_server_id_extraction_err_count";
      checkRequestedNames(csr, entry.spiffeId);

      progress.counter = "citadel_server_csr_sign_err_count";
      const created = await issue({
        kind: "workload",
        spiffeId: entry.spiffeId,
        publicKey: csr.spki,
        dnsNames: entry.dnsNames,
        caller: caller.name,
        authenticator: caller.authenticator,
        requestedLifetimeSeconds: BigInt(entry.x509LifetimeSeconds ?? 0),
        details: { ...caller.details, peer: PEER },
      });
      counters.add("citadel_server_success_cert_issuance_count");
      return created;
    } catch (error) {
      counters.add(progress.counter);
      await reportRefusal(dependencies, { caller: progress.caller, peerAddress: PEER }, error);
      throw error;
    }
  };
}
