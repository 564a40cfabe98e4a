/**
 * RR-22: the disk under a mesh's state is full, a small tmpfs in a mount namespace of the mesh's own. `symbolon status`
 * says of each process what it cannot write, since when and what that means, and ends with 1 until all is written again.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { CLI, type CommandResult, type MeshUnderTest, prepareMesh } from "./mesh-under-test.ts";

const DISK = "48m";
const RECOVERY_MS = 15_000;
const TIME = String.raw`20\d\d-\d\d-\d\dT[\d:.]+Z`;
const SINCE = `, since ${TIME}, last tried at ${TIME}; `;
const MESH = `
apiVersion: v1
kind: Namespace
metadata: {name: foo}
`;
const CHANGE = `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: foo}
spec: {mtls: {mode: STRICT}}
`;

let holder: ChildProcess;
let mesh: MeshUnderTest;
let workloadSocket: string;
/** The tmpfs, seen from outside its namespace. */
let disk: string;

beforeAll(async () => {
  const script = "echo ready; exec sleep infinity";
  holder = spawn("unshare", ["-rm", "sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(holder.stdout as NonNullable<typeof holder.stdout>, "data");
  const inside = ["-U", "-m", "--preserve-credentials", "-t", String(holder.pid)];
  mesh = prepareMesh(["nsenter", ...inside, process.execPath, CLI]);
  mkdirSync(mesh.stateDirectory, { recursive: true });
  const mount = ["mount", "-t", "tmpfs", "-o", `mode=700,size=${DISK}`, "tmpfs", mesh.stateDirectory];
  expect(spawnSync("nsenter", [...inside, ...mount]).status).toBe(0);
  disk = `/proc/${holder.pid}/root${mesh.stateDirectory}`;
  workloadSocket = join(mesh.directory, "workload.sock");
  const manifest = join(mesh.directory, "mesh.yaml");
  writeFileSync(manifest, MESH);
  const options = ["--audit-full", "degrade", "--workload-socket", workloadSocket];
  succeed(mesh.symbolon("up", "--detach", "--no-dashboard", "-f", manifest, ...options));
}, 120_000);

afterAll(() => {
  mesh?.down();
  holder?.kill("SIGKILL");
});

function succeed(result: CommandResult): void {
  expect({ ...result, wanted: 0 }).toMatchObject({ status: 0 });
}

/** A process without identity asks, which is a line in the log of the agent of processes outside pods. */
function askForIdentity(): void {
  expect(mesh.symbolon("svid", "fetch", "x509", "--socket", `unix://${workloadSocket}`).status).toBe(1);
}

function change(text: string): CommandResult {
  const file = join(mesh.directory, "change.yaml");
  writeFileSync(file, text);
  return mesh.symbolon("apply", "-f", file);
}

function fillDisk(): void {
  const file = openSync(join(disk, "filler"), "w");
  for (const size of [1 << 16, 1 << 12, 1])
    try {
      for (;;) writeSync(file, Buffer.alloc(size));
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
    }
  closeSync(file);
}

test("status names each log and the database that cannot be written, and nothing once they can", async () => {
  succeed(mesh.symbolon("status"));
  fillDisk();
  // A file's last block may take a line or two.
  for (let asked = 0; asked < 5; asked++) askForIdentity();
  for (let tries = 0; tries < 10; tries++) expect(change(CHANGE).stderr).toContain("ERR_STATE_UNWRITABLE");
  const wanted = [
    new RegExp(`control-plane: cannot write audit log ".*control-plane/.*": .*ENOSPC.*${SINCE}it goes on`),
    new RegExp(`host-agent: cannot write audit log ".*host-agent/.*": .*ENOSPC.*${SINCE}it goes on`),
    new RegExp(
      `control-plane: state database ".*" cannot be written: .*(full|disk I/O error)${SINCE}certificates and changes are refused`,
    ),
  ];
  await until(() => {
    const { status, stdout, stderr } = mesh.symbolon("status");
    const missing = wanted.filter((line) => !line.test(stdout + stderr)).map(String);
    return { done: missing.length === 0, seen: { status, missing, stdout, stderr }, status };
  }, 1);
  rmSync(join(disk, "filler"));
  await until(() => {
    const { status, stdout, stderr } = mesh.symbolon("status");
    return { done: !stdout.includes("audit log") && !stderr.includes("audit log"), seen: { stdout, stderr }, status };
  }, 1);
  // Logs are tried again by themselves; of the database the next change tells.
  succeed(change(CHANGE));
  succeed(mesh.symbolon("status"));
  succeed(mesh.symbolon("audit", "verify"));
}, 120_000);

async function until(
  look: () => { readonly done: boolean; readonly seen: object; readonly status: number },
  status: number,
) {
  for (const start = performance.now(); ; await Bun.sleep(500)) {
    const { done, seen, ...result } = look();
    if (done) return expect({ ...seen, ...result }).toMatchObject({ status });
    expect({ ...seen, tooLate: performance.now() - start > RECOVERY_MS }).toMatchObject({ tooLate: false });
  }
}
