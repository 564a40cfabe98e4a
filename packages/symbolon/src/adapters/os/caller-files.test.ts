import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkloadPeer } from "../../agent/index.ts";
import { callerFiles, readAs } from "./caller-files.ts";
import { processStartTicks } from "./process-stat.ts";

let root = "";
let owner = { uid: -1, gid: -1 };
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "symbolon-files-"));
  chmodSync(root, 0o755);
  owner = statSync(root);
  mkdirSync(join(root, "tls"));
  file("tls/open.pem", 0o644);
  file("tls/own.pem", 0o600);
  file("tls/group.pem", 0o040);
  file("tls/others.pem", 0o604);
  mkdirSync(join(root, "closed"));
  file("closed/open.pem", 0o644);
  chmodSync(join(root, "closed"), 0o700);
  symlinkSync("../tls/open.pem", join(root, "tls", "relative"));
  symlinkSync("/tls/open.pem", join(root, "tls", "absolute"));
  symlinkSync("/etc/passwd", join(root, "tls", "outside"));
  symlinkSync("../../../../../../../etc/passwd", join(root, "tls", "climbing"));
  symlinkSync("/closed", join(root, "tls", "into-closed"));
  symlinkSync("loop", join(root, "tls", "loop"));
  file("tls/large.pem", 0o644);
  truncateSync(join(root, "tls/large.pem"), 4 * 1024 * 1024 + 1);
});
afterAll(() => rmSync(root, { recursive: true }));

function file(name: string, mode: number): void {
  writeFileSync(join(root, name), name);
  chmodSync(join(root, name), mode);
}

const NOBODY = 65_534;
const stranger = { uid: NOBODY, gid: NOBODY, supplementaryGids: [] as number[] };
const read = (path: string, account = stranger) => Buffer.from(readAs(account, root, path)).toString();

describe("a file is read for a user", () => {
  test("who may read it, through every directory of its path", () => {
    expect(read("/tls/open.pem")).toBe("tls/open.pem");
    expect(read("/tls/../closed/../tls/./open.pem", { ...stranger, uid: owner.uid })).toBe("tls/open.pem");
  });

  test("by symbolic links, from that user's own root", () => {
    expect([read("/tls/relative"), read("/tls/absolute")]).toEqual(["tls/open.pem", "tls/open.pem"]);
  });

  test("by a supplementary group", () => {
    expect(read("/tls/group.pem", { ...stranger, supplementaryGids: [owner.gid] })).toBe("tls/group.pem");
  });
});

describe("a file is refused", () => {
  test.each([
    ["/tls/own.pem", "may not read it"],
    ["/tls/group.pem", "may not read it"],
    ["/closed/open.pem", "may not search a directory"],
    ["/tls/into-closed/open.pem", "may not search a directory"],
    ["/tls/loop", "too many symbolic links"],
    ["/tls", "is a directory"],
    ["/tls/open.pem/x", "is no directory"],
    ["/tls/large.pem", "more than 4194304 bytes"],
  ])("%s: %s", (path, why) => {
    expect(() => read(path)).toThrow(why);
  });

  test("whose group may not read it, though others may", () => {
    expect(read("/tls/others.pem")).toBe("tls/others.pem");
    expect(() => read("/tls/others.pem", { ...stranger, supplementaryGids: [owner.gid] })).toThrow("may not read it");
  });

  test.each(["/tls/outside", "/tls/climbing", "/../../../etc/passwd"])("outside of the user's root: %s", (path) => {
    expect(() => read(path)).toThrow(/ENOENT/);
  });

  test("of /proc, where a name may mean whoever reads it", () => {
    expect(() => readAs(stranger, "/", "/proc/self/environ")).toThrow("/proc are not served");
  });

  test("that is a device", () => {
    expect(() => readAs(stranger, "/", "/dev/null")).toThrow("no usual file");
  });
});

describe("of a process", () => {
  const self: WorkloadPeer = {
    pid: process.pid,
    uid: process.geteuid?.() ?? -1,
    gid: process.getegid?.() ?? -1,
    startTicks: processStartTicks(process.pid) ?? -1,
    isAlive: () => true,
  };

  test("files are those that it sees", async () => {
    const bytes = await callerFiles(self).read(join(root, "tls/own.pem"));
    expect(Buffer.from(bytes).toString()).toBe("tls/own.pem");
  });

  test.each([
    ["has ended", { isAlive: () => false }],
    ["is a later one of the same id", { startTicks: 1 }],
    ["has another user now", { uid: NOBODY }],
  ])("that %s there are none", async (_, change) => {
    const failure = callerFiles({ ...self, ...change }).read(join(root, "tls/open.pem"));
    await expect(failure).rejects.toMatchObject({ code: "ERR_SECRET_FILE" });
  });

  test("a file that is not there has no more than a code", async () => {
    await expect(callerFiles(self).read("/no/such/file")).rejects.toThrow(/not there.*ENOENT/);
  });
});
