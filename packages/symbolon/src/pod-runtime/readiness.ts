import { type CancelSignal, type Clock, sleep } from "@symbolon/spiffe/core";
import type { ReadinessProbe } from "../mesh/index.ts";
import type { ProbeResult } from "./ports.ts";

export type ReadinessListener = (ready: boolean, reason?: string) => void;

/**
 * Kubernetes' probe loop: first attempt after the initial delay, then one a period; `successThreshold` successes in a
 * row make ready, `failureThreshold` failures in a row make unready. Runs until `signal` aborts.
 */
export async function watchReadiness(
  probe: ReadinessProbe,
  attempt: () => Promise<ProbeResult>,
  onChange: ReadinessListener,
  { clock, signal }: { readonly clock: Clock; readonly signal: CancelSignal },
): Promise<void> {
  let ready = false;
  let inARow: { readonly ok: boolean; readonly count: number } = { ok: false, count: 0 };
  await sleep(clock, probe.initialDelaySeconds * 1000, signal);
  while (!signal.aborted) {
    const startedMs = clock.monotonicMs();
    const result = await attempt();
    if (signal.aborted) return;
    inARow = { ok: result.ok, count: result.ok === inARow.ok ? inARow.count + 1 : 1 };
    if (result.ok && !ready && inARow.count >= probe.successThreshold) {
      ready = true;
      onChange(true);
    } else if (!result.ok && (ready ? inARow.count >= probe.failureThreshold : true)) {
      ready = false;
      onChange(false, `readiness probe failed: ${result.reason}`);
    }
    await sleep(clock, Math.max(0, probe.periodSeconds * 1000 - (clock.monotonicMs() - startedMs)), signal);
  }
}
