/** What a user gets from npm: the archive, installed into a fresh directory, runs example 12 on Node, Bun and Deno. */
import { afterAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { packSpiffe } from "../../tools/pack-spiffe.ts";
import { startAgent, startProgram } from "../fakes/sdk-programs.ts";
import { installDeno } from "./install-deno.ts";
import { installNode, NODE_VERSIONS } from "./install-node.ts";

const ROOT = resolve(import.meta.dir, "../..");
const directory = mkdtempSync(join(tmpdir(), "spiffe-packed-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const packed = await packSpiffe(join(directory, "packed"));
const project = join(directory, "project");

describe("the packed library", () => {
  test("has less than 150 KB, and nothing that runs at installation", () => {
    console.log(`${packed.bytes} bytes packed, ${packed.unpackedBytes} unpacked, ${packed.files} files`);
    expect(packed.bytes).toBeLessThan(150_000);
    cpSync(join(ROOT, "examples/12-https-by-identity"), project, { recursive: true });
    writeFileSync(join(project, "package.json"), '{ "private": true, "type": "module" }\n');
    const args = ["install", "--offline", "--no-audit", "--no-fund", "--omit=peer", packed.archive];
    const { status, stderr } = spawnSync("npm", args, { cwd: project, encoding: "utf8" });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    const manifest = JSON.parse(readFileSync(join(project, "node_modules/@symbolon/spiffe/package.json"), "utf8"));
    expect([manifest.scripts, manifest.dependencies]).toEqual([undefined, undefined]);
  });

  test("its entries need no optional peer, but the two that are made for one", () => {
    const entries = ["", "/id", "/x509", "/jwt", "/bundle", "/svid", "/workload-api", "/source", "/tls", "/testing"];
    const load = (entry: string) =>
      spawnSync(installNode(NODE_VERSIONS[0]), ["--input-type=module", "-e", `import "@symbolon/spiffe${entry}"`], {
        cwd: project,
        encoding: "utf8",
      }).stderr;
    for (const entry of entries) expect({ entry, stderr: load(entry) }).toEqual({ entry, stderr: "" });
    expect(load("/undici")).toContain("Cannot find package 'undici'");
    expect(load("/grpc")).toContain("Cannot find package '@grpc/grpc-js'");
  });

  test("importing it loads no module of Node's for TLS, HTTP and cryptography", () => {
    const program = `const loaded = () => process.moduleLoadList.filter((name) => /NativeModule (tls|crypto|https?|http2|net)$/.test(name));
      const before = new Set(loaded());
      for (const entry of ["", "/tls", "/source"]) await import("@symbolon/spiffe" + entry);
      const after = loaded().filter((name) => !before.has(name));
      const { createKeyPair } = await import("@symbolon/spiffe");
      createKeyPair();
      console.log(JSON.stringify([after, loaded().includes("NativeModule crypto")]));`;
    const args = ["--input-type=module", "-e", program];
    for (const version of NODE_VERSIONS) {
      const { stdout, stderr } = spawnSync(installNode(version), args, { cwd: project, encoding: "utf8" });
      expect({ stderr, modules: JSON.parse(stdout) }).toEqual({ stderr: "", modules: [[], true] });
    }
  });

  const runtimes: readonly (readonly [string, () => readonly string[]])[] = [
    ...NODE_VERSIONS.map((version) => [`Node ${version}`, () => [installNode(version)]] as const),
    ["Bun", () => [process.execPath]],
    ["Deno", () => [installDeno(), "run", "--allow-all", "--node-modules-dir=manual"]],
  ];
  for (const [name, command] of runtimes) {
    test(`runs example 12 on ${name}, and follows a rotation`, async () => {
      const mesh = await startAgent("/example");
      await using agent = mesh.agent;
      const server = startProgram([...command(), "server.ts", mesh.spiffeId, "0"], project, agent.socket);
      const url = /https:\/\/localhost:\d+\//.exec(await server.firstLine)?.[0] ?? "";
      const ask = (id: string) => startProgram([...command(), "client.ts", id, url], project, agent.socket).ended;
      expect(await ask(mesh.spiffeId)).toMatchObject({ status: 0, output: expect.stringContaining(mesh.spiffeId) });
      const next = mesh.rotate();
      expect(await ask(mesh.spiffeId)).toMatchObject({ output: expect.stringContaining(String(next.serialNumber)) });
      const refused = await ask("spiffe://example.test/other");
      expect(refused.output).toContain(`but not allowed: unexpected ID "${mesh.spiffeId}"`);
      expect(refused.status).not.toBe(0);
      await server.stop();
    });
  }
});
