/** Runs suites of `bun test` one after another, or at the same time where they are grouped; prints each one's time against its budget, and the counts of all at the end. */
import { spawn } from "node:child_process";
import { resolve } from "node:path";

export interface Suite {
  readonly name: string;
  /** Path filters of `bun test`. */
  readonly paths: readonly string[];
  readonly budgetSeconds: number;
  readonly timeoutPerTestMs?: number;
  /** How much a suite that is run both quickly and slowly tries; what the caller has set already wins. */
  readonly env?: Readonly<Record<string, string>>;
}

const ROOT = resolve(import.meta.dir, "..");

/**
 * Prints `N passed, N failed` as the last line and returns the exit status: 0 when nothing failed and something ran.
 * @param suites those of an inner list run at the same time: for suites that only compute, on one core each
 */
export async function runSuites(suites: readonly (Suite | readonly Suite[])[]): Promise<number> {
  const totals = { passed: 0, failed: 0, skipped: 0 };
  const times: string[] = [];
  for (const entry of suites) {
    const group = "name" in entry ? [entry] : entry;
    await Promise.all(group.map((suite) => runAndCount(suite, group.length > 1)));
  }
  // In CI everything is installed, so a test that skips itself hides something.
  if (process.env.CI && totals.skipped > 0) {
    console.error(`${totals.skipped} tests were skipped, which CI counts as failures`);
    totals.failed += totals.skipped;
  }
  console.log(`\n${times.join("\n")}\n\n${totals.passed} passed, ${totals.failed} failed`);
  return totals.failed > 0 || totals.passed === 0 ? 1 : 0;

  async function runAndCount(suite: Suite, inGroup: boolean): Promise<void> {
    const started = performance.now();
    const result = await runSuite(suite, inGroup);
    const seconds = (performance.now() - started) / 1000;
    totals.passed += result.passed;
    totals.failed += result.failed;
    totals.skipped += result.skipped;
    const over = seconds > suite.budgetSeconds ? "  OVER BUDGET" : "";
    times.push(
      `${suite.name.padEnd(24)} ${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped  ${seconds.toFixed(1)} s of ${suite.budgetSeconds} s${over}`,
    );
  }
}

/** @param inGroup its output is printed when it has ended, not among that of others */
function runSuite(suite: Suite, inGroup: boolean): Promise<{ passed: number; failed: number; skipped: number }> {
  console.log(`\n== ${suite.name}`);
  const args = ["test", "--timeout", String(suite.timeoutPerTestMs ?? 20_000), ...suite.paths];
  return new Promise((done) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      stdio: ["ignore", inGroup ? "pipe" : "inherit", "pipe"],
      env: { ...suite.env, ...process.env },
    });
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (!inGroup) process.stderr.write(text);
    });
    child.on("close", (code) => {
      if (inGroup) console.log(`\n== ${suite.name}\n${output}`);
      const count = (word: string) => Number(output.match(new RegExp(`^\\s*(\\d+) ${word}$`, "m"))?.[1] ?? 0);
      const failed = count("fail");
      // A runner that dies without counting a failure has still failed.
      done({ passed: count("pass"), failed: code === 0 ? failed : Math.max(failed, 1), skipped: count("skip") });
    });
  });
}
