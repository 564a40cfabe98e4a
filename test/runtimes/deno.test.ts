/** The TLS adapters of the SPIFFE library on Deno: the same files as on Node and Bun. The binary comes from npm into `.cache/`, once. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { DENO_VERSION, installDeno } from "./install-deno.ts";

const ROOT = resolve(import.meta.dir, "../..");

const GRPC_TESTS = 6;

for (const folder of ["tls", "undici", "grpc"]) {
  test(`Deno ${DENO_VERSION}: every test of packages/spiffe/src/${folder} passes`, () => {
    const result = spawnSync(
      installDeno(),
      // Types are tsc's affair; the condition makes the packages' `exports` lead to sources.
      ["test", "--allow-all", "--no-check", "--conditions=bun", `packages/spiffe/src/${folder}`],
      { cwd: ROOT, encoding: "utf8", timeout: 120_000, env: { ...process.env, NO_COLOR: "1" } },
    );
    if (folder === "grpc" && result.signal === "SIGSEGV") {
      // A fault of Deno 2.9.6: with connections of grpc-js it may crash when it ends, after the last test has passed.
      const lines = result.stdout.split("\n");
      const passed = lines.filter((line) => /^ +.* \.\.\. ok \(/.test(line)).length;
      expect({ passed, failures: lines.filter((line) => line.includes("FAILED")) }).toEqual({
        passed: GRPC_TESTS,
        failures: [],
      });
      return;
    }
    const [, steps, failed] = result.stdout.match(/\d+ passed \((\d+) steps?\) \| (\d+) failed/) ?? [];
    console.log(`Deno ${DENO_VERSION}, ${folder}: ${steps} passed, ${failed} failed`);
    const failures = result.stdout.split("\n").filter((line) => line.includes("FAILED"));
    expect({ failures, failed, status: result.status }).toEqual({ failures: [], failed: "0", status: 0 });
    expect(Number(steps)).toBeGreaterThan(2);
  });
}
