import { errorText, isSymbolonError, type Log } from "@symbolon/spiffe/core";
import type { AuditSink } from "../core/index.ts";
import type { Caller } from "./caller.ts";

/** The audit line of a certificate or token that was not issued. The refusal stands without its line, too. */
export async function reportRefusal(
  { audit, log }: { readonly audit: AuditSink; readonly log: Log },
  from: {
    readonly kind?: "certificate.issue" | "token.issue";
    readonly caller: Caller | undefined;
    readonly peerAddress: string;
  },
  error: unknown,
): Promise<void> {
  const { kind = "certificate.issue", caller, peerAddress } = from;
  const coded = isSymbolonError(error) ? error : undefined;
  const reasons = typeof coded?.details.reasons === "string" ? { reasons: coded.details.reasons } : {};
  const event = {
    kind,
    outcome: coded ? "refused" : "failure",
    actor: caller?.name ?? "unauthenticated",
    ...(caller ? { subject: caller.spiffeId.toString(), authority: caller.authenticator } : {}),
    code: coded?.code ?? "ERR_INTERNAL_BUG",
    details: { message: errorText(error), peer: peerAddress, ...reasons },
  } as const;
  try {
    await audit.write(event);
  } catch (failure) {
    log.error("refusal not audited", { error: errorText(failure), code: event.code });
  }
}
