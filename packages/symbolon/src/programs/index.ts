import { fetchUrl } from "./fetch-url.ts";
import { helloworld } from "./helloworld.ts";
import { httpbin } from "./httpbin.ts";
import { idle } from "./idle.ts";
import type { Program, ProgramIo } from "./program.ts";
import { tcpEcho } from "./tcp-echo.ts";

export type { ProgramIo } from "./program.ts";

const PROGRAMS: Readonly<Record<string, Program>> = {
  "fetch-url": fetchUrl,
  helloworld,
  httpbin,
  idle,
  "tcp-echo": tcpEcho,
};

/** Runs a built-in program to its end and returns its exit status. */
export async function runProgram(name: string, args: readonly string[], io: ProgramIo): Promise<number> {
  const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
  if (!program) {
    io.stderr.write(`there is no program "${name}"; there are ${Object.keys(PROGRAMS).join(", ")}\n`);
    return 2;
  }
  return program(args, io);
}
