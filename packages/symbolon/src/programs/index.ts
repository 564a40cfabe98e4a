import { details } from "./bookinfo/details.ts";
import { productpage } from "./bookinfo/productpage.ts";
import { ratings } from "./bookinfo/ratings.ts";
import { reviews } from "./bookinfo/reviews.ts";
import { fetchUrl } from "./fetch-url.ts";
import { helloworld } from "./helloworld.ts";
import { httpbin } from "./httpbin.ts";
import { idle } from "./idle.ts";
import type { Program, ProgramIo } from "./program.ts";
import { tcpEcho } from "./tcp-echo.ts";

export type { ProgramIo } from "./program.ts";

const PROGRAMS: Readonly<Record<string, Program>> = {
  "bookinfo-details": details,
  "bookinfo-productpage": productpage,
  "bookinfo-ratings": ratings,
  "bookinfo-reviews": reviews,
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
