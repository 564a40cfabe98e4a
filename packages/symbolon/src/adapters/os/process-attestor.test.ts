import { afterEach, describe, expect, test } from "bun:test";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkloadPeer } from "../../agent/index.ts";
import { findName } from "./account-names.ts";
import { createProcessAttestor } from "./process-attestor.ts";
import { processAccount, processStartTicks } from "./process-stat.ts";

const SLEEP = execFileSync("readlink", ["-f", Bun.which("sleep") ?? ""], { encoding: "utf8" }).trim();
const isRoot = process.getuid?.() === 0;
const started: ChildProcess[] = [];
const directories: string[] = [];

afterEach(() => {
  for (const child of started.splice(0)) child.kill("SIGKILL");
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-attest-"));
  directories.push(directory);
  return directory;
}

/** Started, and past the execve that makes it the program that it is to be. */
async function run(argv: readonly string[], program = argv[0]): Promise<number> {
  const [command = "", ...args] = argv;
  const child = spawn(command, args, { stdio: ["pipe", "ignore", "ignore"] });
  started.push(child);
  const pid = child.pid ?? 0;
  await becomes(pid, program ?? "");
  return pid;
}

async function becomes(pid: number, program: string): Promise<void> {
  while (execFileSync("readlink", [`/proc/${pid}/exe`], { encoding: "utf8" }).trim() !== program)
    await new Promise((resolve) => setImmediate(resolve));
}

function realShell(): string {
  return execFileSync("readlink", ["-f", Bun.which("sh") ?? ""], { encoding: "utf8" }).trim();
}

function peerOf(pid: number, changes: Partial<WorkloadPeer> = {}): WorkloadPeer {
  const account = processAccount(pid);
  const startTicks = processStartTicks(pid) ?? 0;
  return {
    pid,
    uid: account?.uid ?? -1,
    gid: account?.gid ?? -1,
    startTicks,
    isAlive: () => processStartTicks(pid) === startTicks,
    ...changes,
  };
}

async function attest(pid: number, options: Parameters<typeof createProcessAttestor>[0] = {}) {
  const { selectors } = await createProcessAttestor(options).examine(peerOf(pid));
  return selectors.map(({ type, value }) => `${type}:${value}`);
}

describe.skipIf(process.platform !== "linux")("attestation of a process", () => {
  test("user, group, program and its digest are those of the process", async () => {
    const selectors = await attest(await run([SLEEP, "60"]));
    const { uid, gid } = processAccount(process.pid) ?? { uid: -1, gid: -1 };
    expect(selectors).toContain(`unix:uid:${uid}`);
    expect(selectors).toContain(`unix:gid:${gid}`);
    expect(selectors).toContain(`unix:user:${execFileSync("id", ["-un"], { encoding: "utf8" }).trim()}`);
    expect(selectors).toContain(`unix:group:${execFileSync("id", ["-gn"], { encoding: "utf8" }).trim()}`);
    expect(selectors).toContain(`unix:path:${SLEEP}`);
    expect(selectors).toContain(`unix:sha256:${createHash("sha256").update(readFileSync(SLEEP)).digest("hex")}`);
    expect(new Set(selectors).size).toBe(selectors.length);
  });

  test.skipIf(!isRoot)(
    "effective user, group and supplementary groups of another account, with names where there are any",
    async () => {
      const setpriv = ["setpriv", "--reuid=1", "--regid=2", "--groups=3,4,54321", "--"];
      const selectors = await attest(await run([...setpriv, SLEEP, "60"], SLEEP));
      const name = (database: string, id: number) => findName(readFileSync(`/etc/${database}`, "utf8"), id);
      expect(selectors).toEqual(
        expect.arrayContaining([
          "unix:uid:1",
          `unix:user:${name("passwd", 1)}`,
          "unix:gid:2",
          `unix:group:${name("group", 2)}`,
          "unix:supplementary_gid:3",
          `unix:supplementary_group:${name("group", 3)}`,
          "unix:supplementary_gid:4",
          "unix:supplementary_gid:54321",
        ]),
      );
      expect(selectors.filter((selector) => selector.startsWith("unix:supplementary_group:"))).toHaveLength(2);
      expect(selectors).not.toContain("unix:uid:0");
    },
  );

  test.skipIf(!isRoot)("a process without supplementary groups has none", async () => {
    const pid = await run(["setpriv", "--clear-groups", "--", SLEEP, "60"], SLEEP);
    expect((await attest(pid)).filter((selector) => selector.startsWith("unix:supplementary"))).toEqual([]);
  });

  test("a program above the size limit has no digest, and everything else", async () => {
    const size = statSync(SLEEP).size;
    const pid = await run([SLEEP, "60"]);
    const small = await attest(pid, { maxExecutableBytes: size - 1 });
    expect(small).toContain(`unix:path:${SLEEP}`);
    expect(small.filter((selector) => selector.startsWith("unix:sha256:"))).toEqual([]);
    expect(await attest(pid, { maxExecutableBytes: size })).toContainEqual(
      expect.stringMatching(/^unix:sha256:[0-9a-f]{64}$/),
    );
  });

  test("its digest is computed when it is asked for, of the program that was attested", async () => {
    const { signal } = new AbortController();
    const program = join(temporary(), "program");
    copyFileSync(SLEEP, program);
    const pid = await run([program, "60"]);
    const { selectors, programDigest } = await createProcessAttestor().attest(peerOf(pid), signal);
    expect(selectors.filter(({ value }) => value.startsWith("sha256:"))).toEqual([]);
    renameSync(program, `${program}.old`);
    copyFileSync(Bun.which("cat") ?? "", program);
    // A new name changes the time of the file's last change: whose program that is, is looked at anew.
    await expect(programDigest()).rejects.toMatchObject({ code: "ERR_WORKLOAD_ATTESTATION" });
    const again = await createProcessAttestor().attest(peerOf(pid), signal);
    const digest = createHash("sha256").update(readFileSync(SLEEP)).digest("hex");
    expect(await again.programDigest()).toEqual({ type: "unix", value: `sha256:${digest}` });
  });

  test("a process that executes another program has no digest of the one that was attested", async () => {
    const pid = await run(["sh", "-c", `read line; exec ${SLEEP} 60`], realShell());
    const { programDigest } = await createProcessAttestor().attest(peerOf(pid), new AbortController().signal);
    const [child] = started;
    child?.stdin?.end("go\n");
    await becomes(pid, SLEEP);
    await expect(programDigest()).rejects.toThrow("runs another program by now");
  });

  test("a process that ends before its digest is known has none", async () => {
    const pid = await run([SLEEP, "60"]);
    let alive = true;
    const peer = peerOf(pid, { isAlive: () => alive });
    const { programDigest } = await createProcessAttestor().attest(peer, new AbortController().signal);
    alive = false;
    await expect(programDigest()).rejects.toThrow("has ended");
  });

  test("a program that was replaced or removed has no path: that file is another one", async () => {
    const program = join(temporary(), "program");
    copyFileSync(SLEEP, program);
    const pid = await run([program, "60"]);
    expect(await attest(pid)).toContain(`unix:path:${program}`);
    const digest = `unix:sha256:${createHash("sha256").update(readFileSync(SLEEP)).digest("hex")}`;
    copyFileSync(SLEEP, `${program}.new`);
    renameSync(`${program}.new`, program);
    for (const change of [() => undefined, () => unlinkSync(program)]) {
      change();
      const selectors = await attest(pid);
      expect(selectors.filter((selector) => selector.startsWith("unix:path:"))).toEqual([]);
      expect(selectors).toContain(digest);
    }
  });

  test.skipIf(!isRoot)("a file of the same name in a mount namespace of its own gives no path", async () => {
    const program = join(temporary(), "program");
    copyFileSync(Bun.which("cat") ?? "", program);
    const script = `mount --bind ${SLEEP} ${program} && exec ${program} 60`;
    const pid = await run(["unshare", "--mount", "--", "sh", "-c", script], program);
    const selectors = await attest(pid);
    expect(selectors.filter((selector) => selector.startsWith("unix:path:"))).toEqual([]);
  });

  test("a process that has ended is refused, and so is another one with its id", async () => {
    const pid = await run([SLEEP, "60"]);
    const peer = peerOf(pid);
    const attestor = createProcessAttestor();
    const { signal } = new AbortController();
    const later = { ...peer, startTicks: peer.startTicks + 1, isAlive: () => true };
    await expect(attestor.attest(later, signal)).rejects.toMatchObject({ code: "ERR_WORKLOAD_ATTESTATION" });
    const [child] = started;
    const gone = new Promise((resolve) => child?.once("exit", resolve));
    child?.kill("SIGKILL");
    await gone;
    await expect(attestor.attest(peer, signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_ATTESTATION",
      message: `process ${pid} has ended`,
    });
  });

  test("a process that ends while it is looked at is refused", async () => {
    const pid = await run([SLEEP, "60"]);
    let asked = 0;
    const peer = peerOf(pid, { isAlive: () => asked++ === 0 });
    await expect(createProcessAttestor().attest(peer, new AbortController().signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_ATTESTATION",
    });
    expect(asked).toBe(2);
  });

  test.skipIf(!isRoot)("a process that became another user after it connected is refused", async () => {
    const pid = await run(["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "--", SLEEP, "60"], SLEEP);
    const { signal } = new AbortController();
    await expect(createProcessAttestor().attest(peerOf(pid, { uid: 1000 }), signal)).rejects.toMatchObject({
      code: "ERR_WORKLOAD_ATTESTATION",
      message: expect.stringContaining("is now user 1"),
    });
    await expect(createProcessAttestor().attest(peerOf(pid, { gid: 1000 }), signal)).rejects.toThrow(
      "now user 1, group 1",
    );
  });

  test.skipIf(!isRoot)(
    "the program of another user's process is not known without rights; everything else is",
    async () => {
      const pid = await run([SLEEP, "60"]);
      const peer = peerOf(pid);
      process.seteuid?.(1);
      try {
        const { selectors, unknown } = await createProcessAttestor().examine(peer);
        expect(selectors).toContainEqual({ type: "unix", value: "uid:0" });
        expect(selectors.filter(({ value }) => /^(?:path|sha256):/.test(value))).toEqual([]);
        expect([...unknown.keys()]).toEqual(["unix:path", "unix:sha256"]);
        expect(unknown.get("unix:path")).toContain("user 1 may not look at it (EACCES)");
      } finally {
        process.seteuid?.(0);
      }
    },
  );

  test("what could not be found out is said with its reason", async () => {
    const pid = await run([SLEEP, "60"]);
    const { unknown } = await createProcessAttestor({ maxExecutableBytes: 10 }).examine(peerOf(pid));
    expect(unknown.get("unix:sha256")).toMatch(/^the program has \d+ bytes, the limit is 10$/);
    expect(unknown.has("unix:path")).toBe(false);
  });
});

describe("names of accounts", () => {
  test("the first line with the id counts; a line that is none is passed over", () => {
    const text = "# comment\n\nroot:x:0:0::/root:/bin/sh\ntoor:x:0:0:::\nab:x:10:10:::\n:x:11:11:::\n";
    expect([0, 10, 1, 11].map((id) => findName(text, id))).toEqual(["root", "ab", undefined, undefined]);
  });
});
