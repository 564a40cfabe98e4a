import type { Clock, Log, Random } from "@symbolon/spiffe/core";
import { type Certificate, certificateToPem } from "@symbolon/spiffe/x509";
import { type AuditEvent, type AuditSink, productError } from "../core/index.ts";
import { chooseValidity, type IssuanceProfile } from "./issuance-profile.ts";
import { type CertificatePlan, prepareCertificate, recordIssuance } from "./issuance-steps.ts";
import type { CreatedCertificate, IssuanceLog } from "./ports.ts";
import { createSerialNumber, type SerialPrefix, serialNumberHex } from "./serial-number.ts";
import { type SigningAuthority, signCertificate } from "./signing-authority.ts";

export interface IssuerDependencies {
  readonly authority: SigningAuthority;
  readonly profile: IssuanceProfile;
  readonly issuances: IssuanceLog;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly serialPrefix?: SerialPrefix;
  /** Time of the newest record when the CA started. */
  readonly newestRecordTime: Date | undefined;
}

/** What is decided before: for whom, on whose word, for how long at most. */
export interface IssueRequest extends Omit<CertificatePlan, "validity" | "serialNumber"> {
  readonly requestedLifetimeSeconds: bigint;
  readonly details?: AuditEvent["details"];
}

export type IssueCertificate = (request: IssueRequest) => Promise<CreatedCertificate>;

/** A clock that goes back further stops the CA: its certificates would begin before those it has recorded (RR-23). */
const MAX_CLOCK_STEP_BACK_MS = 5 * 60 * 1000;

/** Steps 5 to 10 of issuance, the same for workloads and for the CA's own server certificate. */
export function createIssuer(dependencies: IssuerDependencies): IssueCertificate {
  const { authority, profile, issuances, audit, clock, random, log, serialPrefix } = dependencies;
  let newestRecordMs = dependencies.newestRecordTime?.getTime() ?? Number.NEGATIVE_INFINITY;

  const usableNow = (): Date => {
    const now = clock.now();
    if (now.getTime() < newestRecordMs - MAX_CLOCK_STEP_BACK_MS)
      throw productError(
        "ERR_CA_CLOCK_BACKWARDS",
        `clock says ${now.toISOString()}, but the newest certificate was recorded at ${new Date(newestRecordMs).toISOString()}`,
      );
    if (now > authority.validity.notAfter)
      throw productError(
        "ERR_CA_EXPIRED",
        `signing certificate has expired at ${authority.validity.notAfter.toISOString()}`,
      );
    return now;
  };

  return async ({ requestedLifetimeSeconds, details, ...facts }) => {
    // Step 5: profile, lifetime, serial number.
    const now = usableNow();
    const validity = chooseValidity(profile, requestedLifetimeSeconds, authority.validity, now);
    const plan = { ...facts, validity, serialNumber: createSerialNumber(random, now, serialPrefix) };
    const event = auditEvent(plan, details);

    // Step 6: the very bytes that will be signed, linted.
    const prepared = prepareCertificate(authority, plan, now);

    // Step 7: on disk, in the log and in the audit file, before the key is touched (SR-21).
    // One after the other: all whose rows were committed together share a write of the audit file, too.
    const recorded = await recordIssuance(issuances, prepared, now);
    await audit.write({ ...event, outcome: "started" });
    newestRecordMs = Math.max(newestRecordMs, now.getTime());

    // Steps 8 and 9: sign, and verify what came out.
    const certificate = await signCertificate(recorded);

    // Step 10: an answer that is not in the audit file is not given.
    issuances.markSigned([certificate.serialNumberHex]);
    await audit.write({ ...event, outcome: "success" });
    log.info("certificate issued", { spiffeId: event.subject, serialNumber: certificate.serialNumberHex });
    return answer(authority, certificate);
  };
}

function auditEvent(plan: CertificatePlan, details: AuditEvent["details"] = {}): Omit<AuditEvent, "outcome"> {
  return {
    kind: "certificate.issue",
    actor: plan.caller,
    subject: plan.spiffeId.toString(),
    authority: plan.authenticator,
    details: {
      ...details,
      serialNumber: serialNumberHex(plan.serialNumber),
      notAfter: plan.validity.notAfter.toISOString(),
    },
  };
}

/** istio-security §5.1: leaf, intermediates, roots. */
function answer(authority: SigningAuthority, certificate: Certificate): CreatedCertificate {
  return {
    certificateChain: [certificate.der, ...authority.intermediates.map(({ der }) => der)],
    // Agents take DER: text is made for those who ask for it.
    get certificateChainPem() {
      return [certificateToPem(certificate), ...authority.intermediatesPem];
    },
    rootsPem: authority.rootsPem,
    serialNumber: certificate.serialNumberHex,
    notAfter: certificate.notAfter,
  };
}
