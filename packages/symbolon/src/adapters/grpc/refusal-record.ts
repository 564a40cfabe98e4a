import { type Clock, errorText, type Log } from "@symbolon/spiffe/core";
import type { AuditSink } from "../../core/index.ts";

export interface Refusal {
  /** The workload or process that got nothing. */
  readonly actor: string;
  readonly code: string;
  readonly reason: string;
}

/** Refused clients ask again every few seconds: the same refusal is on record once in this time. */
export const REFUSAL_RECORD_MS = 60_000;
/** Beyond it the oldest is forgotten, and would be written again. */
const MAX_REMEMBERED = 1024;

/** Puts on record who got no identity and why, and how often since the line before. */
export function createRefusalRecord(options: { readonly audit: AuditSink; readonly clock: Clock; readonly log: Log }) {
  const { audit, clock, log } = options;
  const remembered = new Map<string, { readonly atMs: number; repeats: number }>();

  return ({ actor, code, reason }: Refusal): void => {
    const key = JSON.stringify([actor, code, reason]);
    const before = remembered.get(key);
    const nowMs = clock.monotonicMs();
    if (before && nowMs - before.atMs < REFUSAL_RECORD_MS) {
      before.repeats += 1;
      return;
    }
    const [oldest] = remembered.keys();
    if (oldest !== undefined && remembered.size >= MAX_REMEMBERED) remembered.delete(oldest);
    remembered.delete(key);
    remembered.set(key, { atMs: nowMs, repeats: 0 });
    const details = { reason, ...(before && before.repeats > 0 ? { repeats: before.repeats } : {}) };
    audit
      .write({ kind: "identity.deliver", outcome: "refused", actor, code, details })
      .catch((error: unknown) => log.error("audit line was not written", { error: errorText(error) }));
  };
}
