import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { claimUnixSocketPath, listenOnUnixSocket } from "./unix-socket-path.ts";

let directory = "";
let path = "";
const listeners: { stop(force: boolean): void }[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-socket-"));
  path = join(directory, "x.sock");
});
afterEach(() => {
  for (const listener of listeners.splice(0)) listener.stop(true);
  rmSync(directory, { recursive: true, force: true });
});

function listen(unix: string): { stop(force: boolean): void } {
  const listener = Bun.listen({ unix, socket: { data() {} } });
  listeners.push(listener);
  return listener;
}

const unsafe = (message: RegExp) => ({ code: "ERR_SOCKET_PATH_UNSAFE", message: expect.stringMatching(message) });

describe("a socket of ours", () => {
  test("is readable and writable by its owner alone, and the process's umask is as before", async () => {
    const before = process.umask();
    await listenOnUnixSocket(path, listen);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(process.umask()).toBe(before);
  });

  test("takes the place of one on which nobody listens any more", async () => {
    const script = "Bun.listen({ unix: process.argv[1], socket: { data() {} } }); process.kill(process.pid, 'SIGKILL')";
    await Bun.spawn([process.execPath, "-e", script, path]).exited;
    expect(lstatSync(path).isSocket()).toBe(true);
    await listenOnUnixSocket(path, listen);
  });

  test("does not take the place of one on which somebody listens", async () => {
    listen(path);
    await expect(claimUnixSocketPath(path)).rejects.toMatchObject({
      code: "ERR_SOCKET_IN_USE",
      message: `another process listens on "${path}"; is this mesh running already?`,
    });
    expect(existsSync(path)).toBe(true);
  });

  test("the umask is as before when listening fails", async () => {
    const before = process.umask();
    await expect(
      listenOnUnixSocket(path, () => {
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(process.umask()).toBe(before);
  });
});

describe("what another could have put there is refused, and stays", () => {
  test("a file", async () => {
    writeFileSync(path, "precious");
    await expect(claimUnixSocketPath(path)).rejects.toMatchObject(unsafe(/is a file that is not a socket; remove it$/));
    expect(existsSync(path)).toBe(true);
  });

  test("a directory", async () => {
    mkdirSync(path);
    await expect(claimUnixSocketPath(path)).rejects.toMatchObject(unsafe(/is a file that is not a socket/));
  });

  test("a symbolic link, also one to a socket, also one to nothing", async () => {
    for (const target of ["real.sock", "nothing"]) {
      listen(join(directory, "real.sock"));
      symlinkSync(join(directory, target), path);
      await expect(claimUnixSocketPath(path)).rejects.toMatchObject(unsafe(/is a symbolic link; remove it$/));
      rmSync(path);
      for (const listener of listeners.splice(0)) listener.stop(true);
    }
  });
});

describe("the directory of a socket", () => {
  test("must be writable by its owner alone", async () => {
    for (const [mode, passes] of [
      [0o700, true],
      [0o755, true],
      [0o720, false],
      [0o702, false],
      [0o777, false],
      [0o1777, false],
    ] as const) {
      chmodSync(directory, mode);
      const claim = claimUnixSocketPath(path);
      if (passes) await claim;
      else await expect(claim).rejects.toMatchObject(unsafe(/writable by nobody else \(chmod 700\)$/));
    }
  });

  test("must be there, and be no symbolic link", async () => {
    await expect(claimUnixSocketPath(join(directory, "nothing", "x.sock"))).rejects.toMatchObject(
      unsafe(/is not a directory$/),
    );
    symlinkSync(directory, `${directory}.link`);
    await expect(claimUnixSocketPath(join(`${directory}.link`, "x.sock"))).rejects.toMatchObject(
      unsafe(/is not a directory$/),
    );
    rmSync(`${directory}.link`);
  });
});
