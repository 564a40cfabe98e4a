import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import {
  hostProcesses,
  type MeshUnderTest,
  missing,
  prepareMesh,
  ROOT,
  startMesh,
  succeed,
  TWO_NAMESPACES,
} from "./mesh-under-test.ts";

const why = missing("curl", "openssl");

/** How PKCS #8 and SEC 1 begin in DER for P-256, in base64, and PEM's own word. */
const KEY_MARKS = ["PRIVATE KEY", "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg", "MHcCAQEEI"];

describe.skipIf(why !== undefined)("secrets of a running mesh", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(TWO_NAMESPACES, "--svid-ttl", "20s", "--log-level", "debug");
    for (let call = 0; call < 5; call++) expect(mesh.curl("foo", "http://httpbin:8000/ip")).toBe("200/0");
  });
  afterAll(() => mesh?.down());

  test("no workload key is in a file of the mesh or in a log; keys of the CA and the audit logs are 0600", () => {
    const holders = filesBelow(mesh.directory).filter((file) => hasKey(file));
    expect(holders.map((file) => relative(mesh.stateDirectory, file)).sort()).toEqual([
      "audit-keys/agent.key",
      "audit-keys/control-plane.key",
      "audit-keys/host-agent.key",
      "ca/jwt-authority.pem",
      "ca/self-signed-ca.pem",
      "token-issuer/service-account-issuer.key",
    ]);
    for (const file of holders) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("no key was left in the working tree", () => {
    const tree = ["packages", "examples", "docs", "proto", "test", "tools"].map((folder) => join(ROOT, folder));
    const holders = tree.flatMap(filesBelow).filter((file) => !/\.(ts|md|json)$/.test(file) && hasKey(file));
    expect(holders).toEqual([]);
  });

  test("processes that hold keys leave no core file", () => {
    const hostAgents = hostProcesses((line) => line.includes(mesh.directory) && line.includes("internal host-agent"));
    expect(hostAgents).toHaveLength(1);
    for (const pid of [...keyHolders(), ...hostAgents])
      expect(readFileSync(`/proc/${pid}/limits`, "utf8")).toMatch(/^Max core file size +0 +0 /m);
  });

  test("inside the mesh nobody without capabilities can attach to processes that hold keys, also with their uid", () => {
    for (const pid of keyHolders()) expect(readInsideMesh(pid, "environ")).toContain("Permission denied");
    // The nearest miss: an application, which has no capability either.
    const programs = hostProcesses((line) => line.includes("program httpbin"));
    const application = programs.find((pid) => readlinkSync(`/proc/${pid}/cwd`) === mesh.directory) ?? 0;
    expect(readInsideMesh(application, "environ")).toContain("PATH=");
  });

  function keyHolders(): readonly number[] {
    return ["agent", "control-plane", "proxy"].flatMap((role) => {
      const pids = hostProcesses((line) => line.includes(mesh.directory) && line.includes(`internal ${role}`));
      const holders = pids.filter((pid) => isBun(pid));
      expect(holders.length).toBeGreaterThan(0);
      return holders;
    });
  }

  test("a passphrase encrypts the CA's keys at rest, and a mesh without it does not start", () => {
    const sealed = prepareMesh();
    try {
      process.env.SYMBOLON_CA_PASSPHRASE = "correct horse battery staple";
      const up = ["up", "--detach", "--no-dashboard", "-f", join(ROOT, "examples/01-first-mesh/mesh.yaml")];
      succeed(sealed.symbolon(...up));
      succeed(sealed.symbolon("down"));
      // The agents are never told the passphrase; their keys sign what they have delivered, and nothing else.
      const unsealed = filesBelow(sealed.stateDirectory).filter((file) => hasKey(file));
      expect(unsealed.map((file) => relative(sealed.stateDirectory, file)).sort()).toEqual([
        "audit-keys/agent.key",
        "audit-keys/host-agent.key",
      ]);
      succeed(sealed.symbolon(...up));
      succeed(sealed.symbolon("down"));
      delete process.env.SYMBOLON_CA_PASSPHRASE;
      const refused = sealed.symbolon(...up);
      expect(refused.status).toBe(1);
      expect(refused.stderr).toContain("SYMBOLON_CA_PASSPHRASE");
    } finally {
      delete process.env.SYMBOLON_CA_PASSPHRASE;
      sealed.down();
    }
  });
});

function hasKey(file: string): boolean {
  const text = readFileSync(file, "latin1");
  return KEY_MARKS.some((mark) => text.includes(mark));
}

function isBun(pid: number): boolean {
  return readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("bun");
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What a process in the mesh's user namespace, with the same uid and no capability, reads below /proc/PID. */
function readInsideMesh(pid: number, file: string): string {
  const enter = ["nsenter", "--target", String(pid), "--user", "--"];
  const drop = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", "--"];
  const [program = "", ...args] = [...enter, ...drop, "cat", `/proc/${pid}/${file}`];
  const { stdout, stderr } = spawnSync(program, args, { encoding: "utf8" });
  return `${stdout}${stderr}`;
}
