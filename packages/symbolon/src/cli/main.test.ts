import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { symbolon } from "../../../../test/fakes/command-line.ts";
import { type ApiBackend, type ApiServer, serveApi } from "../adapters/http/index.ts";
import { meshDirectories } from "../app/index.ts";
import { accessRecordsFile, meshPaths, productError } from "../core/index.ts";
import { choosePod } from "./choose-pod.ts";
import { EXIT } from "./exit-status.ts";

let directory = "";
let server: ApiServer | undefined;
const before = { state: process.env.XDG_STATE_HOME, runtime: process.env.XDG_RUNTIME_DIR };

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-cli-"));
  process.env.XDG_STATE_HOME = directory;
  process.env.XDG_RUNTIME_DIR = directory;
});
afterEach(async () => {
  await server?.stop();
  server = undefined;
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

const pathsOfTest = (mesh = "default") => meshPaths(meshDirectories(mesh, process.env));

function serve(overrides: Partial<ApiBackend>, mesh?: string): void {
  const { apiSocket } = pathsOfTest(mesh);
  mkdirSync(join(apiSocket, ".."), { recursive: true });
  server = serveApi({ socketPath: apiSocket, backend: overrides as ApiBackend, log: silentLog });
}

describe("a command line that is wrong ends with 64, and says what would be right", () => {
  const cases: readonly [readonly string[], RegExp][] = [
    [["frobnicate"], /unknown command 'frobnicate'/],
    [["get"], /missing required argument 'kinds'/],
    [["get", "pods", "--frobnicate"], /unknown option '--frobnicate'/],
    [["get", "pdos"], /there is no kind "pdos"; did you mean "pods"\?/],
    [["get", "pods", "-o", "xml"], /-o "xml" is not one of wide, json, yaml, name, jsonpath=TEMPLATE/],
    [["get", "pods", "-o", "jsonpath={.a"], /jsonpath "\{\.a" is not valid/],
    [["get", "pods", "-l", "=x"], /-l "=x": /],
    [["get", "pod/a", "-A"], /cannot be chosen by name in all namespaces/],
    [["apply"], /no manifest given; use "-f FILE"/],
    [["strict", "-n", "foo", "--since", "193h"], /--since "193h" is longer than callers are remembered; 8d at most/],
    [["apply", "-f", "-", "-f", "-"], /standard input can be read once/],
    [["delete"], /name either manifests with -f, or a kind and names/],
    [["delete", "pod"], /which pod\?/],
    [["delete", "pod/"], /"pod\/" is not KIND\/NAME/],
    [["delete", "pod/a", "svc"], /"svc" is not KIND\/NAME/],
    [["delete", "secret", "a"], /there is no kind "secret"/],
    [["exec", "deploy/a", "-n", "foo"], /what should be run\? symbolon exec POD -- COMMAND/],
    [["logs", "service/a"], /"service\/a" is neither a pod nor deploy\/NAME/],
    [["logs"], /which pod\? Only --access goes without one/],
    [["logs", "--access", "--tail", "some"], /--tail wants a number of lines/],
    [["authz", "denials", "--last", "5001"], /--last "5001" is not a number from 1 to 5000/],
    [["authz", "denials", "-f", "-o", "json"], /-o json ends, and -f does not: write -o jsonl, one line each/],
    [["authz", "denials", "-f", "-o", "yaml"], /-o yaml ends, and -f does not/],
    [["metrics", "-o", "yaml"], /-o "yaml" is not one of text, json/],
    [["proxy-config", "log", "a", "--level", "loud"], /Allowed choices are debug, info, warn, error/],
    [["proxy-config", "secret", "a", "-o", "xml"], /-o "xml" is not one of json, yaml/],
    [["status", "-o", "wide"], /-o "wide" is not one of json, yaml/],
    [["up"], /no manifest given; use "-f FILE"/],
    [["up", "-f", "/", "--svid-ttl", "4s"], /--svid-ttl 4s is out of range; from 5s to 90d/],
    [["up", "-f", "/", "--svid-ttl", "91d"], /out of range/],
    [["up", "-f", "/", "--svid-ttl", "soon"], /is not a duration/],
    [["up", "-f", "/", "--dashboard-port", "65536"], /is not a port from 1 to 65535/],
    [["up", "-f", "/", "--log-level", "loud"], /Allowed choices are debug, info, warn, error/],
  ];
  for (const [argv, message] of cases)
    test(argv.join(" "), async () => {
      const { status, stderr } = await symbolon(...argv);
      expect(stderr).toMatch(message);
      expect(status).toBe(EXIT.usage);
    });
});

describe("input that is wrong ends with 65", () => {
  test("a file that is not there, a directory without manifests, text that is not UTF-8", async () => {
    const absent = join(directory, "absent.yaml");
    expect(await symbolon("apply", "-f", absent)).toMatchObject({
      status: EXIT.badInput,
      stderr: expect.stringContaining(`cannot read "${absent}"`),
    });
    expect(await symbolon("up", "-f", absent)).toMatchObject({
      status: EXIT.badInput,
      stderr: `error: "${absent}" does not exist\n`,
    });
    const empty = join(directory, "empty");
    mkdirSync(join(empty, "deep"), { recursive: true });
    expect(await symbolon("apply", "-f", empty)).toMatchObject({
      status: EXIT.badInput,
      stderr: `error: "${empty}" holds no *.yaml, *.yml or *.json file; -R looks into directories below\n`,
    });
    writeFileSync(join(empty, "deep", "bad.yaml"), Buffer.from([0xff, 0xfe]));
    expect(await symbolon("apply", "-R", "-f", empty)).toMatchObject({
      status: EXIT.badInput,
      stderr: expect.stringContaining("it is not UTF-8 text"),
    });
  });

  test("a mesh name that is no directory's name", async () => {
    for (const name of ["..", "a/b", "", "A", "x".repeat(33)])
      expect(await symbolon("--name", name, "status")).toMatchObject({
        status: EXIT.badInput,
        stderr: expect.stringContaining("is not usable"),
      });
  });

  test("a mesh name works before the command and after it; the last one counts", async () => {
    // It answers nothing but errors: 1 is this mesh, 69 none.
    serve({}, "two");
    const found = async (...argv: readonly string[]) => [argv.join(" "), (await symbolon(...argv)).status];
    for (const line of [
      "--name two get pods",
      "get pods --name two",
      "get --name=two pods",
      "--name one get pods --name two",
      "proxy-config --name two secret a",
      "proxy-config secret a --name two",
    ])
      expect(await found(...line.split(" "))).toEqual([line, EXIT.failed]);
    for (const line of [
      "get pods",
      "get pods --name one",
      "--name two get pods --name one",
      "proxy-config secret a --name one",
    ])
      expect(await found(...line.split(" "))).toEqual([line, EXIT.unavailable]);
    const exec = { status: EXIT.unavailable, stderr: expect.stringContaining('mesh "two" is not running') };
    expect(await symbolon("exec", "--name", "two", "a", "--", "true")).toMatchObject(exec);
    expect(await symbolon("exec", "a", "--name", "two", "--", "true", "--name", "one")).toMatchObject(exec);
    expect(await symbolon("get", "pods", "--name", "A")).toMatchObject({ status: EXIT.badInput });
    expect(await symbolon("version", "--name", "two")).toMatchObject({ status: EXIT.usage });
  });

  test("manifests without objects", async () => {
    serve({ apply: async () => ({ accepted: true, changes: [], findings: [], version: 1 }) });
    const file = join(directory, "nothing.yaml");
    writeFileSync(file, "# to be written\n---\n");
    for (const verb of ["apply", "delete"])
      expect(await symbolon(verb, "-f", file)).toMatchObject({
        status: EXIT.badInput,
        stderr: `error: no objects passed to ${verb}: ${file} holds none\n`,
      });
    await server?.stop();
    const warned = "warning SYM2002 ConfigMap has no effect here";
    serve({ apply: async () => ({ accepted: true, changes: [], findings: [warned], version: 1 }) });
    expect((await symbolon("apply", "--dry-run", "-f", file)).status).toBe(EXIT.ok);
  });

  test("what the control plane refuses", async () => {
    const file = join(directory, "good.yaml");
    writeFileSync(file, "kind: Namespace\n");
    serve({ apply: async () => ({ accepted: false, changes: [], findings: ["good.yaml:1:1 error: no"], version: 1 }) });
    expect(await symbolon("apply", "-f", file)).toMatchObject({
      status: EXIT.badInput,
      stderr: expect.stringMatching(
        /good\.yaml:1:1 error: no\n(.*\n)*error: nothing was applied; what was in force stays\n$/,
      ),
    });
  });
});

describe("other endings", () => {
  test("without a mesh: 69, and how to start one", async () => {
    for (const argv of [["get", "pods"], ["status"], ["exec", "a", "--", "true"], ["delete", "pod", "a"]])
      expect(await symbolon(...argv)).toMatchObject({
        status: EXIT.unavailable,
        stderr: expect.stringContaining("symbolon up -f"),
      });
  });

  test("a mesh that answers and cannot do it: 1", async () => {
    serve({
      apply: () => {
        throw productError("ERR_STATE_UNWRITABLE", "disk is full");
      },
    });
    const file = join(directory, "full.yaml");
    writeFileSync(file, "");
    expect(await symbolon("apply", "-f", file)).toMatchObject({
      status: EXIT.failed,
      stderr: expect.stringMatching(/^error: disk is full \(ERR_STATE_UNWRITABLE\)\nnext: .*make room.*\n$/),
    });
  });

  test("help and version: 0", async () => {
    for (const argv of [
      ["--help"],
      ["up", "--help"],
      ["help", "get"],
      ["proxy-config", "secret", "--help"],
      ["version"],
    ])
      expect((await symbolon(...argv)).status).toBe(EXIT.ok);
    expect((await symbolon("version")).stdout).toContain(`bun ${Bun.version}`);
  });

  test("an object that was named and is not there: 1, in kubectl's words", async () => {
    serve({ list: () => [] });
    expect(await symbolon("get", "pod", "a", "-n", "foo")).toMatchObject({
      status: EXIT.failed,
      stderr: 'Error from server (NotFound): pod "a" not found\n',
    });
    expect(await symbolon("get", "pods", "-n", "foo")).toMatchObject({
      status: EXIT.ok,
      stderr: "No resources found in foo namespace.\n",
    });
  });
});

describe("what a mesh tells of its traffic", () => {
  const family = { name: "a_total", help: "A.", type: "counter", series: [{ labels: { b: "c" }, value: 1 }] } as const;

  test("metrics are text, or JSON", async () => {
    serve({ metrics: async () => [family] });
    expect(await symbolon("metrics")).toMatchObject({
      status: EXIT.ok,
      stdout: '# HELP a_total A.\n# TYPE a_total counter\na_total{b="c"} 1\n',
    });
    expect(JSON.parse((await symbolon("metrics", "-o", "json")).stdout)).toEqual([family]);
  });

  test("access records are read where they are, also without a mesh", async () => {
    const file = accessRecordsFile(pathsOfTest(), "foo", "web-1");
    mkdirSync(dirname(file), { recursive: true });
    const lines = [1, 2, 3].map((second) => `{"start":"2026-01-01T00:00:0${second}Z","durationMs":0}\n`);
    writeFileSync(file, lines.join(""));
    expect(await symbolon("logs", "--access")).toMatchObject({ status: EXIT.ok, stdout: lines.join("") });
    expect((await symbolon("logs", "--access", "--tail", "1")).stdout).toBe(lines[2] as string);
  });
});

describe("the pod that is meant", () => {
  const pod = (name: string, more: { readonly owner?: string; readonly pid?: number } = {}) => ({
    kind: "Pod",
    metadata: {
      name,
      namespace: "foo",
      uid: `uid of ${name}`,
      ...(more.owner ? { ownerReferences: [{ kind: "Deployment", name: more.owner }] } : {}),
    },
    spec: { containers: [{ name: "c" }] },
    status: { containerStatuses: [{ name: "c", ...(more.pid ? { pid: more.pid } : {}) }] },
  });

  const asked: (string | undefined)[] = [];
  const choose = async (text: string): Promise<string> => {
    serve({
      list(_kind, namespace) {
        asked.push(namespace);
        return [
          pod("web-1", { owner: "web" }),
          pod("web-2", { owner: "web", pid: 5 }),
          pod("web", { pid: 6 }),
          pod("late-1", { owner: "late" }),
        ] as never;
      },
    });
    try {
      return (await choosePod(pathsOfTest(), text, "foo")).metadata.name;
    } catch (error) {
      return `${(error as { status?: number }).status}: ${(error as Error).message}`;
    } finally {
      await server?.stop();
      server = undefined;
    }
  };

  test("by its name, with the kind or without", async () => {
    for (const text of ["web", "pod/web", "po/web", "pods/web"]) expect(await choose(text)).toBe("web");
  });

  test("by its Deployment: one that runs before one that does not yet", async () => {
    for (const text of ["deploy/web", "deployment/web", "deployments/web"]) expect(await choose(text)).toBe("web-2");
    expect(await choose("deploy/late")).toBe("late-1");
  });

  test("in a namespace behind a dot", async () => {
    asked.length = 0;
    await choose("web.bar");
    await choose("deploy/web.bar");
    await choose("web");
    expect(asked).toEqual(["bar", "bar", "foo"]);
  });

  test("that is not there: 1, and which are; of another kind: 64", async () => {
    expect(await choose("nothing")).toBe(
      '1: error: no pod "nothing" in namespace "foo"; pods there: web-1, web-2, web, late-1',
    );
    expect(await choose("deploy/nothing")).toMatch(/^1: error: no deployment "nothing"/);
    for (const text of ["svc/web", "constructor/web"])
      expect(await choose(text)).toBe(`64: error: "${text}" is neither a pod nor deploy/NAME`);
  });
});
