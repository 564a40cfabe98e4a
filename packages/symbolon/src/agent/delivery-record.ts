import { errorText, type Log } from "@symbolon/spiffe/core";
import type { AuditSink } from "../core/index.ts";
import type { ServedX509Svid } from "./workload.ts";

/**
 * Writes an audit line for each certificate that a workload is given, once.
 * @param authority by which rule it has it
 */
export function createDeliveryRecord(
  actor: string,
  authority: string,
  { audit, log }: { readonly audit: AuditSink; readonly log: Log },
): (svids: readonly ServedX509Svid[]) => void {
  let known: ReadonlySet<string> = new Set();
  return (svids) => {
    for (const { svid } of svids) {
      const serialNumber = svid.leaf.serialNumberHex;
      if (known.has(serialNumber)) continue;
      audit
        .write({
          kind: "identity.deliver",
          outcome: "success",
          actor,
          subject: svid.spiffeId.toString(),
          authority,
          details: { serialNumber },
        })
        .catch((error: unknown) => log.error("audit line was not written", { error: errorText(error) }));
    }
    known = new Set(svids.map(({ svid }) => svid.leaf.serialNumberHex));
  };
}
