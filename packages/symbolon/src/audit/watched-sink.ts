import type { AuditSink, OutageWatch } from "../core/index.ts";

/** Passes events on, and tells the watch what became of each. */
export function createWatchedSink(sink: AuditSink, watch: OutageWatch): AuditSink {
  return {
    async write(event) {
      try {
        await sink.write(event);
      } catch (error) {
        watch.failed(error);
        throw error;
      }
      watch.succeeded();
    },
  };
}
