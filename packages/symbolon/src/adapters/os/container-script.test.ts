import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { containerScript, finalCommand, finalCommandVariables } from "./container-script.ts";
import { quote } from "./shell-quote.ts";

const HOSTILE = [
  "",
  " ",
  "a b",
  "'",
  `"`,
  "$HOME",
  "`id`",
  "$(id)",
  "\\",
  "\n",
  "a\nb",
  "*",
  "-n",
  "--",
  ";rm",
  "é",
  "'\\''",
];

const directory = mkdtempSync(join(tmpdir(), "symbolon-script-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs the last step of a container's start as it is: `/bin/sh -c`, and only the variables that it reads. */
function runFinal(input: Parameters<typeof finalCommandVariables>[0], announce = false) {
  const command = finalCommand({
    argumentCount: input.argv.length,
    variableCount: Object.keys(input.environment).length,
    announce,
  });
  const setupFile = join(directory, "setup");
  const setup = openSync(setupFile, "w");
  const { status, stdout, stderr } = spawnSync("/bin/sh", ["-c", command], {
    env: { SECRET_OF_THE_SUPERVISOR: "x", PATH: "/usr/bin:/bin", ...finalCommandVariables(input) },
    stdio: ["ignore", "pipe", "pipe", setup],
    encoding: "utf8",
  });
  closeSync(setup);
  return { status, stdout, stderr, setup: readFileSync(setupFile, "utf8") };
}

const PRINT_ARGUMENTS = ["/bin/sh", "-c", 'for a in "$@"; do printf "%s\\000" "$a"; done', "name"];

describe("a quoted word", () => {
  test("is read by the shell as exactly the same text", () => {
    for (const text of HOSTILE)
      expect(spawnSync("/bin/sh", ["-c", `printf %s ${quote(text)}`], { encoding: "utf8" }).stdout).toBe(text);
  });

  test("whatever the text", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.string({ maxLength: 20 }).filter((text) => !text.includes("\0")),
          { maxLength: 20 },
        ),
        (texts) => {
          const script = texts.map((text) => `printf '%s\\000' ${quote(text)}`).join("\n");
          const { stdout } = spawnSync("/bin/sh", ["-c", script], { encoding: "utf8" });
          expect(stdout.split("\0").slice(0, -1)).toEqual(texts.map((text) => Buffer.from(text).toString()));
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe("the command of a container", () => {
  test("gets its arguments unchanged, whatever characters they have", () => {
    const { status, stdout } = runFinal({
      environment: {},
      argv: [...PRINT_ARGUMENTS, ...HOSTILE],
      workingDirectory: "/",
    });
    expect(status).toBe(0);
    expect(stdout.split("\0").slice(0, -1)).toEqual(HOSTILE);
  });

  test("gets its own environment and nothing of ours, also a LD_PRELOAD and more than nine of each", () => {
    const environment = Object.fromEntries(HOSTILE.map((value, index) => [`V${index}`, value]));
    const { stdout } = runFinal({
      environment: { ...environment, LD_PRELOAD: "" },
      argv: ["/usr/bin/env", "-0"],
      workingDirectory: "/",
    });
    const seen = stdout.split("\0").filter((line) => line !== "");
    expect(seen).toEqual([...HOSTILE.map((value, index) => `V${index}=${value}`), "LD_PRELOAD="]);
  });

  test("runs in its working directory; one that is not there is status 126, and nothing runs", () => {
    const run = (workingDirectory: string) => runFinal({ environment: {}, argv: ["/bin/pwd"], workingDirectory }, true);
    expect(run("/usr")).toMatchObject({ status: 0, stdout: "/usr\n", setup: "container is set up\n" });
    const failed = run("/nonexistent 'place'");
    expect(failed).toMatchObject({ status: 126, stdout: "" });
    expect(failed.setup).toContain("nonexistent 'place'");
    expect(failed.setup).not.toContain("container is set up");
  });

  test("does not inherit the descriptor on which the setup speaks", () => {
    const argv = ["/bin/sh", "-c", "echo leaked >&3 || echo closed"];
    const { stdout, setup } = runFinal({ environment: {}, argv, workingDirectory: "/" }, true);
    expect([stdout, setup]).toEqual(["closed\n", "container is set up\n"]);
  });

  test("that is not there is the shell's 127", () => {
    expect(runFinal({ environment: {}, argv: ["/nonexistent"], workingDirectory: "/" }).status).toBe(127);
  });
});

describe("the script that sets a container up", () => {
  const options = {
    podDirectory: "/run/it's a pod",
    podName: "web'; touch /tmp/owned; '",
    namespacesDirectory: "/run/$(id)/ns",
    hiddenDirectories: ["/home/me/state dir", "/run/`x`"],
    uid: 1000,
    gid: 1001,
    argumentCount: 2,
    variableCount: 1,
  };

  test("is a script that a POSIX shell can read, also with hostile names", () => {
    for (const uid of [0, 1000]) {
      const { status, stderr } = spawnSync("/bin/sh", ["-n"], {
        input: containerScript({ ...options, uid }),
        encoding: "utf8",
      });
      expect([status, stderr]).toEqual([0, ""]);
    }
  });

  test("has every name of others in quotes", () => {
    const script = containerScript(options);
    for (const name of [options.podName, options.namespacesDirectory, ...options.hiddenDirectories]) {
      expect(script).toContain(quote(name));
      expect(script.replaceAll(quote(name), "")).not.toContain(name);
    }
  });

  test("ends as the user without capabilities, and protects /proc when that user is the machine's root", () => {
    const script = containerScript(options);
    const last = script.trimEnd().split("\n").at(-1);
    expect(last).toMatch(
      /^exec unshare --user --map-user=1000 --map-group=1001 --keep-caps -- setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- \/bin\/sh -c /,
    );
    expect(script).not.toContain("/proc/sysrq");
    expect(containerScript({ ...options, uid: 0 })).toContain("sysrq-trigger");
  });

  test("cuts a name at the 63 bytes that a host name may have", () => {
    const script = containerScript({ ...options, podName: "a".repeat(64) });
    expect(script).toContain(`hostname '${"a".repeat(63)}'`);
  });
});
