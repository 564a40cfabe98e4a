import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MeshUnderTest, missing, prepareMesh, ROOT, succeed, TWO_NAMESPACES } from "./mesh-under-test.ts";

const why = missing("curl");

describe.skipIf(why !== undefined)("one executable, made by npm run build", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    const built = spawnSync(process.execPath, [join(ROOT, "tools/build.ts")], { encoding: "utf8" });
    expect({ status: built.status, stderr: built.status === 0 ? "" : built.stderr }).toEqual({ status: 0, stderr: "" });
    mesh = prepareMesh([join(ROOT, "dist/symbolon")]);
    // Both would be read by Bun; the second would end every process.
    writeFileSync(join(mesh.directory, ".env"), "SYMBOLON_CA_PASSPHRASE=from the directory\n");
    writeFileSync(join(mesh.directory, "bunfig.toml"), 'preload = ["./preload.ts"]\n');
    writeFileSync(join(mesh.directory, "preload.ts"), "process.exit(77);\n");
    writeFileSync(join(mesh.directory, "mesh.yaml"), TWO_NAMESPACES);
    succeed(mesh.symbolon("up", "--detach", "-f", "mesh.yaml"));
  });
  afterAll(() => mesh?.down());

  test("says its version", () => {
    expect(mesh.symbolon("version").stdout).toMatch(/^symbolon \d+\.\d+\.\d+$/m);
  });

  test("starts its processes and built-in programs by calling itself: calls work, over mutual TLS", () => {
    expect(mesh.curl("foo", "http://httpbin:8000/ip")).toBe("200/0");
    expect(mesh.connections("curl", "foo").at(-1)).toMatchObject({ security: "mtls", tlsVersion: "TLSv1.3" });
  });

  test("reads no .env of the directory where it is called: the CA's key is not encrypted with a passphrase from there", () => {
    expect(readFileSync(join(mesh.stateDirectory, "ca/self-signed-ca.pem"), "utf8")).toContain("PRIVATE KEY");
  });

  test("has the dashboard's page, script and style in it", async () => {
    const url = readFileSync(join(mesh.runtimeDirectory, "dashboard-url"), "utf8");
    const page = await (await fetch(url)).text();
    const files = [...page.matchAll(/(?:src|href)="\.?\/?([^"]+)"/g)].map((match) => match[1] ?? "");
    expect(files.map((file) => file.slice(file.lastIndexOf("."))).sort()).toEqual([".css", ".js"]);
    for (const file of files) expect((await fetch(new URL(file, url))).status).toBe(200);
  });

  test("ends the mesh", () => {
    expect(mesh.symbolon("down").status).toBe(0);
    expect(mesh.symbolon("status").status).toBe(69);
  });
});
