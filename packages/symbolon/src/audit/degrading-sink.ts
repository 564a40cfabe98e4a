import { type Clock, errorText, type Log, type Timer } from "@symbolon/spiffe/core";
import type { AuditEvent, AuditSink } from "../core/index.ts";

/** Events kept in memory while nothing can be written; the oldest go first, and are counted. */
const KEPT_EVENTS = 10_000;
const RETRY_MS = 5000;

export interface DegradingSink extends AuditSink {
  /** Stops trying; what is still in memory is logged as lost. */
  close(): void;
}

/**
 * Goes on when the log cannot be written, which its owner chose over refusing (RR-22): events wait in memory, loudly,
 * and are written as soon as there is room, behind an `audit.gap` event with the times of the outage and the number of
 * events that did not fit. `write` never rejects.
 */
export function createDegradingSink(
  sink: AuditSink,
  options: { readonly clock: Clock; readonly log: Log },
): DegradingSink {
  const { clock, log } = options;
  let kept: AuditEvent[] = [];
  let dropped = 0;
  let since: Date | undefined;
  let retry: Timer | undefined;
  let closed = false;

  const keep = (event: AuditEvent, error: unknown): void => {
    if (since === undefined) {
      since = clock.now();
      log.error("audit log cannot be written; events are kept in memory", {
        error: errorText(error),
        room: KEPT_EVENTS,
      });
    }
    kept.push(event);
    trim();
    if (!closed) retry ??= clock.setTimer(RETRY_MS, tryAgain);
  };

  const trim = (): void => {
    const excess = kept.length - KEPT_EVENTS;
    if (excess <= 0) return;
    kept.splice(0, excess);
    dropped += excess;
  };

  const tryAgain = (): void => {
    void flush().then(() => {
      retry = undefined;
      if (since !== undefined && !closed) retry = clock.setTimer(RETRY_MS, tryAgain);
    });
  };

  const flush = async (): Promise<void> => {
    if (since === undefined) return;
    const waiting = kept;
    const lost = dropped;
    kept = [];
    const gap: AuditEvent = {
      kind: "audit.gap",
      outcome: "failure",
      actor: "symbolon",
      subject: "audit log",
      details: { from: since.toISOString(), to: clock.now().toISOString(), kept: waiting.length, dropped: lost },
    };
    try {
      await Promise.all([gap, ...waiting].map((event) => sink.write(event)));
    } catch (error) {
      kept = [...waiting, ...kept];
      trim();
      log.error("audit log still cannot be written", { error: errorText(error), kept: kept.length, dropped });
      return;
    }
    log.warn("audit log is written again", { ...gap.details });
    dropped -= lost;
    // Events that came while these were written stood behind them, and are next.
    since = kept.length > 0 ? clock.now() : undefined;
    await flush();
  };

  return {
    async write(event) {
      // While earlier events wait, later ones stand behind them: order is part of the record.
      if (since !== undefined) return keep(event, "waiting behind earlier events");
      await sink.write(event).catch((error: unknown) => keep(event, error));
    },
    close() {
      closed = true;
      retry?.cancel();
      if (kept.length + dropped > 0) log.error("audit events lost at the end", { events: kept.length + dropped });
    },
  };
}
