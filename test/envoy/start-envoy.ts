import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Returns when the last listener accepts connections; what it returns stops Envoy. */
export async function startEnvoy(binary: string, directory: string, bootstrap: object): Promise<() => Promise<void>> {
  const file = join(directory, "envoy.json");
  writeFileSync(file, JSON.stringify(bootstrap));
  const flags = ["--concurrency", "1", "--disable-hot-restart", "-l", "warning"];
  const child = spawn(binary, ["-c", file, ...flags], { stdio: ["ignore", "inherit", "pipe"] });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  let log = "";
  child.stderr.on("data", (chunk) => {
    log += String(chunk);
  });
  const { static_resources } = bootstrap as { static_resources: { listeners: { name: string }[] } };
  const last = static_resources.listeners.at(-1)?.name ?? "";
  const [host = "", port = ""] = last.split(":");
  for (let attempt = 0; !(await accepts(host, Number(port))); attempt++) {
    if (attempt > 300 || child.exitCode !== null) throw new Error(`Envoy does not start: ${log.slice(-4000)}`);
    await Bun.sleep(100);
  }
  return async () => {
    child.kill("SIGTERM");
    await ended;
  };
}

async function accepts(hostname: string, port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname, port, socket: { data() {} } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
