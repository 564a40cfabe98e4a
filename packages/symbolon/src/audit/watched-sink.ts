import { type Clock, errorText } from "@symbolon/spiffe/core";
import type { AuditEvent, AuditSink } from "../core/index.ts";

export interface WatchedSink extends AuditSink {
  /** Since when nothing could be written, and why; undefined when the newest event is in the log. */
  problem(): AuditOutage | undefined;
}

export interface AuditOutage {
  readonly since: Date;
  readonly error: string;
}

/** Passes events on, and remembers that the newest of them could not be written: for `symbolon status`. */
export function createWatchedSink(sink: AuditSink, clock: Clock): WatchedSink {
  let problem: AuditOutage | undefined;
  return {
    async write(event: AuditEvent) {
      try {
        await sink.write(event);
        problem = undefined;
      } catch (error) {
        problem = { since: problem?.since ?? clock.now(), error: errorText(error) };
        throw error;
      }
    },
    problem: () => problem,
  };
}
