import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { peerProcess } from "./peer-credentials.ts";
import { openPipe } from "./pipe.ts";
import { coreFileLimits, hardenProcess } from "./process-hardening.ts";
import { processStartTicks } from "./process-stat.ts";

/**
 * On a system that says it is macOS, what explicit capture asks of the kernel goes to macOS' own library, which is not
 * here: no call of Linux's is made, and no file of /proc is read in its place.
 */
describe("guards between Linux and macOS", () => {
  const before = Object.getOwnPropertyDescriptor(process, "platform") as PropertyDescriptor;
  beforeAll(() => Object.defineProperty(process, "platform", { ...before, value: "darwin" }));
  afterAll(() => Object.defineProperty(process, "platform", before));

  const calls: Readonly<Record<string, () => unknown>> = {
    "start time of a process": () => processStartTicks(process.pid),
    "peer of a Unix socket": () => peerProcess(0),
    "a pipe": () => openPipe(),
    "limit of core files": () => coreFileLimits(),
    "hardening of a process": () => hardenProcess({}),
  };
  test.each(Object.entries(calls))("%s", (_what, call) => {
    expect(call).toThrow("libSystem.B.dylib");
  });
});
