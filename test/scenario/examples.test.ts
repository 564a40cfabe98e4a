/** Every example, with both kinds of capture: what Istio's documentation says of its tasks is what comes back. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing, ROOT } from "./mesh-under-test.ts";

const EXAMPLES = join(ROOT, "examples");
const why = missing("curl", "node");
const names = readdirSync(EXAMPLES)
  .filter((name) => existsSync(join(EXAMPLES, name, "run.ts")) && name !== "01-first-mesh")
  .sort();

describe.skipIf(why !== undefined)("examples", () => {
  for (const name of names)
    for (const capture of ["transparent", "explicit"])
      test(`${name} with ${capture} capture`, () => {
        const directory = mkdtempSync(join(tmpdir(), "sym-ex-"));
        const { exitCode, stdout, stderr } = Bun.spawnSync(
          [process.execPath, join(EXAMPLES, name, "run.ts"), "--capture", capture],
          { env: { ...process.env, XDG_STATE_HOME: join(directory, "s"), XDG_RUNTIME_DIR: join(directory, "r") } },
        );
        rmSync(directory, { recursive: true, force: true });
        const text = `${stdout}${stderr}`;
        if (exitCode !== 0) console.error(text);
        expect([exitCode, text]).toEqual([
          0,
          expect.stringMatching(/: ([1-9]\d*) of \1 as Istio's documentation says/),
        ]);
      });

  test("none is left out", () => expect(names).toHaveLength(9));
});
