import { lstatSync, rmSync, type Stats } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import { productError } from "../../core/index.ts";

/**
 * Makes `path` free for a listener: what another process could have put there is refused, a socket that nobody
 * listens on any more is removed (SR-31).
 */
export async function claimUnixSocketPath(path: string): Promise<void> {
  requirePrivateDirectory(dirname(path));
  const found = statIfThere(path);
  if (!found) return;
  if (!found.isSocket())
    throw productError(
      "ERR_SOCKET_PATH_UNSAFE",
      `"${path}" is a ${found.isSymbolicLink() ? "symbolic link" : "file that is not a socket"}; remove it`,
    );
  if (await isSocketServed(path))
    throw productError("ERR_SOCKET_IN_USE", `another process listens on "${path}"; is this mesh running already?`);
  rmSync(path, { force: true });
}

/** Runs `listen` so that the socket it makes has mode 0600 from its first instant. `listen` must bind synchronously. */
export function withPrivateUmask<T>(listen: () => T): T {
  const before = process.umask(0o177);
  try {
    return listen();
  } finally {
    process.umask(before);
  }
}

/** `claimUnixSocketPath`, then `listen(path)` under a umask of 0177. */
export async function listenOnUnixSocket<T>(path: string, listen: (path: string) => T): Promise<T> {
  await claimUnixSocketPath(path);
  return withPrivateUmask(() => listen(path));
}

/** Whoever may write the directory may put his own socket at our path. */
function requirePrivateDirectory(directory: string): void {
  const found = statIfThere(directory);
  if (!found?.isDirectory()) throw productError("ERR_SOCKET_PATH_UNSAFE", `"${directory}" is not a directory`);
  if (found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0)
    throw productError(
      "ERR_SOCKET_PATH_UNSAFE",
      `directory "${directory}" belongs to user ${found.uid} with mode ${(found.mode & 0o777).toString(8)}; it must be ours and writable by nobody else (chmod 700)`,
    );
}

function statIfThere(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/** Whether somebody listens at the path; where that cannot be told, yes. */
export function isSocketServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const answer = (live: boolean): void => {
      socket.destroy();
      resolve(live);
    };
    socket.once("connect", () => answer(true));
    // Anything but a refusal (a full backlog, for one) means that somebody may be there; or it is gone meanwhile.
    socket.once("error", ({ code }: NodeJS.ErrnoException) => answer(code !== "ECONNREFUSED" && code !== "ENOENT"));
  });
}
