/**
 * How long a change of policy takes until every proxy enforces it: a control plane and PROXIES proxies, a process each, and
 * one live connection through every proxy. The clock starts before `apply` is called and stops, for each proxy, when it has
 * closed its connection; and when the one client of all of them, which waits for a core like everybody, has seen it. See README.md. node tools/run.mjs bench/change/run.ts [PROXIES] [CHANGES] [POLICIES]
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ApiClient, createApiClient } from "../../packages/symbolon/src/adapters/http/index.ts";
import { processStartTicks } from "../../packages/symbolon/src/adapters/os/index.ts";
import type { Pod } from "../../packages/symbolon/src/mesh/index.ts";
import { createChildPrograms } from "../harness/child-programs.ts";
import { cpuSeconds, machineCpuSeconds } from "../harness/process-usage.ts";

const [proxies = 50, changes = 20, policies = 20] = process.argv.slice(2).map(Number);
const PORT = 19_470;
const APPLICATION = "127.0.0.1";
const POD_RANGE = "127.91.0.0/16";
const BUN = process.execPath;
/** Proxies rehearse changes when they have started. */
const IDLE_MS = 8000;

const DENIAL_KEY = { kind: "AuthorizationPolicy", namespace: "foo", name: "denial" } as const;
const DENIAL = [
  "apiVersion: security.istio.io/v1",
  "kind: AuthorizationPolicy",
  "metadata: {name: denial, namespace: foo}",
  "spec: {action: DENY, rules: [{from: [{source: {ipBlocks: [127.0.0.1]}}]}]}",
].join("\n");

const directory = mkdtempSync(join(tmpdir(), "symbolon-change-"));
const children = createChildPrograms();
const echo = net.createServer((socket) => socket.on("error", () => undefined).pipe(socket));
try {
  echo.listen(PORT, APPLICATION);
  await once(echo, "listening");
  const plane = children.start([BUN, join(import.meta.dir, "control-plane.ts"), directory, POD_RANGE]);
  await once(plane.stdout ?? plane, "data");
  const api = createApiClient({ socketPath: join(directory, "api.sock") });
  await change(api, workload());
  for (let number = 0; number < policies; number++) await change(api, unrelatedPolicy(number));
  const pods = await wantedPods(api);
  const started = await Promise.all(pods.map((pod) => startPod(api, pod)));
  const pids = started.map(({ pid }) => pid);
  for (const { address } of pods) await untilEchoed(address);
  await delay(IDLE_MS);
  console.log(`${pods.length} proxies, ${policies} policies in force`);

  const times: number[] = [];
  const seen: number[] = [];
  const last: number[] = [];
  const answered: number[] = [];
  const cpuOfProxies: number[] = [];
  const cpuOfPlane: number[] = [];
  const others = () => machineCpuSeconds() - cpuSeconds([process.pid]);
  const [since, othersBefore] = [performance.now(), others()];
  for (let round = 0; round < changes; round++) {
    const closed = await Promise.all(pods.map(({ address }) => liveConnection(address)));
    const cpu = [cpuSeconds(pids), cpuSeconds([plane.pid])] as const;
    const start = performance.now();
    const ends = closed.map(({ closedAt }) => closedAt.then((at) => at - start));
    const told = started.map(({ nextRevocation }) =>
      nextRevocation().then((at) => at - performance.timeOrigin - start),
    );
    await change(api, DENIAL);
    answered.push(performance.now() - start);
    seen.push(...(await Promise.all(ends)));
    const each = await Promise.all(told);
    times.push(...each);
    last.push(Math.max(...each));
    cpuOfProxies.push(((cpuSeconds(pids) - cpu[0]) * 1000) / pids.length);
    cpuOfPlane.push((cpuSeconds([plane.pid]) - cpu[1]) * 1000);
    await api.delete({ keys: [DENIAL_KEY], ignoreNotFound: false });
    for (const { address } of pods) await untilEchoed(address);
  }
  const seconds = (performance.now() - since) / 1000;
  const othersShare = (others() - othersBefore) / (seconds * availableParallelism());
  print("apply answered: checked, on disk, pushed", answered);
  print("change to enforced, each proxy", times);
  print("the same, first change alone", times.slice(0, pods.length));
  print("the same without the first change", times.slice(pods.length));
  print("change to enforced by the last proxy", last);
  print("change to seen by the client of all of them", seen);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  console.log(
    `CPU of one change: ${mean(cpuOfProxies).toFixed(1)} ms a proxy, ${mean(cpuOfPlane).toFixed(1)} ms the control plane`,
  );
  console.log(`CPU of everybody else meanwhile: ${(othersShare * 100).toFixed(0)} % of the machine`);
} finally {
  await children.stop();
  echo.close();
  rmSync(directory, { recursive: true, force: true });
}

