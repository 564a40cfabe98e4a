import { afterEach, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  eventually,
  execInBackground,
  hostProcesses,
  type MeshUnderTest,
  missing,
  startMesh,
  TWO_NAMESPACES,
} from "./mesh-under-test.ts";

const why = missing("curl");

describe.skipIf(why !== undefined)("a killed process", () => {
  let mesh: MeshUnderTest;
  afterEach(() => mesh?.down());
  const processOf = (role: string, ...words: string[]) => {
    const found = hostProcesses(
      (line) =>
        line.includes(mesh.directory) &&
        line.includes(`internal ${role}`) &&
        !line.includes("unshare") &&
        words.every((word) => line.includes(word)),
    );
    if (found.length === 0) throw new Error(`no ${role} is running`);
    return found;
  };
  const works = () => mesh.curl("foo", "http://httpbin.foo:8000/ip", "--max-time", "5");

  test("control plane: traffic goes on, and it comes back with the same pods", async () => {
    mesh = startMesh(TWO_NAMESPACES);
    const before = mesh.objects("pods").map((pod) => [pod.metadata.name, pod.metadata.uid, pod.status.podIP]);
    for (const pid of processOf("control-plane")) process.kill(pid, "SIGKILL");
    expect(works()).toBe("200/0");
    await eventually(
      "the control plane",
      () => mesh.symbolon("get", "pods", "-A").status,
      (status) => status === 0,
    );
    expect(mesh.objects("pods").map((pod) => [pod.metadata.name, pod.metadata.uid, pod.status.podIP])).toEqual(before);
    expect(works()).toBe("200/0");
  });

  test("agent: traffic goes on with the certificates that the proxies hold, and a new agent serves them again", async () => {
    mesh = startMesh(TWO_NAMESPACES);
    const serials = () => mesh.symbolon("proxy-config", "secret", "deploy/httpbin", "-n", "foo").stdout;
    const before = serials();
    const [agent] = processOf("agent");
    process.kill(agent ?? 0, "SIGKILL");
    expect(works()).toBe("200/0");
    await eventually(
      "a new certificate from the new agent",
      serials,
      (now) => now.includes("ACTIVE") && now !== before,
    );
    expect(works()).toBe("200/0");
  });

  test("agent, while the CA is away: proxies keep the certificates they hold, and new connections go on", async () => {
    mesh = startMesh(TWO_NAMESPACES);
    const calls = 10;
    const call = "curl -s -o /dev/null -w '%{http_code} ' --max-time 5 http://httpbin.foo:8000/ip";
    const loop = `for i in $(seq ${calls}); do ${call}; sleep 0.4; done`;
    const traffic = execInBackground(mesh, "curl", "foo", "sh", "-c", loop);
    await eventually(
      "the first call",
      () => mesh.connections("curl", "foo").length,
      (count) => count > 0,
    );
    const stopped = processOf("control-plane");
    for (const pid of stopped) process.kill(pid, "SIGSTOP");
    try {
      for (const pid of processOf("agent")) process.kill(pid, "SIGKILL");
      const { stdout } = await traffic.result;
      expect(stdout.trim().split(" ")).toEqual(Array.from({ length: calls }, () => "200"));
    } finally {
      for (const pid of stopped) process.kill(pid, "SIGCONT");
    }
  });

  test("proxy: the application lives on, and its sidecar comes back", async () => {
    mesh = startMesh(TWO_NAMESPACES);
    const pod = mesh.objects("pods", "foo").find((candidate) => candidate.metadata.name.startsWith("httpbin"));
    for (const pid of processOf("proxy", pod?.metadata.uid ?? "")) process.kill(pid, "SIGKILL");
    await eventually("traffic", works, (outcome) => outcome === "200/0");
    const after = mesh.objects("pods", "foo").find((candidate) => candidate.metadata.name.startsWith("httpbin"));
    expect(after?.metadata.uid).toBe(pod?.metadata.uid);
  });

  test("supervisor: the kernel ends the mesh, and the launcher brings it back", async () => {
    mesh = startMesh(TWO_NAMESPACES);
    for (const pid of processOf("supervisor")) process.kill(pid, "SIGKILL");
    await eventually("traffic", works, (outcome) => outcome === "200/0", 60);
  });

  test("down leaves no process, no namespace and no socket, also after every process was killed", async () => {
    for (const role of ["none", "launcher", "supervisor", "all"]) {
      mesh = startMesh(TWO_NAMESPACES);
      const mine = () => hostProcesses((line) => line.includes(mesh.directory));
      if (role === "all") for (const pid of mine()) kill(pid);
      else if (role !== "none") for (const pid of processOf(role)) kill(pid);
      const runtime = mesh.runtimeDirectory;
      expect(mesh.symbolon("down").status).toBe(0);
      await eventually(`no process after ${role}`, mine, (pids) => pids.length === 0, 10);
      expect(existsSync(runtime)).toBe(false);
      mesh.down();
    }
  });
});

/** The death of one process can be that of others, which are then gone already. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as { readonly code?: string }).code !== "ESRCH") throw error;
  }
}
