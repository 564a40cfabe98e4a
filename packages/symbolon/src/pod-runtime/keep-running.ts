import { type CancelSignal, type Clock, errorText, sleep } from "@symbolon/spiffe/core";
import type { ProcessExit, RunningProcess } from "./ports.ts";
import { createRestartBackoff, type RestartBackoff } from "./restart-backoff.ts";

/** What a supervised process is doing. `restarts` counts starts after the first. */
export type SupervisedState =
  | { readonly kind: "starting"; readonly restarts: number }
  | { readonly kind: "running"; readonly restarts: number; readonly process: RunningProcess }
  /** Has ended, or could not be started; starts again in `delayMs`. */
  | {
      readonly kind: "backing_off";
      readonly restarts: number;
      readonly delayMs: number;
      readonly reason: string;
      readonly exit?: ProcessExit;
    }
  | { readonly kind: "stopped"; readonly restarts: number };

export interface SupervisedOptions {
  readonly start: () => Promise<RunningProcess>;
  /** Called with each state, in order. A rejection while running counts as a failed start: the process is killed. */
  readonly onState: (state: SupervisedState) => void | Promise<void>;
  readonly clock: Clock;
  readonly signal: CancelSignal;
  /** How the process is ended when `signal` aborts. */
  readonly terminate: (process: RunningProcess) => Promise<void>;
  readonly backoff?: RestartBackoff;
}

/** Starts a process and starts it again whenever it ends, until `signal` aborts; then ends it and returns. */
export async function keepRunning(options: SupervisedOptions): Promise<void> {
  const { clock, signal } = options;
  const backoff = options.backoff ?? createRestartBackoff();
  let restarts = 0;
  for (; !signal.aborted; restarts++) {
    const startedMs = clock.monotonicMs();
    const end = await runOnce(options, restarts);
    if (signal.aborted) break;
    const delayMs = backoff.next(clock.monotonicMs() - startedMs);
    await options.onState({ kind: "backing_off", restarts, delayMs, ...end });
    await sleep(clock, delayMs, signal);
  }
  await options.onState({ kind: "stopped", restarts });
}

async function runOnce(
  options: SupervisedOptions,
  restarts: number,
): Promise<{ readonly reason: string; readonly exit?: ProcessExit }> {
  await options.onState({ kind: "starting", restarts });
  let process: RunningProcess | undefined;
  try {
    process = await options.start();
    if (!options.signal.aborted) await options.onState({ kind: "running", restarts, process });
  } catch (error) {
    if (process) await killed(process);
    return { reason: errorText(error) };
  }
  const exit = await exitedOrAborted(process, options.signal);
  if (exit) return { reason: exitReason(exit), exit };
  await options.terminate(process);
  return { reason: "terminated" };
}

async function killed(process: RunningProcess): Promise<void> {
  process.signal("SIGKILL");
  await process.exited;
}

function exitedOrAborted(process: RunningProcess, signal: CancelSignal): Promise<ProcessExit | undefined> {
  return new Promise((resolve) => {
    const abort = (): void => resolve(undefined);
    if (signal.aborted) return resolve(undefined);
    signal.addEventListener("abort", abort, { once: true });
    void process.exited.then((exit) => {
      signal.removeEventListener("abort", abort);
      resolve(exit);
    });
  });
}

export function exitReason(exit: ProcessExit): string {
  return exit.signal ? `ended by ${exit.signal}` : `ended with exit code ${exit.code}`;
}

/** SIGTERM and the grace period, or SIGKILL at once when SIGTERM would be ignored. */
export async function terminateProcess(process: RunningProcess, graceMs: number, clock: Clock): Promise<void> {
  if (graceMs <= 0 || !process.handlesTerm()) return killed(process);
  process.signal("SIGTERM");
  const controller = new AbortController();
  const ended = process.exited.then(() => controller.abort());
  await sleep(clock, graceMs, controller.signal);
  if (!controller.signal.aborted) process.signal("SIGKILL");
  await ended;
}
