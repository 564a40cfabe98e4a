import { afterEach, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FileSet } from "./file-set.ts";
import { fileSetSteps, replaceFileSet } from "./replace-file-set.ts";

const SET: FileSet = { link: "..data", kind: "pair", names: /^[ab]\.\d\.(key|pem)$/, secretNames: /\.key$/ };
const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "file-set-"));
  directories.push(directory);
  return directory;
}

type Files = Readonly<Record<string, string>>;
const bytesOf = (files: Files): ReadonlyMap<string, Uint8Array> =>
  new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]));
const replace = (directory: string, files: Files): void => replaceFileSet(directory, SET, bytesOf(files));

/** What a reader finds under the names of the set. */
function seen(directory: string): Files {
  const names = readdirSync(directory).filter((name) => SET.names.test(name));
  return Object.fromEntries(
    names.sort().flatMap((name) => {
      try {
        return [[name, readFileSync(join(directory, name), "utf8")]];
      } catch {
        return [];
      }
    }),
  );
}

/** As a process that is killed after so many changes to the file system. False: it came to its end before. */
function killedAfter(count: number, directory: string, files: Files): boolean {
  const steps = fileSetSteps(directory, SET, bytesOf(files));
  for (let step = 0; step < count; step++) if (steps.next().done) return false;
  return true;
}

function expectNothingOpen(directory: string): void {
  for (const name of readdirSync(directory, { recursive: true }) as string[]) {
    const found = lstatSync(join(directory, name));
    if (found.isFile() && name.includes(".key")) expect([name, found.mode & 0o077]).toEqual([name, 0]);
  }
}

/** Names, links and the one version; nothing that a killed process has left. */
function expectClean(directory: string, files: Files): void {
  const [version = "", ...others] = readdirSync(directory).filter((name) => name.startsWith("..pair-"));
  expect(others).toEqual([]);
  expect(readdirSync(directory).sort()).toEqual(["..data", version, ...Object.keys(files)].sort());
  expect(readdirSync(join(directory, version)).sort()).toEqual(Object.keys(files).sort());
  for (const name of Object.keys(files)) expect(lstatSync(join(directory, name)).isSymbolicLink()).toBe(true);
}

const OLD: Files = { "a.0.key": "old key", "a.0.pem": "old certificate", "b.1.pem": "old bundle" };
const NEW: Files = { "a.0.key": "new key", "a.0.pem": "new certificate", "a.1.key": "2nd key", "a.1.pem": "2nd" };

function plainFiles(directory: string, files: Files): void {
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(directory, name), content, { mode: name.endsWith(".key") ? 0o600 : 0o644 });
}

const BEFORE: Readonly<Record<string, { readonly files: Files; readonly make: (directory: string) => void }>> = {
  "nothing there": { files: {}, make: () => undefined },
  "an older version there": { files: OLD, make: (directory) => replace(directory, OLD) },
  "plain files there": { files: OLD, make: (directory) => plainFiles(directory, OLD) },
  "links and plain files mixed": {
    files: { ...OLD, "b.2.pem": "by an earlier program" },
    make(directory) {
      replace(directory, OLD);
      plainFiles(directory, { "b.2.pem": "by an earlier program" });
    },
  },
};

describe.each(Object.entries(BEFORE))("with %s", (_, { files: before, make }) => {
  test("all files are replaced, and nothing else is left", () => {
    const directory = temporary();
    make(directory);
    replace(directory, NEW);
    expect(seen(directory)).toEqual(NEW);
    expectClean(directory, NEW);
    expectNothingOpen(directory);
  });

  test("a process that is killed after any step leaves the old files or the new ones; the next one finishes and tidies", () => {
    const outcomes = new Set<string>();
    let count = 0;
    for (; ; count++) {
      const directory = temporary();
      make(directory);
      const isKilled = killedAfter(count, directory, NEW);
      const found = seen(directory);
      expect([before, NEW]).toContainEqual(found);
      expectNothingOpen(directory);
      outcomes.add(JSON.stringify(found));
      if (!isKilled) break;
      // The next one is killed as well, just as far.
      killedAfter(count, directory, NEW);
      expect([before, NEW]).toContainEqual(seen(directory));
      replace(directory, NEW);
      expect(seen(directory)).toEqual(NEW);
      expectClean(directory, NEW);
    }
    expect(outcomes.size).toBe(2);
    expect(count).toBeGreaterThan(8);
  });
});

test("a reader that resolves the link once has files of one version", () => {
  const directory = temporary();
  replace(directory, OLD);
  const steps = fileSetSteps(directory, SET, bytesOf(NEW));
  while (!steps.next().done) {
    const key = readFileSync(join(directory, "..data", "a.0.key"), "utf8");
    const certificate = readFileSync(join(directory, "..data", "a.0.pem"), "utf8");
    expect(certificate).toBe(key.replace("key", "certificate"));
  }
});

test("keys are their owner's alone, also when the file taken over was open to others; the rest may be read", () => {
  const directory = temporary();
  plainFiles(directory, OLD);
  chmodSync(join(directory, "a.0.key"), 0o644);
  const steps = fileSetSteps(directory, SET, bytesOf(NEW));
  while (!steps.next().done) {
    for (const name of readdirSync(directory).filter((entry) => entry.startsWith("..pair-")))
      expectNothingOpen(join(directory, name));
  }
  expect(statSync(join(directory, "a.0.key")).mode & 0o777).toBe(0o600);
  expect(statSync(join(directory, "a.0.pem")).mode & 0o777).toBe(0o644);
  expect(statSync(join(directory, "..data")).mode & 0o777).toBe(0o755);
});

