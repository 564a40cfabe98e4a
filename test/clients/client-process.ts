import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { ClientProgram } from "./build-clients.ts";

export type Answer = Readonly<Record<string, unknown>>;

/** A running client program, and the JSON lines that it prints. */
export interface ClientProcess {
  /** The next line; an object with `error` when the program ends without one. */
  next(): Promise<Answer>;
  stop(): Promise<void>;
}

const MAX_LIFE_MS = 120_000;

export function startClient(program: ClientProgram, socket: string, ...words: readonly string[]): ClientProcess {
  const [command = "", ...args] = [...program.command, ...words];
  const env = { ...process.env, ...program.env, SPIFFE_ENDPOINT_SOCKET: socket };
  const child: ChildProcess = spawn(command, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: MAX_LIFE_MS });
  const lines: Answer[] = [];
  const waiting: ((line: Answer) => void)[] = [];
  let errors = "";
  let ended: Answer | undefined;
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors = `${errors}${text}`.slice(-2000);
  });
  if (!child.stdout) throw new Error("the client has no output");
  createInterface({ input: child.stdout }).on("line", (text) => {
    const line = JSON.parse(text) as Answer;
    const first = waiting.shift();
    if (first) first(line);
    else lines.push(line);
  });
  const closed = new Promise<void>((resolve) =>
    child.once("close", (code, signal) => {
      ended = { error: `ended with ${signal ?? code}: ${errors}` };
      for (const wake of waiting.splice(0)) wake(ended);
      resolve();
    }),
  );
  return {
    next() {
      const line = lines.shift() ?? ended;
      return line ? Promise.resolve(line) : new Promise((resolve) => waiting.push(resolve));
    },
    async stop() {
      child.kill("SIGKILL");
      await closed;
    },
  };
}

/** Runs a program that says one thing. */
export async function askClient(program: ClientProgram, socket: string, ...words: readonly string[]): Promise<Answer> {
  const client = startClient(program, socket, ...words);
  try {
    return await client.next();
  } finally {
    await client.stop();
  }
}
