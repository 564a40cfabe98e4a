import { createServer } from "node:net";

const ADDRESS = "127.0.0.1";
/** Below the ports that kernels give to clients (Linux from 32768, macOS from 49152), above what services usually have. */
const FIRST = 15_100;
const LAST = 29_999;

export type PortState = "free" | "taken" | "forbidden";

/** Whether a program of this user could listen on a port of loopback now. */
export function portState(port: number): Promise<PortState> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", ({ code }: NodeJS.ErrnoException) => resolve(code === "EACCES" ? "forbidden" : "taken"));
    server.listen({ host: ADDRESS, port, exclusive: true }, () => server.close(() => resolve("free")));
  });
}

/**
 * A port that is free on this machine, and not `isTaken`: who has been given one may not listen yet.
 * @param start where to begin looking, any number
 */
export async function freeLoopbackPort(start: number, isTaken: (port: number) => boolean): Promise<number | undefined> {
  const count = LAST - FIRST + 1;
  for (let tried = 0; tried < count; tried++) {
    const port = FIRST + ((start + tried) % count);
    if (!isTaken(port) && (await portState(port)) === "free") return port;
  }
  return undefined;
}
