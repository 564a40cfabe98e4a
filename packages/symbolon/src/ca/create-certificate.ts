import type { Log } from "@symbolon/spiffe/core";
import { type AuditSink, productError } from "../core/index.ts";
import { authenticateCaller } from "./authenticate-caller.ts";
import type { Caller, CallerAuthenticator } from "./caller.ts";
import type { CaCounterName, CaCounters } from "./counters.ts";
import type { IssueCertificate } from "./issue-certificate.ts";
import type { CreateCertificate, CreateCertificateRequest } from "./ports.ts";
import { reportRefusal } from "./report-refusal.ts";
import type { SigningAuthority } from "./signing-authority.ts";
import { checkRequestedNames, verifyCsr } from "./verify-csr.ts";

export interface CreateCertificateDependencies {
  readonly authenticators: readonly CallerAuthenticator[];
  readonly authority: SigningAuthority;
  readonly issue: IssueCertificate;
  readonly audit: AuditSink;
  readonly counters: CaCounters;
  readonly log: Log;
}

/** How far a request came: an error is counted and audited under it. */
interface Progress {
  counter: CaCounterName;
  caller?: Caller;
}

/**
 * The CA's one use case (DESIGN §4): a CSR and credentials become a certificate for the identity that the credentials
 * prove. Steps 1 to 4 are here, 5 to 10 in `createIssuer`.
 */
export function createCertificateUseCase(dependencies: CreateCertificateDependencies): CreateCertificate {
  const { authenticators, authority, issue, counters } = dependencies;

  return async (request) => {
    counters.add("citadel_server_csr_count");
    const progress: Progress = { counter: "citadel_server_authentication_failure_count" };
    try {
      // Step 1: who asks. Nothing of the request is parsed for a stranger.
      const caller = await authenticateCaller(authenticators, request.credentials);
      progress.caller = caller;
      refuseImpersonation(request);

      // Step 2: the request is whole, its key is one we certify, and the requester holds it.
      progress.counter = "citadel_server_csr_parsing_err_count";
      const csr = verifyCsr(request.csrPem, authority);

      // Steps 3 and 4: the identity is the caller's; the request may repeat it, and say nothing else.
      progress.counter = "citadel_server_id_extraction_err_count";
      const { spiffeId } = caller;
      checkRequestedNames(csr, spiffeId);

      progress.counter = "citadel_server_csr_sign_err_count";
      const created = await issue({
        kind: "workload",
        spiffeId,
        publicKey: csr.spki,
        caller: caller.name,
        authenticator: caller.authenticator,
        requestedLifetimeSeconds: request.requestedLifetimeSeconds,
        details: { ...caller.details, peer: request.credentials.peerAddress },
      });
      counters.add("citadel_server_success_cert_issuance_count");
      return created;
    } catch (error) {
      counters.add(progress.counter);
      const { peerAddress } = request.credentials;
      await reportRefusal(dependencies, { caller: progress.caller, peerAddress }, error);
      throw error;
    }
  };
}

/** istio-security §5.4 without CA_TRUSTED_NODE_ACCOUNTS: nobody may. */
function refuseImpersonation({ impersonatedIdentity }: CreateCertificateRequest): void {
  if (impersonatedIdentity === undefined) return;
  throw productError("ERR_CA_IMPERSONATION_REFUSED", "request impersonation authentication failure", {
    details: { impersonatedIdentity },
  });
}