async function change(api: ApiClient, text: string): Promise<void> {
  const request = { manifests: [{ file: "-", text }], namespace: "foo", allowUnenforced: false, dryRun: false };
  const { accepted, findings } = await api.apply(request);
  if (!accepted) throw new Error(findings.join("\n"));
}

async function wantedPods(api: ApiClient): Promise<readonly Pod[]> {
  const stop = new AbortController();
  try {
    for await (const pods of api.watchPods("bench", stop.signal)) if (pods.length === proxies) return pods;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.abort();
  }
  throw new Error("the control plane has ended");
}

interface StartedProxy {
  readonly pid: number;
  /** Milliseconds of the wall clock. */
  nextRevocation(): Promise<number>;
}

async function startPod(api: ApiClient, pod: Pod): Promise<StartedProxy> {
  const path = join(directory, "config.sock");
  const child = children.start([BUN, join(import.meta.dir, "proxy.ts"), path, pod.uid, pod.address, APPLICATION]);
  const { pid, stdout } = child;
  const proxy = { pid, startTicks: processStartTicks(pid) ?? 0, restarts: 0 };
  const hasStarted = once(stdout ?? child, "data");
  await api.reportPodStatus(pod.uid, { phase: "running", ready: true, proxy, containers: [] });
  await hasStarted;
  // A line is shorter than what a pipe takes in one piece.
  return { pid, nextRevocation: async () => Number(String((await once(stdout ?? child, "data"))[0])) };
}

/** A connection that has carried a byte. */
async function liveConnection(address: string): Promise<{ readonly closedAt: Promise<number> }> {
  const socket = net.connect(PORT, address);
  const closedAt = new Promise<number>((resolve) => {
    socket.on("error", () => undefined).once("close", () => resolve(performance.now()));
  });
  socket.write("x");
  await once(socket, "data");
  return { closedAt };
}

async function untilEchoed(address: string): Promise<void> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    const socket = net.connect(PORT, address);
    const echoed = await new Promise<boolean>((resolve) => {
      socket
        .once("data", () => resolve(true))
        .on("error", () => undefined)
        .once("close", () => resolve(false));
      socket.write("x");
    });
    socket.destroy();
    if (echoed) return;
    await delay(20);
  }
  throw new Error(`the proxy of ${address} carries nothing`);
}

function print(what: string, values: readonly number[]): void {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0).toFixed(1);
  console.log(`${what}: p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, highest ${at(1)} ms (${values.length} samples)`);
}

function workload(): string {
  return [
    "apiVersion: v1",
    "kind: Namespace",
    "metadata: {name: foo, labels: {istio-injection: enabled}}",
    "---",
    "apiVersion: apps/v1",
    "kind: Deployment",
    "metadata: {name: web, namespace: foo}",
    `spec: {replicas: ${proxies}, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}},`,
    `  spec: {containers: [{name: c, image: i, ports: [{containerPort: ${PORT}}]}]}}}`,
    "---",
    "apiVersion: v1",
    "kind: Service",
    "metadata: {name: web, namespace: foo}",
    `spec: {selector: {app: web}, ports: [{name: tcp, port: ${PORT}}]}`,
  ].join("\n");
}

/** Attached to every pod, and a match for nobody who calls here. */
function unrelatedPolicy(number: number): string {
  return [
    "apiVersion: security.istio.io/v1",
    "kind: AuthorizationPolicy",
    `metadata: {name: other-${number}, namespace: foo}`,
    "spec:",
    "  action: DENY",
    "  rules:",
    `  - from: [{source: {principals: ["cluster.local/ns/bar/sa/caller-${number}", "cluster.local/ns/baz/*"]}}]`,
    `    to: [{operation: {methods: [GET, POST], paths: ["/api/v${number}/*", "/internal"], ports: ["${PORT}"]}}]`,
  ].join("\n");
}
