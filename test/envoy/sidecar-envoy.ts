/** A real Envoy with the configuration that `symbolon envoy bootstrap` prints. */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { symbolon } from "../fakes/command-line.ts";

export interface SidecarEnvoy {
  /** `LIVE` once it has opened its ports; `PRE_INITIALIZING` while it waits for a secret. */
  state(): Promise<string>;
  untilLive(): Promise<void>;
  /** Value of one counter; absent ones are 0. */
  counter(name: string): Promise<number>;
  untilCounter(name: string, value: number): Promise<void>;
  log(): string;
  stop(): Promise<void>;
}

/**
 * @param flags of `symbolon envoy bootstrap`
 * @param change of the printed text: what a test needs to be quicker
 */
export async function startSidecarEnvoy(
  binary: string,
  directory: string,
  flags: readonly string[],
  change: (yaml: string) => string = (yaml) => yaml,
): Promise<SidecarEnvoy> {
  mkdirSync(directory, { recursive: true });
  const admin = join(directory, "admin.sock");
  const { stdout, stderr, status } = await symbolon("envoy", "bootstrap", "--admin", admin, ...flags);
  if (status !== 0) throw new Error(stderr);
  const file = join(directory, "envoy.yaml");
  writeFileSync(file, change(stdout));
  const child = spawn(binary, ["-c", file, "--concurrency", "1", "--disable-hot-restart", "-l", "info"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += String(chunk);
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));

  const self: SidecarEnvoy = {
    state: async () => JSON.parse(await ask(admin, "/server_info")).state,
    untilLive: () =>
      until(
        async () => (await self.state().catch(() => "")) === "LIVE",
        () => log,
      ),
    async counter(name) {
      const text = await ask(admin, `/stats?filter=^${name}$`);
      return Number(/: (\d+)/.exec(text)?.[1] ?? 0);
    },
    untilCounter: (name, value) =>
      until(
        async () => (await self.counter(name)) >= value,
        () => `${name}\n${log}`,
      ),
    log: () => log,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  await until(
    () =>
      self.state().then(
        () => true,
        () => child.exitCode !== null,
      ),
    () => log,
  );
  if (child.exitCode !== null) throw new Error(`Envoy does not start: ${log.slice(-4000)}`);
  return self;
}

export async function until(isSo: () => Promise<boolean>, describe: () => string, seconds = 30): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`not so after ${seconds} s: ${describe().slice(-4000)}`);
    await Bun.sleep(50);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function ask(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve(text));
    });
    call.on("error", reject);
    call.end();
  });
}
