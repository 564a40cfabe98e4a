import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { afterEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { BundleSet } from "../bundle/index.ts";
import { createTestAuthority, startFakeWorkloadApi } from "../testing/index.ts";

const root = createTestAuthority("example.org");
const state = { svids: [{ svid: root.issue("/a"), hint: "" }], bundles: BundleSet.of(root.bundle) };
const fileOf = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
const SOURCES = fileOf("./index.ts");

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (let each = open.pop(); each; each = open.pop()) await each[Symbol.asyncDispose]();
});

/** Runs a program with `identity`, `startX509Source` and `socket` in scope on this runtime. @returns its lines when it has ended */
async function linesOf(program: string): Promise<readonly string[]> {
  const api = await startFakeWorkloadApi({ state });
  open.push(api);
  const source = `import { identity, startX509Source } from ${SOURCES};
    const socket = ${JSON.stringify(api.socket)};
    ${program}`;
  // Bun reads a file or -e; Node needs to be told that the text is a module.
  const flags = "Bun" in globalThis ? [] : ["--conditions=bun", "--no-warnings", "--input-type=module"];
  const child = spawn(process.execPath, [...flags, "-e", source], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  const status = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(status, 0);
  return output.trim().split("\n");
}

/** Ends the program, and says whether anything but this timer, which does not count, has kept it alive until then. */
const UNTIL_LATER = `
  process.on("beforeExit", () => console.log("nothing left to do"));
  setTimeout(() => { console.log("still alive"); process.exit(); }, 200).unref();`;

describe("a process", () => {
  test("ends while an identity is open that nobody waits for", async () => {
    const lines = await linesOf(`const me = await identity({ socket }); console.log(me.spiffeId.path); ${UNTIL_LATER}`);
    assert.deepEqual(lines, ["/a", "nothing left to do"]);
  });

  test("ends while a source looks for its agent that nobody waits for", async () => {
    const lines = await linesOf(`
      await new Promise((resolve) => startX509Source({ socket: "unix:///nonexistent/a.sock", onProblem: resolve }));
      ${UNTIL_LATER}`);
    assert.deepEqual(lines, ["nothing left to do"]);
  });

  test("goes on while an identity is open with keepAlive", async () => {
    const lines = await linesOf(`await identity({ socket, keepAlive: true }); ${UNTIL_LATER}`);
    assert.deepEqual(lines, ["still alive"]);
  });

  test("goes on while it waits for the first identity", async () => {
    const lines = await linesOf(`
      const source = startX509Source({ socket: "unix:///nonexistent/a.sock" });
      void source.ready();
      ${UNTIL_LATER}`);
    assert.deepEqual(lines, ["still alive"]);
  });

  test("hears as an unhandled rejection what its onProblem throws, and the source goes on", async () => {
    const lines = await linesOf(`
      process.on("unhandledRejection", (error) => console.log(error.message));
      const told = [];
      const onProblem = (problem) => { told.push(problem.outcome); throw new Error("of the program"); };
      const source = startX509Source({ socket, hint: "none", onProblem });
      while (told.length < 1) await new Promise((resolve) => setImmediate(resolve));
      await source.ready({ timeoutMs: 1 }).catch((error) => console.log(told.join(), error.code));
      await source.close();`);
    assert.deepEqual(lines, ["of the program", "discarded ERR_SOURCE_TIMEOUT"]);
  });

  test("ends by itself after an identity with keepAlive is closed", async () => {
    const lines = await linesOf(`
      const me = await identity({ socket, keepAlive: true });
      await me.close();
      ${UNTIL_LATER}`);
    assert.deepEqual(lines, ["nothing left to do"]);
  });
});
