/** Processes outside pods: this test is one, and asks a real mesh for its identity as any SPIFFE client would. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSymbolonError } from "@symbolon/spiffe/core";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { createWorkloadApiClient, type X509Context } from "@symbolon/spiffe/workload-api";
import {
  eventually,
  hostProcesses,
  type MeshUnderTest,
  missing,
  prepareMesh,
  ROOT,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing();
const ME = [`unix:uid:${process.getuid?.()}`, `unix:path:${realpathSync(process.execPath)}`];
const ID = "spiffe://cluster.local/outside/test";
const EMPTY = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n";

describe.skipIf(why !== undefined)("a process outside pods", () => {
  let mesh: MeshUnderTest;
  let socket = "";
  beforeAll(() => {
    mesh = startMesh(EMPTY);
    socket = `unix://${join(mesh.runtimeDirectory, "workload.sock")}`;
  });
  afterAll(() => mesh?.down());

  const select = (selectors: readonly string[]) => selectors.flatMap((selector) => ["--selector", selector]);
  const entry = (...args: readonly string[]) => succeed(mesh.symbolon("entry", ...args));
  const processOf = (role: string): number => {
    const [pid] = hostProcesses(
      (line) => line.includes(mesh.directory) && line.includes(`internal ${role} `) && !line.includes("unshare"),
    );
    if (pid === undefined) throw new Error(`no ${role} is running`);
    return pid;
  };

  async function fetched(): Promise<X509Context> {
    await using client = createWorkloadApiClient({ socket });
    return await client.fetchX509Context({ timeoutMs: 15_000 });
  }

  /** Code of what a fetch ends with. */
  const failure = () =>
    fetched().then(
      ({ svid }) => `got ${svid.spiffeId}`,
      (error) => (isSymbolonError(error) ? error.code : String(error)),
    );
  const serial = async () => (await fetched()).svid.leaf.serialNumberHex;

  test("finds a socket that is the mesh's user's alone, and status says where", () => {
    const { stdout } = mesh.symbolon("status");
    expect(stdout).toContain(`Workload API for processes outside pods ${socket}`);
    expect(statSync(socket.slice("unix://".length)).mode & 0o777).toBe(0o600);
    expect(statSync(join(mesh.runtimeDirectory, "ca.sock")).mode & 0o777).toBe(0o600);
  });

  test("has no identity without an entry, nor by one that is nearly for it", async () => {
    expect(await failure()).toBe("ERR_WORKLOAD_API_NO_IDENTITY");
    entry("create", "near", "--spiffe-id", `${ID}/near`, ...select([...ME, "unix:gid:4242"]));
    expect(await failure()).toBe("ERR_WORKLOAD_API_NO_IDENTITY");
    entry("delete", "near");
  });

  test("gets what its entry says: identity, names, life, hint; X.509 and JWT", async () => {
    entry(
      "create",
      "me",
      "--spiffe-id",
      ID,
      ...select(ME),
      "--ttl",
      "10m",
      "--dns",
      "me.example.org",
      "--hint",
      "test",
    );
    const { svid, svids, bundles } = await fetched();
    expect(svid.spiffeId.toString()).toBe(ID);
    expect(svids.map(({ hint }) => hint)).toEqual(["test"]);
    expect(svid.leaf.extensions.subjectAltName?.dnsNames).toEqual(["me.example.org"]);
    expect(svid.notAfter.getTime() - Date.now()).toBeLessThanOrEqual(600_000);
    const now = new Date();
    verifyX509Svid(
      svid.chain.map(({ der }) => der),
      bundles,
      { now },
    );

    await using client = createWorkloadApiClient({ socket });
    const token = await client.fetchJwtSvid({ audience: "api" });
    expect(token.spiffeId.toString()).toBe(ID);
    const validated = await client.validateJwtSvid(token.token.expose(), "api");
    expect(validated.spiffeId.toString()).toBe(ID);
    const foreign = await client.validateJwtSvid(token.token.expose(), "other").catch((error) => error.code);
    expect(foreign).toBe("ERR_WORKLOAD_API_REFUSED");
  });

  test("is told of a change of its entry and of renewals while it watches", async () => {
    await using client = createWorkloadApiClient({ socket });
    const serials = new Set<string>();
    const lives: number[] = [];
    let changed = false;
    for await (const { svid } of client.watchX509Context()) {
      serials.add(svid.leaf.serialNumberHex);
      lives.push(svid.notAfter.getTime() - Date.now());
      if (!changed) entry("update", "me", "--ttl", "5s");
      changed = true;
      if (serials.size === 4) break;
    }
    expect(lives[0]).toBeGreaterThan(60_000);
    expect(Math.max(...lives.slice(1))).toBeLessThanOrEqual(5000);
    entry("update", "me", "--ttl", "10m");
  });

  test("keeps its identity while the control plane is dead, and gets the next one afterwards", async () => {
    const before = await serial();
    process.kill(processOf("control-plane"), "SIGKILL");
    expect(await serial()).toBe(before);
    await eventually(
      "the control plane",
      () => mesh.symbolon("entry", "list").status,
      (status) => status === 0,
    );
    // The agent has not lost its entries meanwhile, and hears of new ones.
    entry("create", "second", "--spiffe-id", `${ID}/second`, ...select(ME));
    await eventually(
      "the second identity",
      async () => (await fetched()).svids.length,
      (count) => count === 2,
    );
    expect((await fetched()).svids.map(({ svid }) => svid.spiffeId.toString())).toEqual([ID, `${ID}/second`]);
    entry("delete", "second");
  });

  test("gets a new certificate from a new host-agent after the old one was killed, on the stream that it had", async () => {
    await using client = createWorkloadApiClient({ socket });
    const killed = processOf("host-agent");
    const serials: string[] = [];
    for await (const { svid } of client.watchX509Context()) {
      serials.push(svid.leaf.serialNumberHex);
      if (serials.length === 1) process.kill(killed, "SIGKILL");
      if (serials.length === 2) break;
    }
    expect(serials[0]).not.toBe(serials[1]);
    expect(processOf("host-agent")).not.toBe(killed);
    expect(statSync(socket.slice("unix://".length)).mode & 0o777).toBe(0o600);
  });

  test("loses its identity with its entry: the stream ends with PermissionDenied", async () => {
    await using client = createWorkloadApiClient({ socket });
    const problems: string[] = [];
    const ending = new AbortController();
    const watch = client.watchX509Context({
      signal: ending.signal,
      onProblem({ error }) {
        problems.push(error.code);
        ending.abort();
      },
    });
    await watch.next();
    entry("delete", "me");
    await watch.next().catch(() => undefined);
    expect(problems).toEqual(["ERR_WORKLOAD_API_NO_IDENTITY"]);
    expect(await failure()).toBe("ERR_WORKLOAD_API_NO_IDENTITY");
  });

  test("is on record, in logs that are whole", () => {
    expect(mesh.symbolon("audit", "verify").status).toBe(0);
    const issued = mesh.symbolon("audit", "query", "--actor", "entry me", "-o", "json").stdout;
    expect(issued).toContain("certificate.issue");
    expect(issued).toContain("token.issue");
    const delivered = mesh.symbolon("audit", "query", "--kind", "identity.deliver", "-o", "json").stdout;
    expect(delivered).toContain(ID);
    expect(delivered).toContain("ERR_WORKLOAD_NOT_ENTITLED");
  });

  test("down leaves no process behind", () => {
    expect(mesh.symbolon("down").status).toBe(0);
    expect(hostProcesses((line) => line.includes(mesh.directory))).toEqual([]);
  });
});

