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
const FILE = `{apiVersion: spire.spiffe.io/v1alpha1, kind: ClusterStaticEntry, metadata: {name: db},
  spec: {spiffeID: "${ID}", selectors: ["unix:uid:1000"]}}`;
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
  server = serveMesh();
});
afterEach(async () => {
  await server?.stop();
});
afterAll(() => {
  restore("XDG_STATE_HOME", before.state);
  restore("XDG_RUNTIME_DIR", before.runtime);
  rmSync(directory, { recursive: true, force: true });
});

function serveMesh(): ApiServer {
  const { apiSocket } = meshPaths(meshDirectories("default", process.env));
  mkdirSync(dirname(apiSocket), { recursive: true });
  return serveApi({ socketPath: apiSocket, backend: mesh.control as unknown as ApiBackend, log: silentLog });
}

/** No line and column, and no field of an object, of a text that nobody has written. */
function expectNoPosition(text: string): void {
  expect(text).not.toMatch(/:\d+:\d+:/);
  expect(text).not.toMatch(/^entry (create|update)/m);
}

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

  describe("what is wrong is said in the words of the command line, and nothing is made", () => {
    const refusals: readonly (readonly [string, readonly string[], string])[] = [
      ["a selector", ["--selector", "foo"], 'error SYM0104 --selector: invalid value "foo": must be type:value'],
      ["lifetimes", ["--ttl", "1s"], 'error SYM0104 --ttl: invalid value "1s": must be 5s to'],
      ["lifetimes of tokens", ["--jwt-ttl", "x"], 'error SYM0104 --jwt-ttl: invalid value "x": must be a duration'],
      ["a DNS name", ["--dns", "ok", "--dns", "a b"], 'error SYM0104 --dns: invalid value "a b": a lowercase'],
      ["a hint", ["--hint", "x".repeat(1025)], "must be at most 1024 bytes, got 1025"],
      ["a SPIFFE ID", ["--spiffe-id", `${ID} x`], `error SYM0104 --spiffe-id: invalid value "${ID} x": path segment`],
      [
        "a foreign SPIFFE ID",
        ["--spiffe-id", "spiffe://other.org/db"],
        'SYM2308 --spiffe-id: "spiffe://other.org/db" is',
      ],
      ["a SPIFFE ID without path", ["--spiffe-id", "spiffe://cluster.local"], "has no path"],
    ];
    for (const [what, options, expected] of refusals)
      test(what, async () => {
        const { status, stderr } = await symbolon(...CREATE, ...options);
        expect(status).toBe(EXIT.badInput);
        expect(stderr).toContain(expected);
        expectNoPosition(stderr);
        expect(entries()).toEqual([]);
      });

    test("a missing selector", async () => {
      const { stderr } = await symbolon("entry", "create", "--spiffe-id", ID);
      expect(stderr).toContain("SYM0103 --selector: required field is missing: an entry has at least one selector");
      expectNoPosition(stderr);
    });

    test("a name, with whatever is in it", async () => {
      for (const name of ["Bad_Name", "a:1:2: error SYM0104 spec.hint: x", "two\nlines"]) {
        const { stderr } = await symbolon("entry", "create", name, ...CREATE.slice(2));
        expect(stderr).toContain(`error SYM0203 name ${JSON.stringify(name)}: invalid value`);
        expectNoPosition(stderr.replaceAll(JSON.stringify(name), "it"));
      }
      expect(entries()).toEqual([]);
    });

    test("a warning, of this entry alone", async () => {
      const made = await symbolon(...CREATE, "--selector", "unix:uidd:1");
      expect(made).toMatchObject({ status: EXIT.ok });
      expect(made.stderr).toBe(
        'warning SYM2309 --selector: "unix:uidd:1" holds for no process: nothing here attests it; did you mean "unix:uid"?\n',
      );
      expect((await symbolon("entry", "create", "two", ...CREATE.slice(2))).stderr).toBe("");
    });

    test("a federated trust domain of which there is no bundle; the own one is no mistake", async () => {
      const made = await symbolon(...CREATE, "--federates-with", "other.org", "--federates-with", "cluster.local");
      expect(made).toMatchObject({ status: EXIT.ok });
      expect(made.stderr).toMatch(
        /^warning SYM2310 --federates-with: there is no bundle of "other\.org" here: .* Remove it, .*"cluster\.local" alone\n$/,
      );
      expect(entries()[0]?.federatesWith.map(({ name }) => name)).toEqual(["other.org", "cluster.local"]);
      const kept = await symbolon("entry", "update", "db", "--ttl", "1h");
      expect(kept.stderr).toContain('warning SYM2310 entry "db" spec.federatesWith: there is no bundle of "other.org"');
      const back = await symbolon("entry", "update", "db", "--federates-with", "");
      expect(back).toMatchObject({ status: EXIT.ok, stderr: "" });
      expect(entries()[0]?.federatesWith).toEqual([]);
      const wrong = await symbolon("entry", "update", "db", "--federates-with", "spiffe://Other.org");
      expect(wrong.stderr).toContain('error SYM0104 --federates-with: invalid value "spiffe://Other.org"');
    });

    test("an update tells what it was given from what was there", async () => {
      await symbolon(...CREATE, "--selector", "unix:uidd:1");
      const other = await symbolon("entry", "update", "db", "--ttl", "1s");
      expect(other.stderr).toContain('error SYM0104 --ttl: invalid value "1s"');
      expect(other.stderr).toContain('warning SYM2309 entry "db" spec.selectors: "unix:uidd:1" holds for no process');
      const own = await symbolon("entry", "update", "db", "--selector", "unix:uidd:2");
      expect(own.stderr).toContain('warning SYM2309 --selector: "unix:uidd:2"');
      for (const { stderr } of [other, own]) expectNoPosition(stderr);
    });

    test("one that a file declares", async () => {
      await server?.stop();
      mesh = await createControlPlaneFixture({ files: FILE });
      server = serveMesh();
      const { stderr } = await symbolon("entry", "update", "db", "--ttl", "1h");
      expect(stderr).toContain('error SYM2006 name "db": ClusterStaticEntry db is declared in mesh.yaml:1, which');
    });
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
