/**
 * The suites of the two libraries on the Node releases that they promise (`engines`), from sources: these Nodes strip the
 * types. The binaries come from npm into `.cache/`, once.
 */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { installNode, NODE_VERSIONS } from "./install-node.ts";

const ROOT = resolve(import.meta.dir, "../..");
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  spiffe: ["packages/spiffe/src/**/*.test.ts"],
  // With the slow evaluator, and the brute force behind explanations.
  policy: ["packages/policy/src/**/*.test.ts", "test/oracle/agreement.test.ts", "test/oracle/flips.test.ts"],
};

for (const version of NODE_VERSIONS) {
  describe(`Node ${version}`, () => {
    const node = installNode(version);
    for (const [library, paths] of Object.entries(LIBRARIES)) {
      test(`every test of packages/${library} passes`, () => {
        const result = spawnSync(
          node,
          // The condition that makes the packages' `exports` lead to sources.
          ["--conditions=bun", "--test", "--test-reporter=tap", ...paths],
          { cwd: ROOT, encoding: "utf8", timeout: 300_000, maxBuffer: 64 * 1024 * 1024 },
        );
        const count = (word: string) => Number(result.stdout.match(new RegExp(`^# ${word} (\\d+)$`, "m"))?.[1] ?? -1);
        console.log(`Node ${version}, ${library}: ${count("pass")} passed, ${count("fail")} failed`);
        const failures = result.stdout.split("\n").filter((line) => /^\s*not ok /.test(line));
        expect({ failures, stderr: result.stderr, status: result.status }).toEqual({
          failures: [],
          stderr: "",
          status: 0,
        });
        expect({ failed: count("fail"), cancelled: count("cancelled"), skipped: count("skipped") }).toEqual({
          failed: 0,
          cancelled: 0,
          skipped: 0,
        });
        expect(count("pass")).toBeGreaterThan(100);
      });
    }
  });
}
