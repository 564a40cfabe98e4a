/** What a built-in program gets from whoever runs it. */
export interface ProgramIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  /** Ends a server; without it SIGTERM and SIGINT of the process do. */
  readonly signal?: AbortSignal;
}

/** A program returns its exit status. */
export type Program = (args: readonly string[], io: ProgramIo) => Promise<number>;

/** Resolves when the program is told to end. */
export function untilEnded(io: ProgramIo): Promise<void> {
  const { signal } = io;
  return new Promise((resolve) => {
    if (signal) {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
      return;
    }
    for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, () => resolve());
  });
}

/** Where a server listens: everywhere, unless whoever runs it says where (explicit capture: loopback). */
export function listenAddress(): string {
  return process.env.SYMBOLON_LISTEN_ADDRESS || "0.0.0.0";
}

/** A port number of a command line; `undefined` when it is none. */
export function parsePort(text: string | undefined): number | undefined {
  const port = Number(text);
  return text !== undefined && /^\d{1,5}$/.test(text) && port <= 65_535 ? port : undefined;
}
