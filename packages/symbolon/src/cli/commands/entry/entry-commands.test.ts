import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { symbolon } from "../../../../../../test/fakes/command-line.ts";
import {
  type ControlPlaneFixture,
  createControlPlaneFixture,
} from "../../../../../../test/fakes/control-plane-fixture.ts";
import { type ApiBackend, type ApiServer, serveApi } from "../../../adapters/http/index.ts";
import { meshDirectories } from "../../../app/index.ts";
import { meshPaths } from "../../../core/index.ts";
import { EXIT } from "../../exit-status.ts";
import { nameOfSpiffeId } from "./entry-manifest.ts";

const ID = "spiffe://cluster.local/db";
const CREATE = ["entry", "create", "--spiffe-id", ID, "--selector", "unix:uid:1000"];

let directory = "";
let server: ApiServer | undefined;
let mesh: ControlPlaneFixture;
const before = { state: process.env.XDG_STATE_HOME, runtime: process.env.XDG_RUNTIME_DIR };

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-entry-"));
  process.env.XDG_STATE_HOME = directory;
  process.env.XDG_RUNTIME_DIR = directory;
});

/** The commands against a real control plane. */
beforeEach(async () => {
  mesh = await createControlPlaneFixture();
  const { apiSocket } = meshPaths(meshDirectories("default", process.env));
  mkdirSync(dirname(apiSocket), { recursive: true });
  server = serveApi({ socketPath: apiSocket, backend: mesh.control as unknown as ApiBackend, log: silentLog });
});
afterEach(async () => {
  await server?.stop();
});
afterAll(() => {
  restore("XDG_STATE_HOME", before.state);
  restore("XDG_RUNTIME_DIR", before.runtime);
  rmSync(directory, { recursive: true, force: true });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

const entries = () => mesh.control.entries.current;

describe("symbolon entry", () => {
  test("create makes the object that apply would make, named by the SPIFFE ID", async () => {
    const created = await symbolon(...CREATE, "--selector", "unix:path:/usr/bin/db", "--ttl", "1h", "--jwt-ttl", "5m");
    expect(created).toMatchObject({ status: EXIT.ok });
    expect(created.stdout).toBe("clusterstaticentry.spire.spiffe.io/db created\n");
    expect(entries()).toMatchObject([
      {
        name: "db",
        selectors: [
          { type: "unix", value: "uid:1000" },
          { type: "unix", value: "path:/usr/bin/db" },
        ],
        x509LifetimeSeconds: 3600,
        jwtLifetimeSeconds: 300,
        isDefault: false,
      },
    ]);
    expect(mesh.audit.map(({ kind, subject, outcome }) => ({ kind, subject, outcome }))).toContainEqual({
      kind: "configuration.change",
      subject: "ClusterStaticEntry//db",
      outcome: "success",
    });
  });

  test("create takes a name, DNS names, a hint, and which comes first", async () => {
    const options = ["--dns", "a.example.org", "--dns", "b.example.org", "--hint", "internal", "--default"];
    await symbolon("entry", "create", "mine", ...CREATE.slice(2), ...options);
    expect(entries()).toMatchObject([
      { name: "mine", dnsNames: ["a.example.org", "b.example.org"], hint: "internal", isDefault: true },
    ]);
  });

  test("create does not change what is there already", async () => {
    await symbolon(...CREATE);
    const again = await symbolon(...CREATE, "--ttl", "1h");
    expect(again.status).toBe(EXIT.badInput);
    expect(again.stderr).toContain('there is an entry "db" already; change it with "symbolon entry update db"');
    expect(entries()[0]).not.toHaveProperty("x509LifetimeSeconds");
  });

  test("what is wrong is said with its field, and nothing is made", async () => {
    const foreign = await symbolon(...CREATE.slice(0, 3), "spiffe://other.org/db", "--selector", "unix:uid:1000");
    expect(foreign.status).toBe(EXIT.badInput);
    expect(foreign.stderr).toContain('SYM2308 spec.spiffeID: "spiffe://other.org/db" is not of this mesh');
    const none = await symbolon("entry", "create", "--spiffe-id", ID);
    expect(none.stderr).toContain("an entry has at least one selector");
    const short = await symbolon(...CREATE, "--ttl", "1s");
    expect(short.stderr).toContain("must be 5s to");
    const pathless = await symbolon(
      "entry",
      "create",
      "--spiffe-id",
      "spiffe://cluster.local",
      "--selector",
      "unix:uid:1",
    );
    expect(pathless.stderr).toContain("has no path");
    expect(entries()).toEqual([]);
  });

  test("update replaces what it names and keeps the rest", async () => {
    await symbolon(...CREATE, "--hint", "internal", "--default");
    const updated = await symbolon("entry", "update", "db", "--ttl", "20m", "--selector", "unix:uid:2000");
    expect(updated.stdout).toBe("clusterstaticentry.spire.spiffe.io/db configured\n");
    expect(entries()).toMatchObject([
      {
        revision: 2,
        selectors: [{ type: "unix", value: "uid:2000" }],
        x509LifetimeSeconds: 1200,
        hint: "internal",
        isDefault: true,
      },
    ]);
  });

  test("update takes back names, hint, lifetimes and the first place", async () => {
    await symbolon(...CREATE, "--dns", "a.example.org", "--hint", "internal", "--ttl", "1h", "--default");
    await symbolon("entry", "update", "db", "--jwt-ttl", "10m");
    expect(entries()).toMatchObject([{ dnsNames: ["a.example.org"], isDefault: true }]);
    const updated = await symbolon("entry", "update", "db", "--dns", "", "--hint", "", "--ttl", "0", "--no-default");
    expect(updated).toMatchObject({ status: EXIT.ok });
    const [entry] = entries();
    expect(entry).toMatchObject({ dnsNames: [], isDefault: false, jwtLifetimeSeconds: 600 });
    expect(entry?.hint ?? "").toBe("");
    expect(entry).not.toHaveProperty("x509LifetimeSeconds");
  });

  test("list and show print what is there", async () => {
    expect((await symbolon("entry", "list")).stderr).toContain("No resources found\n");
    await symbolon(...CREATE);
    const { stdout } = await symbolon("entry", "list");
    expect(stdout).toContain("NAME");
    expect(stdout).toMatch(/db +spiffe:\/\/cluster\.local\/db +unix:uid:1000/);
    const shown = await symbolon("entry", "show", "db", "-o", "json");
    expect(JSON.parse(shown.stdout)).toMatchObject({
      apiVersion: "spire.spiffe.io/v1alpha1",
      kind: "ClusterStaticEntry",
      metadata: { name: "db" },
      spec: { spiffeID: ID, selectors: ["unix:uid:1000"] },
    });
  });

  test("get takes the kind like every other", async () => {
    await symbolon(...CREATE);
    const { stdout } = await symbolon("get", "clusterstaticentries", "-o", "name");
    expect(stdout).toBe("clusterstaticentry.spire.spiffe.io/db\n");
  });

  test("delete takes it back", async () => {
    await symbolon(...CREATE);
    expect((await symbolon("entry", "delete", "db")).stdout).toContain("db deleted");
    expect(entries()).toEqual([]);
    const again = await symbolon("entry", "delete", "db");
    expect(again.status).not.toBe(EXIT.ok);
    expect(again.stderr).toContain("ClusterStaticEntry db is not there");
    expect((await symbolon("entry", "show", "db")).stderr).toContain('there is no entry "db"');
  });

  test("a dry run changes nothing", async () => {
    const dry = await symbolon(...CREATE, "--dry-run", "-o", "yaml");
    expect(dry.stdout).toContain("kind: ClusterStaticEntry");
    expect(entries()).toEqual([]);
  });
});

test("an entry without a name is named by the path of its SPIFFE ID", () => {
  expect(nameOfSpiffeId("spiffe://td/ns/foo/sa/web")).toBe("ns-foo-sa-web");
  expect(nameOfSpiffeId("spiffe://td/My_Service.v1")).toBe("my-service-v1");
  expect(nameOfSpiffeId("spiffe://td")).toBe("");
  expect(nameOfSpiffeId("spiffe://td/___")).toBe("");
});
