import { type Clock, type Log, sleep } from "@symbolon/spiffe/core";
import type { PodStatus } from "../../mesh/index.ts";
import type { ApiClient } from "./api-client.ts";

/** The pod runtime's word to the control plane: never lost, never an error for the caller. */
export interface PodReports {
  status(podUid: string, status: PodStatus): void;
  removed(podUid: string): void;
}

type Report = { readonly kind: "status"; readonly status: PodStatus } | { readonly kind: "removed" };

const RETRY_MS = 50;

/** Of each pod the newest report is sent, again and again until the control plane has it: it may be starting anew. */
export function createPodReports(options: {
  readonly api: Pick<ApiClient, "reportPodStatus" | "reportPodRemoved">;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}): PodReports {
  const { api, clock, log, signal } = options;
  const waiting = new Map<string, Report>();
  let sending = false;

  const send = async (): Promise<void> => {
    sending = true;
    while (waiting.size > 0 && !signal.aborted) {
      for (const [podUid, report] of [...waiting]) {
        try {
          if (report.kind === "status") await api.reportPodStatus(podUid, report.status);
          else await api.reportPodRemoved(podUid);
          if (waiting.get(podUid) === report) waiting.delete(podUid);
        } catch (error) {
          log.debug("control plane did not take a pod's report; it is sent again", { podUid, error });
          await sleep(clock, RETRY_MS, signal);
        }
      }
    }
    sending = false;
  };
  const put = (podUid: string, report: Report): void => {
    waiting.set(podUid, report);
    if (!sending) void send();
  };
  return {
    status: (podUid, status) => put(podUid, { kind: "status", status }),
    removed: (podUid) => put(podUid, { kind: "removed" }),
  };
}
