import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** Programs that a benchmark has started; `stop` ends every one of them and nothing else. */
export interface ChildPrograms {
  /** @returns its process id. What it prints goes to our standard error. */
  start(command: readonly string[], env?: Readonly<Record<string, string>>): ChildProcess & { readonly pid: number };
  stop(): Promise<void>;
}

export function createChildPrograms(): ChildPrograms {
  const running = new Set<ChildProcess>();
  return {
    start([file = "", ...args], env = {}) {
      const child = spawn(file, args, {
        stdio: ["pipe", "pipe", "inherit"],
        env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env },
      });
      if (child.pid === undefined) throw new Error(`${file} could not be started`);
      running.add(child);
      child.on("exit", () => running.delete(child));
      return child as ChildProcess & { readonly pid: number };
    },
    async stop() {
      const ended = [...running].map((child) => once(child, "exit"));
      for (const child of running) child.kill("SIGKILL");
      await Promise.all(ended);
    },
  };
}

/** Waits until somebody accepts connections there. */
export async function untilListening(host: string, port: number, withinMs = 20_000): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (!(await accepts(host, port))) {
    if (performance.now() > giveUpAt) throw new Error(`nothing listens on ${host}:${port}`);
    await delay(5);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = net.connect(port, host);
    socket.on("connect", () => done(true)).on("error", () => done(false));
    socket.on("connect", () => socket.destroy());
  });
}
