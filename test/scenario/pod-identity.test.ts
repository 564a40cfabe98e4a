import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { openCaller } from "../fakes/workload-caller.ts";
import {
  deployment,
  eventually,
  hostProcesses,
  type MeshUnderTest,
  missing,
  namespace,
  startMesh,
} from "./mesh-under-test.ts";

const PROGRAM = resolve(import.meta.dir, "programs/fetch-svid.ts");
const FETCH = [process.execPath, PROGRAM] as const;
/** Tells the watcher from other programs on this machine. */
const MARK = `watcher-of-${process.pid}`;
const watchers = () => hostProcesses((commandLine) => commandLine.includes(`${PROGRAM} watch ${MARK}`));
const why = missing("python3");
const WEB = "spiffe://cluster.local/ns/foo/sa/web";

/** SPIFFE Workload Endpoint Appendix A. */
const NO_IDENTITY = { code: "PERMISSION_DENIED", details: "no identity issued" };

const PODS =
  namespace("foo", true) +
  namespace("bar") +
  deployment({ name: "web", namespace: "foo", command: ["sleep", "infinity"] }) +
  deployment({ name: "other", namespace: "foo", command: ["sleep", "infinity"] }) +
  deployment({ name: "plain", namespace: "bar", command: ["sleep", "infinity"] }) +
  deployment({ name: "watcher", namespace: "foo", command: [...FETCH, "watch", MARK] });

interface Answer {
  readonly ids?: readonly string[];
  readonly token?: string;
  readonly validated?: string;
  readonly jwtDomains?: readonly string[];
  readonly code?: string;
  readonly message?: string;
}

const answerOf = (text: string): Answer => JSON.parse(text.trim().split("\n").at(-1) || "{}") as Answer;
const pods = (mesh: MeshUnderTest) =>
  new Map(mesh.objects("pods").map(({ metadata }) => [metadata.name.split("-")[0] ?? "", metadata.uid]));
const socketOf = (mesh: MeshUnderTest, pod: string) =>
  join(mesh.runtimeDirectory, "pods", pods(mesh).get(pod) ?? "", "uds/socket");
const auditOf = (mesh: MeshUnderTest) =>
  readFileSync(join(mesh.stateDirectory, "audit/agent/audit-000000000001.jsonl"), "utf8");

/** A process of this machine, outside of every pod. */
function fetchOnHost(socket: string, prefix: readonly string[] = []): Answer {
  const [command = "", ...args] = [...prefix, ...FETCH];
  const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: `unix://${socket}` };
  return answerOf(spawnSync(command, args, { encoding: "utf8", env, timeout: 60_000 }).stdout);
}

/** What a gRPC client of this machine is told, whatever it calls. */
async function expectNoIdentity(socket: string): Promise<void> {
  const caller = openCaller(socket);
  try {
    for (const method of ["FetchX509SVID", "FetchX509Bundles", "FetchJWTBundles"])
      expect(await caller.stream(method).next()).toEqual(NO_IDENTITY);
    expect(await caller.unary("FetchJWTSVID", { audience: ["test"] })).toEqual(NO_IDENTITY);
    expect(await caller.unary("ValidateJWTSVID", { audience: "test", svid: "a.b.c" })).toEqual(NO_IDENTITY);
  } finally {
    caller.close();
  }
}

interface HostExamination {
  readonly selectors: readonly string[];
  readonly identities: readonly string[];
  readonly entries: readonly {
    readonly name: string;
    readonly firstDifference?: unknown;
    readonly x509Lifetime?: unknown;
  }[];
}

function explain(mesh: MeshUnderTest, pid: number): unknown {
  return JSON.parse(mesh.symbolon("attest", "explain", "--pid", `${pid}`, "-o", "json").stdout || "{}");
}

function expectIdentity(answer: Answer, id: string): void {
  expect(answer).toEqual({
    ids: [id],
    domains: ["cluster.local"],
    token: id,
    validated: id,
    jwtDomains: ["cluster.local"],
  } as Answer);
}

