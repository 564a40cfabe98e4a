import { connect, createServer } from "node:net";

const ADDRESS = "127.0.0.1";
/** Below the ports that kernels give to clients (Linux from 32768, macOS from 49152), above what services usually have. */
const FIRST = 15_100;
const LAST = 29_999;

export type PortState = "free" | "taken" | "forbidden";

/** Whether a program of this user could listen on a port now, on loopback or on every address. */
export async function portState(port: number): Promise<PortState> {
  const state = await bindState(port);
  // macOS lets two programs share a port, the one on every address and the other on loopback.
  return state === "free" && (await answers(port)) ? "taken" : state;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: ADDRESS, port });
    const answer = (open: boolean): void => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });
}

function bindState(port: number): Promise<PortState> {
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