test("other files of the directory stay", () => {
  const directory = temporary();
  writeFileSync(join(directory, "a.0.pem.old"), "mine");
  mkdirSync(join(directory, "..pair-1-not16hexdigits"));
  mkdirSync(join(directory, "..other-999999999-0123456789abcdef"));
  replace(directory, OLD);
  replace(directory, NEW);
  expect(readdirSync(directory)).toEqual(
    expect.arrayContaining(["a.0.pem.old", "..pair-1-not16hexdigits", "..other-999999999-0123456789abcdef"]),
  );
});

test("what a killed process left goes, with the temporary files of earlier programs; what a living one writes stays", async () => {
  const directory = temporary();
  const living = spawn("sleep", ["60"], { stdio: "ignore" });
  const unfinished = `..pair-${living.pid}-0123456789abcdef`;
  try {
    mkdirSync(join(directory, unfinished));
    // Above any process's id on Linux (pid_max is at most 2^22).
    mkdirSync(join(directory, "..pair-99999999-0123456789abcdef"));
    writeFileSync(join(directory, "a.0.key.tmp"), "a key");
    replace(directory, NEW);
    const left = readdirSync(directory).filter((name) => name.startsWith("..pair-") || name.endsWith(".tmp"));
    expect(left).toHaveLength(2);
    expect(left).toContain(unfinished);
  } finally {
    const ended = new Promise((resolve) => living.once("exit", resolve));
    living.kill("SIGKILL");
    await ended;
  }
  replace(directory, NEW);
  expectClean(directory, NEW);
});

test.skipIf(process.platform !== "linux")(
  "what a killed process left goes, although nobody has asked for its status",
  async () => {
    const directory = temporary();
    // The shell becomes a program that never asks for the status of its child, which ends after that and not before.
    const script = "exec 3<&0; cat <&3 >/dev/null & echo $!; exec sleep 60 3<&-";
    const parent = Bun.spawn(["sh", "-c", script], { stdin: "pipe", stdout: "pipe" });
    try {
      const { value } = await parent.stdout.getReader().read();
      const pid = Number(new TextDecoder().decode(value));
      while (readFileSync(`/proc/${parent.pid}/comm`, "utf8") !== "sleep\n") await new Promise(setImmediate);
      await parent.stdin.end();
      while (!readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ")) await new Promise(setImmediate);
      mkdirSync(join(directory, `..pair-${pid}-0123456789abcdef`));
      replace(directory, NEW);
      expectClean(directory, NEW);
    } finally {
      parent.kill("SIGKILL");
      await parent.exited;
    }
  },
);

describe("what is in the way is named and left as it is, with what was there", () => {
  const obstacles: Readonly<Record<string, readonly [name: string, make: (path: string) => void]>> = {
    "is a directory": ["a.0.pem", (path) => mkdirSync(path)],
    'is a symbolic link to "/etc/hostname"': ["a.0.key", (path) => symlinkSync("/etc/hostname", path)],
    'is a symbolic link to "..data/a.1.pem"': ["a.0.pem", (path) => symlinkSync("..data/a.1.pem", path)],
    "has 1048577 bytes": ["b.0.pem", (path) => writeFileSync(path, Buffer.alloc((1 << 20) + 1))],
    "is no symbolic link": ["..data", (path) => mkdirSync(path)],
    'leads to "..2026_01_01", which another program made': ["..data", (path) => symlinkSync("..2026_01_01", path)],
  };
  for (const [what, [name, make]] of Object.entries(obstacles))
    test(`${name} ${what}`, () => {
      const directory = temporary();
      plainFiles(directory, { "b.1.pem": "there before" });
      make(join(directory, name));
      const before = readdirSync(directory).sort();
      const attempt = () => replace(directory, NEW);
      expect(attempt).toThrow(`"${join(directory, name)}" ${what}`);
      expect(attempt).toThrow("move it away, or choose another directory");
      expect(attempt).toThrow(expect.objectContaining({ code: "ERR_FILE_IN_THE_WAY" }));
      expect(readdirSync(directory).sort()).toEqual(before);
    });

  test("a file of the largest size is taken over", () => {
    const directory = temporary();
    writeFileSync(join(directory, "b.0.pem"), Buffer.alloc(1 << 20));
    replace(directory, NEW);
    expect(seen(directory)).toEqual(NEW);
  });
});

test("a write that fails leaves the old files and says where", () => {
  const directory = temporary();
  replace(directory, OLD);
  mkdirSync(join(directory, "..data.tmp", "full"), { recursive: true });
  expect(() => replace(directory, NEW)).toThrow(
    expect.objectContaining({ code: "ERR_FILE_UNWRITABLE", message: expect.stringContaining(directory) }),
  );
  expect(seen(directory)).toEqual(OLD);
});

test("a disk that is full in the middle leaves the old files, and no half a version that takes room", () => {
  const directory = temporary();
  replace(directory, OLD);
  class FullAfterOne extends Map<string, Uint8Array> {
    override *[Symbol.iterator](): MapIterator<[string, Uint8Array]> {
      for (const entry of super.entries()) {
        yield entry;
        throw new Error("ENOSPC: no space left on device");
      }
    }
  }
  const files = new FullAfterOne();
  for (const [name, content] of bytesOf(NEW)) files.set(name, content);
  expect(() => replaceFileSet(directory, SET, files)).toThrow("ENOSPC: no space left on device");
  expect(seen(directory)).toEqual(OLD);
  expect(readdirSync(directory).filter((name) => name.startsWith("..pair-"))).toHaveLength(1);
  replace(directory, NEW);
  expectClean(directory, NEW);
});