describe.skipIf(why !== undefined)("identity of a pod's processes", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(PODS, "--svid-ttl", "30s");
  });
  afterAll(() => mesh?.down());

  test("a program finds the endpoint in its environment, and behind it the pod's certificate and tokens", () => {
    expect(mesh.exec("web", "foo", "sh", "-c", "echo $SPIFFE_ENDPOINT_SOCKET").stdout.trim()).toBe(
      "unix:///var/run/secrets/workload-spiffe-uds/socket",
    );
    expectIdentity(answerOf(mesh.exec("web", "foo", ...FETCH).stdout), WEB);
    expect(auditOf(mesh)).toContain(`"subject":"${WEB}","authority":"service account of the pod"`);
  });

  test("a pod without sidecar has its own as well, once it asks", () => {
    expectIdentity(answerOf(mesh.exec("plain", "bar", ...FETCH).stdout), "spiffe://cluster.local/ns/bar/sa/plain");
  });

  test("a process that has made namespaces of its own is still the pod's", () => {
    const script = `unshare --user --net -- ${FETCH.join(" ")}; true`;
    expectIdentity(answerOf(mesh.exec("web", "foo", "sh", "-c", script).stdout), WEB);
  });

  test("the container's own program follows each rotation", async () => {
    const seen = await eventually(
      "a second certificate",
      () =>
        mesh
          .symbolon("logs", "deploy/watcher", "-n", "foo")
          .stdout.split("\n")
          .filter((line) => line.startsWith("{"))
          .map((line) => JSON.parse(line) as { id: string; serial: string }),
      (lines) => new Set(lines.map(({ serial }) => serial)).size >= 2,
      90,
    );
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(["spiffe://cluster.local/ns/foo/sa/watcher"]));
  });

  test("a process of this machine, which the agent cannot see, is told that it has no identity", async () => {
    const strangers = () =>
      auditOf(mesh).match(/"actor":"unknown process","code":"ERR_PEER_CREDENTIALS"/g)?.length ?? 0;
    expect(strangers()).toBe(0);
    await expectNoIdentity(socketOf(mesh, "web"));
    expect(fetchOnHost(socketOf(mesh, "web")).code).toBe("ERR_WORKLOAD_API_NO_IDENTITY");
    // Two connections, within a minute of one another.
    expect(strangers()).toBe(1);
  });

  test("a process of another pod gets nothing, and that is on record; in its own pod the same process is served", () => {
    const [supervisor = 0] = mesh
      .processes("internal", "supervisor")
      .filter((pid) => readFileSync(`/proc/${pid}/status`, "utf8").match(/^NSpid:.*\t1$/m));
    const inPod = (pod: string) => [
      "nsenter",
      `--target=${supervisor}`,
      ...["--user", "--mount", "--pid", "--preserve-credentials", "--"],
      "nsenter",
      `--net=${join(mesh.runtimeDirectory, "netns", `${pods(mesh).get(pod)}.a`)}`,
      "--",
    ];
    const refused = fetchOnHost(socketOf(mesh, "web"), inPod("other"));
    expect(refused.code).toBe("ERR_WORKLOAD_API_NO_IDENTITY");
    expect(auditOf(mesh)).toMatch(/"outcome":"refused".*"ERR_WORKLOAD_NOT_ENTITLED".* is not in pod foo\/web-/);
    expectIdentity(fetchOnHost(socketOf(mesh, "web"), inPod("web")), WEB);
  });

  test("attest explain names the pod of a process inside, and its identity", () => {
    const [watcher = 0] = watchers();
    expect(explain(mesh, watcher)).toEqual({
      pid: watcher,
      place: "pod",
      pod: { namespace: "foo", name: expect.stringMatching(/^watcher-/) },
      spiffeId: "spiffe://cluster.local/ns/foo/sa/watcher",
      x509Lifetime: expect.objectContaining({ because: "default" }),
      jwtLifetime: { seconds: 300, because: "default", wantedSeconds: 300 },
    });
    const [agent = 0] = mesh.processes("internal agent");
    expect(explain(mesh, agent)).toEqual({ pid: agent, place: "mesh" });
  });

  test("attest explain says of a process outside what it has, and why an entry is not for it", () => {
    const before = explain(mesh, process.pid) as HostExamination;
    expect(before.selectors).toContain(`unix:uid:${process.getuid?.()}`);
    expect(before.identities).toEqual([]);
    const id = "spiffe://cluster.local/tests";
    mesh.symbolon("entry", "create", "other", "--spiffe-id", `${id}/other`, "--selector", "unix:uid:54321");
    mesh.symbolon("entry", "create", "mine", "--spiffe-id", id, "--selector", `unix:uid:${process.getuid?.()}`);
    const after = explain(mesh, process.pid) as HostExamination;
    expect(after.identities).toEqual([id]);
    expect(after.entries.find(({ name }) => name === "other")?.firstDifference).toEqual({
      wanted: "unix:uid:54321",
      got: [`unix:uid:${process.getuid?.()}`],
    });
    expect(after.entries.find(({ name }) => name === "mine")?.x509Lifetime).toEqual({
      seconds: 30,
      because: "default",
      wantedSeconds: 30,
    });
    // What it says is what the agent does.
    expect(fetchOnHost(join(mesh.runtimeDirectory, "workload.sock")).ids).toEqual([id]);
  });

  test("attest explain refuses a process that is not there, and what is no process id", () => {
    expect(mesh.symbolon("attest", "explain", "--pid", `${2 ** 22}`)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("(ERR_PROCESS_NOT_FOUND)"),
    });
    expect(mesh.symbolon("attest", "explain", "--pid", "0").status).toBe(64);
  });

  test("an agent that is started again serves the same sockets", async () => {
    for (const pid of mesh.processes("internal agent")) process.kill(pid, "SIGKILL");
    await eventually(
      "the pod's identity",
      () => answerOf(mesh.exec("web", "foo", ...FETCH).stdout),
      ({ ids }) => ids?.[0] === WEB,
    );
  });
});

