import { afterEach, describe, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { saveContainerProcess } from "./container-spec.ts";
import { endpointVariable } from "./endpoint-variable.ts";
import { savePodCapture } from "./pod-capture-file.ts";
import { podLayout } from "./pod-directory.ts";
import {
  createForeignPodProcesses,
  createNamespacePodProcesses,
  createPlainPodProcesses,
  isBelow,
} from "./pod-processes.ts";
import { childProcesses, processStartTicks } from "./process-stat.ts";
import {
  createProxyCredentials,
  credentialsDigest,
  digestInEnvironment,
  proxyEnvironment,
} from "./proxy-credentials.ts";

const children: ChildProcess[] = [];
const directories: string[] = [];
afterEach(() => {
  for (const child of children.splice(0)) if (child.pid) process.kill(-child.pid, "SIGKILL");
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A shell with `count` generations of children below it. @returns process ids, the eldest first */
async function family(command: readonly string[], env: NodeJS.ProcessEnv, count: number): Promise<readonly number[]> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { env, detached: true, stdio: "ignore" });
  children.push(child);
  const line = [child.pid ?? 0];
  while (line.length <= count) {
    const [next] = childProcesses(line.at(-1) ?? 0);
    if (next !== undefined) line.push(next);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return line;
}

const SLEEP = ["sh", "-c", "sleep 60; true"];
const canUnshare =
  process.platform === "linux" && spawnSync("unshare", ["--user", "--map-root-user", "--net", "true"]).status === 0;

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-pods-"));
  directories.push(directory);
  return directory;
}

describe.skipIf(!canUnshare)("processes of a pod that is a network namespace", () => {
  const inNamespace = ["unshare", "--user", "--map-root-user", "--net", "--", ...SLEEP];
  /** The eldest has entered the new namespace once it has executed the shell. */
  const settled = async (pid: number): Promise<void> => {
    while (!readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sh\0"))
      await new Promise((resolve) => setImmediate(resolve));
  };

  async function pods() {
    const directory = temporary();
    const [a = 0, belowA = 0] = await family(inNamespace, process.env, 1);
    const [b = 0] = await family(inNamespace, process.env, 1);
    await settled(a);
    await settled(b);
    symlinkSync(`/proc/${a}/ns/net`, join(directory, "a.a"));
    symlinkSync(`/proc/${b}/ns/net`, join(directory, "b.a"));
    return { a, belowA, b, directory };
  }

  test("are those that have it, and those that these have started", async () => {
    const { a, belowA, b, directory } = await pods();
    const processes = createNamespacePodProcesses(directory);
    expect([a, belowA, b].map((pid) => processes.isInPod("a", pid))).toEqual([true, true, false]);
    expect([a, belowA, b].map((pid) => processes.isInPod("b", pid))).toEqual([false, false, true]);
  });

  test("are also those that have made a namespace of their own", async () => {
    const directory = temporary();
    const nested = ["unshare", "--user", "--map-root-user", "--net", "--", "sh", "-c", "unshare --net sleep 60; true"];
    const [outer = 0, inner = 0] = await family(nested, process.env, 1);
    symlinkSync(`/proc/${outer}/ns/net`, join(directory, "a.a"));
    while (!readFileSync(`/proc/${inner}/cmdline`, "utf8").startsWith("sleep\0"))
      await new Promise((resolve) => setImmediate(resolve));
    expect(createNamespacePodProcesses(directory).isInPod("a", inner)).toBe(true);
  });

  test("are none of a pod that does not exist, none that has ended, and not this machine's own", async () => {
    const { a, directory } = await pods();
    const processes = createNamespacePodProcesses(directory);
    expect(processes.isInPod("c", a)).toBe(false);
    expect(processes.isInPod("a", process.pid)).toBe(false);
    expect(processes.isInPod("a", 1)).toBe(false);
    expect(processes.isInPod("a", 2 ** 22 - 1)).toBe(false);
  });

  test("are seen from outside by the containers' first processes", async () => {
    const { a, belowA, b } = await pods();
    const processes = createForeignPodProcesses((uid) => (uid === "a" ? [a] : uid === "b" ? [b] : []));
    expect([a, belowA, b, process.pid].map((pid) => processes.isInPod("a", pid))).toEqual([true, true, false, false]);
    expect(processes.isInPod("c", a)).toBe(false);
  });
});

describe.skipIf(process.platform !== "linux")("processes of a pod that is processes of the user", () => {
  function pod(name: string) {
    const credentials = createProxyCredentials(name);
    const directory = join(temporary(), name);
    mkdirSync(podLayout(directory).containers, { recursive: true });
    savePodCapture(directory, {
      outboundPort: 15100,
      credentialsDigest: credentialsDigest(credentials),
      applicationPorts: {},
    });
    return { directory, env: { PATH: process.env.PATH, ...proxyEnvironment(15100, credentials) } };
  }
  const isIn = (directory: string, pid: number) => createPlainPodProcesses(() => directory).isInPod("any", pid);

  test("have been started with the pod's secret", async () => {
    const [a, b] = [pod("a"), pod("b")];
    const line = await family(SLEEP, a.env, 1);
    expect(line.map((pid) => isIn(a.directory, pid))).toEqual([true, true]);
    expect(line.map((pid) => isIn(b.directory, pid))).toEqual([false, false]);
    expect(isIn(a.directory, process.pid)).toBe(false);
  });

  test("or by the container's own process, whatever has become of the environment", async () => {
    const { directory } = pod("a");
    const line = await family(SLEEP, { PATH: process.env.PATH }, 1);
    const [first = 0] = line;
    expect(line.map((pid) => isIn(directory, pid))).toEqual([false, false]);
    saveContainerProcess(podLayout(directory).containers, "main", {
      pid: first,
      startTicks: (processStartTicks(first) ?? 0) + 1,
    });
    expect(line.map((pid) => isIn(directory, pid))).toEqual([false, false]);
    saveContainerProcess(podLayout(directory).containers, "main", {
      pid: first,
      startTicks: processStartTicks(first) ?? 0,
    });
    expect(line.map((pid) => isIn(directory, pid))).toEqual([true, true]);
  });

  test("are none while nothing is known of the pod", async () => {
    const { env } = pod("a");
    const [first = 0] = await family(SLEEP, env, 1);
    expect(isIn(join(temporary(), "missing"), first)).toBe(false);
    const damaged = temporary();
    writeFileSync(join(damaged, "capture.json"), "{");
    expect(isIn(damaged, first)).toBe(false);
  });
});

describe("what a process's environment says", () => {
  test("only the proxy's own variable counts, with all of the credentials", () => {
    const credentials = { user: "web", secret: "s3cret" };
    const digest = credentialsDigest(credentials);
    const { http_proxy: url } = proxyEnvironment(15100, credentials);
    expect(digestInEnvironment(["A=b", `http_proxy=${url}`])).toBe(digest);
    for (const other of [
      `X=http_proxy=${url}`,
      "http_proxy=http://127.0.0.1:15100",
      `http_proxy=${url}/x`,
      "http_proxy=",
    ])
      expect([other, digestInEnvironment([other])]).toEqual([other, undefined]);
    expect(digestInEnvironment(["http_proxy=http://web:other@127.0.0.1:15100"])).not.toBe(digest);
  });

  test("the endpoint's address is a URI: what has a meaning in one is written as octets", () => {
    expect(endpointVariable("/run/a b/50%/#x?/socket")).toEqual({
      SPIFFE_ENDPOINT_SOCKET: "unix:///run/a%20b/50%25/%23x%3F/socket",
    });
  });
});

describe.skipIf(process.platform !== "linux")("isBelow", () => {
  test("a process is below itself and below who started it, not the other way", async () => {
    const [parent = 0, child = 0] = await family(SLEEP, process.env, 1);
    expect([isBelow(child, parent), isBelow(child, child), isBelow(parent, child)]).toEqual([true, true, false]);
  });
});
