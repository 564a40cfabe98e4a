import type { Log } from "@symbolon/spiffe/core";
import { hardenProcess } from "../adapters/os/process-hardening.ts";

/** Exit status of a process that found itself in a state that it does not know (sysexits.h EX_SOFTWARE). */
const EXIT_SOFTWARE = 70;

/**
 * Life of a process of the mesh: closed to debuggers before anything else, then `start`, then nothing until a signal
 * asks it to end, then `close`. An error that nobody caught ends the process: it never goes on in an unknown state.
 */
export async function runUntilSignal(
  log: Log,
  start: () => Promise<{ close(): Promise<void> | void }>,
): Promise<number> {
  for (const event of ["uncaughtException", "unhandledRejection"] as const)
    process.on(event, (error) => {
      log.error("unexpected error; this process ends", {
        error,
        stack: error instanceof Error ? error.stack : undefined,
      });
      process.exit(EXIT_SOFTWARE);
    });
  const asked = new Promise<string>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
  });
  try {
    hardenProcess(process.env);
    const running = await start();
    log.info("started", { pid: process.pid });
    const signal = await asked;
    log.info("ending", { signal });
    await running.close();
    return 0;
  } catch (error) {
    log.error("cannot go on", { error });
    return 1;
  }
}