describe.skipIf(why !== undefined)("identity of a pod's processes, explicit capture", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(PODS, "--capture", "explicit", "--svid-ttl", "30s");
  });
  afterAll(() => mesh?.down());

  test("a command in a pod, and the container's own program, have the pod's identity", async () => {
    expect(mesh.exec("web", "foo", "sh", "-c", "echo $SPIFFE_ENDPOINT_SOCKET").stdout.trim()).toBe(
      `unix://${socketOf(mesh, "web")}`,
    );
    expectIdentity(answerOf(mesh.exec("web", "foo", ...FETCH).stdout), WEB);
    await eventually(
      "a first certificate",
      () => mesh.symbolon("logs", "deploy/watcher", "-n", "foo").stdout,
      (text) => text.includes('"id":"spiffe://cluster.local/ns/foo/sa/watcher"'),
    );
  });

  test("attest explain names the pod of a process inside", () => {
    const [watcher = 0] = watchers();
    expect(explain(mesh, watcher)).toMatchObject({ place: "pod", spiffeId: expect.stringContaining("/sa/watcher") });
  });

  test("a process of this machine, and one of another pod, are told that they have no identity", async () => {
    await expectNoIdentity(socketOf(mesh, "web"));
    const socket = `SPIFFE_ENDPOINT_SOCKET=unix://${socketOf(mesh, "web")}`;
    const answer = answerOf(mesh.exec("other", "foo", "env", socket, ...FETCH).stdout);
    expect(answer.code).toBe("ERR_WORKLOAD_API_NO_IDENTITY");
    expect(auditOf(mesh)).toMatch(/"outcome":"refused".*"ERR_WORKLOAD_NOT_ENTITLED".* is not in pod foo\/web-/);
  });
});
