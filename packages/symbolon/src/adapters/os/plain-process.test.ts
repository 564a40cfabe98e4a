import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { fakePod } from "../../../../../test/fakes/pod-runtime-fixture.ts";
import { createImageMap } from "../../pod-runtime/index.ts";
import { createLoopbackPods } from "./loopback-pods.ts";
import { createPlainContainers } from "./plain-container.ts";
import { plainExec } from "./plain-exec.ts";
import { startPlainProcess } from "./plain-process.ts";
import { createPodDirectory } from "./pod-directory.ts";
import { createProcessRegistry, endLeftoverProcesses } from "./process-registry.ts";
import { processStartTicks } from "./process-stat.ts";

const directory = mkdtempSync(join(tmpdir(), "symbolon-plain-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let registries = 0;
const newRegistry = () => {
  const path = join(directory, `registry-${registries++}`);
  return { path, registry: createProcessRegistry(path) };
};
const environment = { PATH: process.env.PATH ?? "" };
const shell = (script: string) => ["/bin/sh", "-c", script];

async function untilText(file: string): Promise<string> {
  for (;;) {
    try {
      const text = readFileSync(file, "utf8");
      if (text.endsWith("\n")) return text.trim();
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe("plain processes", () => {
  test("what a program has started ends with it", async () => {
    const { path, registry } = newRegistry();
    const child = join(directory, "child");
    const script = `sleep 1000 & echo $! > ${child}.new; mv ${child}.new ${child}; exit 3`;
    const started = startPlainProcess(
      { argv: shell(script), env: environment, logFile: join(directory, "a.log") },
      registry,
    );
    expect(await started.exited).toEqual({ code: 3 });
    const pid = Number(await untilText(child));
    while (processStartTicks(pid) !== undefined) await new Promise((resolve) => setImmediate(resolve));
    expect(readdirSync(path)).toEqual([]);
  });

  test("a signal reaches the whole group", async () => {
    const { registry } = newRegistry();
    const started = startPlainProcess(
      { argv: shell("sleep 1000"), env: environment, logFile: join(directory, "b.log") },
      registry,
    );
    started.signal("SIGTERM");
    expect(await started.exited).toMatchObject({ signal: "SIGTERM" });
  });

  test("leftovers are ended by their own names, and nobody else", async () => {
    const { path, registry } = newRegistry();
    const start = (log: string) =>
      startPlainProcess(
        { argv: ["sleep", "1000"], env: environment, logFile: join(directory, log), searchPath: environment.PATH },
        registry,
      );
    const ours = start("c.log");
    const other = start("d.log");
    // As if the id had been given to another process since.
    writeFileSync(join(path, `${other.pid}`), "1");
    expect(endLeftoverProcesses(path, new Date())).toBe(1);
    expect(await ours.exited).toMatchObject({ signal: "SIGKILL" });
    expect(processStartTicks(other.pid)).toBe(other.startTicks);
    other.signal("SIGKILL");
    await other.exited;
  });

  test("what was written before the machine was started is nobody", async () => {
    const { path, registry } = newRegistry();
    const running = startPlainProcess(
      { argv: shell("sleep 1000"), env: environment, logFile: join(directory, "e.log") },
      registry,
    );
    const before = new Date(Date.now() - uptime() * 1000 - 60_000);
    utimesSync(join(path, `${running.pid}`), before, before);
    expect(endLeftoverProcesses(path, new Date())).toBe(0);
    expect(processStartTicks(running.pid)).toBe(running.startTicks);
    running.signal("SIGKILL");
    await running.exited;
  });

  test("without a registry there is nothing to end", () => {
    expect(endLeftoverProcesses(join(directory, "none"), new Date())).toBe(0);
  });
});

describe("plain containers", () => {
  const podDirectory = (uid: string) => join(directory, uid);
  const resolveCommand = createImageMap({ entries: [], self: ["symbolon"] });
  const setUp = async (command: readonly string[]) => {
    const pods = createLoopbackPods({ podDirectory, resolveCommand });
    const container = {
      name: "main",
      image: "",
      command,
      args: [],
      env: [{ name: "OWN", value: "its own value" }],
      ports: [],
    };
    const pod = fakePod(`pod-${registries}`, { containers: [container] });
    createPodDirectory(podDirectory(pod.uid), { ...pod, clusterDomain: "cluster.local" });
    await pods.createPod(pod);
    const { registry } = newRegistry();
    const containers = createPlainContainers({
      pods,
      registry,
      resolveCommand,
      podDirectory,
      workloadSocket: (uid) => join(podDirectory(uid), "uds/socket"),
      logFile: () => join(directory, `${pod.uid}.log`),
      uid: 0,
      baseEnvironment: environment,
      defaultWorkingDirectory: directory,
    });
    return { pods, pod, container, start: () => containers.start(pod, container, command) };
  };

  test("have the environment that leads to their proxy, and show the secret in no command line", async () => {
    mkdirSync(directory, { recursive: true });
    const out = join(directory, "environment");
    const script = `{ env; tr '\\0' ' ' < /proc/$$/cmdline; echo; } > ${out}.new; mv ${out}.new ${out}`;
    const { pods, pod, start } = await setUp(shell(script));
    await (await start()).exited;
    const text = await untilText(out);
    const { http_proxy: url = "" } = pods.environment(pod.uid);
    expect(text.split("\n")).toEqual(
      expect.arrayContaining([
        `http_proxy=${url}`,
        "OWN=its own value",
        "NODE_USE_ENV_PROXY=1",
        `HOSTNAME=${pod.name}`,
      ]),
    );
    expect(text.split("\n").at(-1)).not.toContain(new URL(url).password);
  });

  test("a program that is not there is a failed start with its name", async () => {
    const { start } = await setUp(["no-such-program"]);
    await expect(start()).rejects.toMatchObject({
      code: "ERR_CONTAINER_START",
      message: expect.stringContaining('container "main" cannot be started: program "no-such-program" is not in '),
    });
  });

  test("a later command has the same environment and directory", async () => {
    const { pods, pod, start } = await setUp(["true"]);
    await (await start()).exited;
    const { argv, env, workingDirectory } = plainExec({
      podDirectory: podDirectory(pod.uid),
      container: "main",
      command: ["./x", "y"],
      environment: { TERM: "vt100", OWN: "the terminal's" },
    });
    expect(argv).toEqual([join(directory, "x"), "y"]);
    expect(workingDirectory).toBe(directory);
    expect(env).toMatchObject({ ...pods.environment(pod.uid), TERM: "vt100", OWN: "its own value" });
  });
});
