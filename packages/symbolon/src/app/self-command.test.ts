import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { selfCommand } from "./self-command.ts";

const LAUNCHER = resolve(import.meta.dir, "../../bin/symbolon.mjs");

/** A directory in which Bun would run somebody else's code before ours. */
function versionIn(command: readonly string[]) {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-test-"));
  try {
    writeFileSync(join(directory, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    writeFileSync(join(directory, "preload.ts"), "process.exit(77);\n");
    const [program = "", ...args] = command;
    const { status, stdout } = spawnSync(program, args, { cwd: directory, encoding: "utf8" });
    return { status, version: stdout.startsWith("symbolon ") };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

describe("the command line that runs this program again", () => {
  test("runs nothing that bunfig.toml of the current directory names", () => {
    expect(versionIn(selfCommand("version"))).toEqual({ status: 0, version: true });
  });

  test("neither does the launcher for Node", () => {
    expect(versionIn(["node", LAUNCHER, "version"])).toEqual({ status: 0, version: true });
  });

  test("the trap works: plain Bun runs it", () => {
    const entry = resolve(import.meta.dir, "../../bin/symbolon.ts");
    expect(versionIn([process.execPath, entry, "version"])).toEqual({ status: 77, version: false });
  });
});