describe.skipIf(why !== undefined)("a socket for other users", () => {
  let mesh: MeshUnderTest;
  afterEach(() => mesh?.down());

  /** The code, or the identity, that a program of another user gets; it must be able to read the sources. */
  function asUser(uid: number, socket: string): string {
    const program = `
      const { createWorkloadApiClient } = await import("${ROOT}/packages/spiffe/src/workload-api/index.ts");
      const client = createWorkloadApiClient({ socket: "unix://${socket}" });
      console.log(await client.fetchX509Context({ timeoutMs: 15000 }).then(({ svid }) => String(svid.spiffeId), (error) => error.code));
      process.exit();`;
    const result = spawnSync(process.execPath, ["-e", program], { uid, gid: uid, cwd: "/", encoding: "utf8" });
    return result.stdout.trim() || result.stderr || String(result.error);
  }

  test("lets every user connect, and each gets what is his", () => {
    const directory = mkdtempSync(join(tmpdir(), "symbolon-open-"));
    chmodSync(directory, 0o755);
    const socket = join(directory, "api.sock");
    mesh = startMesh(EMPTY, "--workload-socket", socket);
    expect(mesh.symbolon("status").stdout).toContain(`unix://${socket}`);
    expect(statSync(socket).mode & 0o777).toBe(0o666);
    succeed(
      mesh.symbolon("entry", "create", "--spiffe-id", "spiffe://cluster.local/other", "--selector", "unix:uid:65534"),
    );
    if (process.getuid?.() === 0) {
      expect(asUser(65_534, socket)).toBe("spiffe://cluster.local/other");
      expect(asUser(65_533, socket)).toBe("ERR_WORKLOAD_API_NO_IDENTITY");
    }
    mesh.symbolon("down");
    expect(existsSync(socket)).toBe(false);
    rmSync(directory, { recursive: true });
  });

  test("is refused before anything starts when it cannot be there", () => {
    mesh = prepareMesh();
    const up = (path: string) => mesh.symbolon("up", "--no-dashboard", "-f", mesh.directory, "--workload-socket", path);
    const long = up(join(mesh.directory, "x".repeat(120)));
    expect(long.stderr).toContain("at most 107 fit into the address of a Unix socket");
    expect(long.status).not.toBe(0);
    expect(up(join(mesh.directory, "missing", "api.sock")).stderr).toContain('missing" does not exist');
    writeFileSync(join(mesh.directory, "mesh.yaml"), EMPTY);
    const directory = mkdtempSync(join(tmpdir(), "symbolon-taken-"));
    const taken = Bun.listen({ unix: join(directory, "taken.sock"), socket: { data() {} } });
    try {
      expect(up(join(directory, "taken.sock")).stderr).toContain("another process listens on");
      writeFileSync(join(directory, "file"), "");
      expect(up(join(directory, "file")).stderr).toContain("is a file that is not a socket; remove it");
      chmodSync(directory, 0o777);
      expect(up(join(directory, "api.sock")).stderr).toContain("it must be ours and writable by nobody else");
    } finally {
      taken.stop();
      rmSync(directory, { recursive: true });
    }
    expect(mesh.processes("internal launcher ")).toEqual([]);
  });
});

describe.skipIf(why !== undefined)("without its launcher", () => {
  let mesh: MeshUnderTest;
  afterEach(() => mesh?.down());

  test("host-agent goes on, and down ends it", () => {
    mesh = startMesh(EMPTY);
    const hostAgents = () => mesh.processes("internal host-agent ");
    const launchers = mesh.processes("internal launcher ");
    expect(launchers).toHaveLength(1);
    for (const pid of launchers) process.kill(pid, "SIGKILL");
    expect(hostAgents()).toHaveLength(1);
    mesh.symbolon("down");
    expect(hostAgents()).toEqual([]);
  });
});
