import { spawn } from "node:child_process";
import { findBun } from "./find-bun.mjs";

/** Replaces this process with Bun where Node can, else runs it as a child with the same streams, signals and exit status. */
export function runOnBun(args, extraEnv = {}) {
  let bun;
  try {
    bun = findBun();
  } catch (error) {
    console.error(`symbolon: ${error.message}`);
    process.exit(1);
  }
  const env = { ...process.env, ...extraEnv };
  if (typeof process.execve === "function") process.execve(bun, [bun, ...args], env);
  const child = spawn(bun, args, { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`symbolon: cannot start ${bun}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal) {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.removeAllListeners(name);
      process.kill(process.pid, signal);
    } else process.exit(code ?? 1);
  });
}
