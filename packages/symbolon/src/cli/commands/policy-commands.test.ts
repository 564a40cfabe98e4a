import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";
import { symbolon } from "../../../../../test/fakes/command-line.ts";
import { type ApiBackend, type ApiServer, serveApi } from "../../adapters/http/index.ts";
import { meshDirectories } from "../../app/index.ts";
import { meshPaths } from "../../core/index.ts";
import type { FetchedKeySet } from "../../mesh/index.ts";
import type { DenialQuery } from "../../telemetry/index.ts";

const EXAMPLE = resolve(import.meta.dir, "../../../../../examples/02-who-may-call");
const MESH = join(EXAMPLE, "mesh.yaml");
const POLICIES = join(EXAMPLE, "policies.yaml");

let directory = "";
const before = { state: process.env.XDG_STATE_HOME, runtime: process.env.XDG_RUNTIME_DIR };
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "policy-commands-"));
  process.env.XDG_STATE_HOME = directory;
  process.env.XDG_RUNTIME_DIR = directory;
});
afterAll(() => {
  restore("XDG_STATE_HOME", before.state);
  restore("XDG_RUNTIME_DIR", before.runtime);
  rmSync(directory, { recursive: true });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

const POD =
  "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: foo}\nspec: {containers: [{name: c, ports: [{containerPort: 80}]}]}\n";

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe("analyze", () => {
  test("ends with 0 when there is nothing, and says what was looked at", async () => {
    expect(await symbolon("analyze", MESH, POLICIES)).toEqual({
      status: 0,
      stdout: "no findings in 4 policies among 15 objects\n",
      stderr: "",
    });
  });

  test("ends with 79 on a warning, with the line, a caret and the fix", async () => {
    const { status, stdout } = await symbolon("analyze", "-f", EXAMPLE);
    expect(status).toBe(79);
    expect(stdout).toContain(
      '    |                                     ^\n  in AuthorizationPolicy shop/page-reads-feed\n  fix: write "cluster.local/ns/shop/sa/page"',
    );
    expect(stdout).toEndWith("0 errors, 3 warnings, 0 infos in 1 object\n");
  });

  test("--severity is what is shown and what counts", async () => {
    const shown = async (level: string) => {
      const { status, stdout } = await symbolon("analyze", EXAMPLE, "--severity", level, "-o", "json");
      return [status, JSON.parse(stdout).findings.length];
    };
    expect([await shown("error"), await shown("warning"), await shown("info")]).toEqual([
      [0, 0],
      [79, 3],
      [79, 3],
    ]);
  });

  test("JSON, YAML and SARIF have the same findings", async () => {
    const codes = ["SYM1007", "SYM1014", "SYM1021"];
    const json = JSON.parse((await symbolon("analyze", EXAMPLE, "-o", "json")).stdout);
    expect(json.findings.map(({ code }: { code: string }) => code).sort()).toEqual(codes);
    const sarif = JSON.parse((await symbolon("analyze", EXAMPLE, "-o", "sarif")).stdout);
    expect(sarif.runs[0].results.map(({ ruleId }: { ruleId: string }) => ruleId).sort()).toEqual(codes);
    expect(sarif.runs[0].results[0].locations[0].physicalLocation.region.startLine).toBe(json.findings[0].line);
    const yaml = (await symbolon("analyze", EXAMPLE, "-o", "yaml")).stdout;
    for (const code of codes) expect(yaml).toContain(`code: ${code}`);
  });

  test("the trust domain and the root namespace are the MeshConfig's, or those of the options", async () => {
    const of = (domain: string, namespace: string) =>
      write(
        "names.yaml",
        `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: ${namespace}}\nspec: {rules: [{from: [{source: {principals: ["${domain}/ns/a/sa/b"]}}]}]}\n---\n${POD}`,
      );
    const config = write("config.yaml", "trustDomain: one.example\nrootNamespace: one\n");
    const can = (file: string, ...more: readonly string[]) =>
      symbolon("authz", "can", "--from", "a/sa/b", "--to", "foo/web", "GET", "/", "-f", file, ...more);
    const configured = ["--mesh-config", config];
    const chosen = ["--trust-domain", "two.example", "--root-namespace", "two"];
    expect((await can(of("one.example", "one"), ...configured)).stdout).toContain("[allow_rule_matched]");
    expect((await can(of("two.example", "two"), ...configured, ...chosen)).stdout).toContain("[allow_rule_matched]");
    expect((await can(of("two.example", "one"), ...configured)).stdout).toContain("[no_allow_rule_matched]");
    expect((await can(of("one.example", "two"), ...configured)).stdout).toContain("[no_allow_policy]");
    const peer = write(
      "peer.yaml",
      "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: two}\nspec: {selector: {matchLabels: {app: a}}}\n",
    );
    // A selector is ignored in the root namespace.
    const ignored = async (...more: readonly string[]) =>
      (await symbolon("analyze", peer, ...more)).stdout.includes("SYM0406");
    expect([await ignored(), await ignored(...configured), await ignored(...chosen)]).toEqual([false, false, true]);
    expect(await ignored(...configured, ...chosen)).toBe(true);
  });

  test("what cannot be read as a policy is an error: a kind misspelled, another group, text that is no object", async () => {
    const object = (head: string) => `${head}\nmetadata: {name: a, namespace: foo}\nspec: {}\n`;
    for (const [text, code] of [
      [object("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicies"), "SYM2003"],
      [object("apiVersion: security.istio.io/v1\nkind: authorizationpolicy"), "SYM2003"],
      [object("apiVersion: security.istio/v1\nkind: AuthorizationPolicy"), "SYM2003"],
      [object("apiVersion: security.istio.io/v9\nkind: AuthorizationPolicy"), "SYM0202"],
      ["just some text\n", "SYM0201"],
      ["a: [\n", "SYM0001"],
      ["values: {replicas: 1}\n", "SYM0103"],
    ] as const) {
      const { status, stdout } = await symbolon("analyze", write("odd.yaml", text), "-o", "json");
      expect({ text, status, codes: JSON.parse(stdout).findings.map((one: { code: string }) => one.code) }).toEqual({
        text,
        status: 79,
        codes: expect.arrayContaining([code]),
      });
    }
    const foreign = object("apiVersion: example.com/v1\nkind: Widget");
    expect((await symbolon("analyze", write("odd.yaml", foreign))).status).toBe(0);
  });

  test("paths that cannot be read end with 65, in words", async () => {
    const empty = join(directory, "empty");
    mkdirSync(empty, { recursive: true });
    for (const [path, words] of [
      [join(directory, "absent.yaml"), "no such file or directory"],
      [empty, "holds no *.yaml, *.yml or *.json file"],
      [join(MESH, "below"), "a part of the path is not a directory"],
    ] as const)
      expect(await symbolon("analyze", path)).toMatchObject({ status: 65, stderr: expect.stringContaining(words) });
    const directoryAsFile = await symbolon("analyze", MESH, "--mesh-config", empty);
    expect(directoryAsFile).toMatchObject({ status: 65, stderr: expect.stringContaining("it is a directory") });
  });

  test("manifests without a policy are told from policies without a finding", async () => {
    const namespace = write("ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n");
    expect(await symbolon("analyze", namespace)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^no policy was found/),
    });
  });

  test("without a path and without a mesh it is 64, and says what to name", async () => {
    expect(await symbolon("analyze")).toMatchObject({
      status: 64,
      stderr: expect.stringContaining("name files or directories"),
    });
  });
});

describe("authz check and describe", () => {
  const files = ["-f", MESH, "-f", POLICIES];

  test("check: policies in the order in which they are asked, with a sentence each, and a row for each port", async () => {
    const { status, stdout } = await symbolon("authz", "check", "stock.shop", ...files);
    expect(status).toBe(0);
    expect(
      stdout
        .split("\n")
        .filter((line) => /^\d\. /.test(line))
        .map((line) => line.replace(/ \(.*/, "")),
    ).toEqual(["1. DENY shop/no-debugging", "2. ALLOW shop/stock-readers", "3. ALLOW shop/stock-writers"]);
    expect(stdout).toContain(
      "Denies requests to all workloads of namespace shop when the pod's port is 8080 and the path begins with /debug/.",
    );
    expect(stdout).toMatch(/^8080 +http +STRICT +shop\/default, namespace +1 DENY, 2 ALLOW +denied$/m);
    // Its ALLOW rules ask for HTTP, so that none is left; a DENY rule loses what it cannot see.
    expect(stdout).toMatch(/^9000 +tcp +STRICT +shop\/default, namespace +1 DENY +denied$/m);
  });

  test("describe: identity, ports with the winner, the chain", async () => {
    const { stdout } = await symbolon("describe", "shop/deploy/stock", ...files, "-o", "json");
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({
      workload: "Deployment shop/stock",
      spiffeId: "spiffe://cluster.local/ns/shop/sa/stock",
      sidecar: true,
      ports: [
        { port: 8080, mode: "strict", level: "namespace", policy: { name: "default" } },
        { port: 9000, mode: "strict", protocol: "tcp" },
      ],
      mtlsChain: [{ level: "namespace", mode: "strict", outcome: "decided" }],
      services: ["stock:80 -> 8080 (http)", "stock:9000 -> 9000 (tcp)"],
    });
    const text = (await symbolon("describe", "deploy/stock", "-n", "shop", ...files)).stdout;
    expect(text).toContain("  identity         spiffe://cluster.local/ns/shop/sa/stock\n");
    const bare = (await symbolon("describe", "batch/report", ...files)).stdout;
    expect(bare).toContain("  sidecar          no: no injection label\n");
  });

  test("an unknown workload or namespace ends with 1, and with what is near", async () => {
    for (const [name, words] of [
      ["shop/stok", "did you mean shop/stock?"],
      ["shop/pod/stock", "there is no pod shop/stock; did you mean shop/deployment/stock?"],
      ["shop/pod/stok", "did you mean shop/stock?"],
      ["shpo/stock", "did you mean shop/stock?"],
      ["shop/zzz", "in shop there are orders, page, stock"],
      ["nowhere/zzz", "no workload is in namespace nowhere; there are some in batch, shop"],
    ] as const)
      for (const command of [["authz", "check"], ["describe"]])
        expect(await symbolon(...command, name, ...files)).toMatchObject({
          status: 1,
          stderr: expect.stringContaining(words),
        });
    expect((await symbolon("describe", "a/b/c", ...files)).status).toBe(64);
  });

  test("a namespace that is called like a kind is found, too", async () => {
    const jobs = write(
      "jobs.yaml",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: worker, namespace: jobs}\nspec: {containers: []}\n",
    );
    const workloadOf = async (name: string) => (await symbolon("describe", name, "-f", jobs)).stdout.split("\n")[0];
    for (const name of ["jobs/worker", "jobs/pod/worker", "po/worker.jobs", "worker.jobs"])
      expect(await workloadOf(name)).toBe("Pod jobs/worker");
  });

  test("manifests with errors end with 65", async () => {
    const bad = write(
      "bad.yaml",
      "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: a}\nspec: {mtl: {}}\n",
    );
    expect(await symbolon("describe", "shop/stock", ...files, "-f", bad)).toMatchObject({
      status: 65,
      stderr: expect.stringContaining("bad.yaml:4:8: error"),
    });
  });
});

describe("on a running mesh", () => {
  const meta = (name: string, namespace?: string) => ({
    name,
    ...(namespace ? { namespace } : {}),
    uid: name,
    creationTimestamp: "2026-06-01T00:00:00Z",
    resourceVersion: "1",
  });
  const OBJECTS: Record<string, readonly object[]> = {
    Namespace: [
      { apiVersion: "v1", kind: "Namespace", metadata: { ...meta("foo"), labels: { "istio-injection": "enabled" } } },
    ],
    Deployment: [
      {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: meta("web", "foo"),
        spec: {
          template: {
            metadata: { labels: { app: "web" } },
            spec: { serviceAccountName: "web", containers: [{ name: "c", ports: [{ containerPort: 80 }] }] },
          },
        },
      },
    ],
    Pod: [
      {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          ...meta("web-1", "foo"),
          ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "web" }],
        },
        spec: { containers: [{ name: "c" }] },
      },
    ],
    AuthorizationPolicy: [
      {
        apiVersion: "security.istio.io/v1",
        kind: "AuthorizationPolicy",
        metadata: meta("get", "foo"),
        spec: { rules: [{ to: [{ operation: { methods: ["GET"] } }] }] },
      },
    ],
  };
  let tokens: readonly object[] = [];
  let keySets: readonly FetchedKeySet[] = [];
  let callers: readonly object[] = [];
  let denials: readonly { readonly workload: { readonly podName: string } }[] = [];
  let server: ApiServer | undefined;
  beforeAll(() => {
    const { apiSocket } = meshPaths(meshDirectories("default", process.env));
    mkdirSync(join(apiSocket, ".."), { recursive: true });
    const backend = {
      status: () => ({ trustDomain: "example.org" }),
      list: (kind: string) => (kind === "RequestAuthentication" ? tokens : (OBJECTS[kind] ?? [])),
      keySets: () => keySets,
      plaintextCallers: () => callers,
      denials: ({ workload }: DenialQuery) => denials.filter(({ workload: { podName } }) => podName === workload),
    };
    server = serveApi({ socketPath: apiSocket, backend: backend as unknown as ApiBackend, log: silentLog });
  });
  afterAll(() => server?.stop());

  test("its objects are asked, by Deployment or by pod, with its trust domain", async () => {
    expect(await symbolon("authz", "can", "--from", "foo/sa/a", "--to", "foo/web-1", "GET", "/")).toEqual({
      status: 0,
      stdout: "allowed: ALLOW policy foo/get, rule 0 matches [allow_rule_matched]\n",
      stderr: "",
    });
    const denied = await symbolon("authz", "explain", "--from", "foo/sa/a", "--to", "foo/deploy/web", "PUT", "/");
    expect(denied.status).toBe(1);
    expect(denied.stdout).toContain("spiffe://example.org/ns/foo/sa/a");
    expect(denied.stdout).toContain('allow: method "GET" instead of "PUT"');
    const described = await symbolon("describe", "web.foo");
    expect([described.stderr, described.status]).toEqual(["", 0]);
    expect(described.stdout).toContain("spiffe://example.org/ns/foo/sa/web");
  });

  test("describe says whether a workload is ready for STRICT, and who would be refused", async () => {
    const seen = { namespace: "foo", workload: "Deployment web", port: 80, caller: "Deployment bar/curl", count: 3 };
    const time = { firstSeen: "2026-01-01T00:00:00Z", lastSeen: "2026-01-02T00:00:00Z" };
    const described = async (...list: readonly object[]) => {
      callers = list;
      const { stdout } = await symbolon("describe", "web.foo");
      return /((not )?ready for STRICT|seen without mutual TLS).*/s.exec(stdout)?.[0];
    };
    const ready = "ready for STRICT: nobody was seen without mutual TLS in the last 8 days\n";
    expect(await described()).toBe(ready);
    expect(await described({ ...seen, ...time, workload: "Deployment other", refused: false })).toBe(ready);
    const wouldBreak = await described({ ...seen, ...time, refused: false });
    expect(wouldBreak).toStartWith("not ready for STRICT, which would refuse those that are taken; seen without");
    expect(wouldBreak).toMatch(/Deployment bar\/curl +Deployment web +80 +3 +2026-01-02T00:00:00Z +taken/);
    expect(await described({ ...seen, ...time, refused: true })).toStartWith("seen without mutual TLS in");
    OBJECTS.PeerAuthentication = [
      {
        apiVersion: "security.istio.io/v1",
        kind: "PeerAuthentication",
        metadata: meta("default", "foo"),
        spec: { mtls: { mode: "STRICT" } },
      },
    ];
    expect(await described({ ...seen, ...time, refused: false })).toStartWith("seen without mutual TLS in");
    delete OBJECTS.PeerAuthentication;
    callers = [];
  });

  test("a token is verified with the keys that it has fetched; with none of them it is refused, as there", async () => {
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const forger = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwksUri = "https://issuer.example/jwks";
    const token = (name: string, { privateKey }: typeof key) =>
      write(
        name,
        signJws({ iss: "https://issuer.example", sub: "alice", exp: 4_000_000_000 }, { privateKey, kid: "k" }),
      );
    const [good, forged] = [token("good.jwt", key), token("forged.jwt", forger)];
    const can = (file: string, ...more: readonly string[]) =>
      symbolon(
        "authz",
        "can",
        "--from",
        "foo/sa/a",
        "--to",
        "foo/web-1",
        "GET",
        "/",
        "--jwt",
        file,
        "-o",
        "json",
        ...more,
      );
    const reason = async (answer: ReturnType<typeof can>) => JSON.parse((await answer).stdout).reason;
    tokens = [
      {
        apiVersion: "security.istio.io/v1",
        kind: "RequestAuthentication",
        metadata: meta("jwt", "foo"),
        spec: { jwtRules: [{ issuer: "https://issuer.example", jwksUri }] },
      },
    ];
    const jwks = JSON.stringify({ keys: [jwkFromPublicKey(key.publicKey, { kid: "k" })] });
    try {
      expect(await reason(can(good))).toBe("token_key_set_fetch_failed");
      keySets = [{ source: `${jwksUri}/other`, jwks }];
      expect(await reason(can(good))).toBe("token_key_set_fetch_failed");
      keySets = [{ source: jwksUri, jwks }];
      const { stdout, stderr } = await can(good);
      expect(JSON.parse(stdout)).toMatchObject({
        outcome: "allow",
        notes: [],
        seen: { token: "verified, issuer https://issuer.example, request principal https://issuer.example/alice" },
      });
      expect(stderr).toBe("");
      expect(await reason(can(forged))).toBe("token_signature_invalid");
    } finally {
      tokens = [];
    }
  });

  test("that nothing was denied at a workload is said of one that is there; of another, that it is not", async () => {
    const none = "nothing was denied at foo/web in the last 24 hours";
    expect(await symbolon("authz", "denials", "--workload", "foo/web")).toEqual({
      status: 0,
      stdout: "",
      stderr: `${none}\n`,
    });
    expect(await symbolon("authz", "explain", "--workload", "deploy/web.foo")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(none),
    });
    for (const command of [
      ["denials"],
      ["denials", "-o", "json"],
      ["denials", "-f"],
      ["explain"],
      ["explain", "an-id"],
    ])
      expect(await symbolon("authz", ...command, "--workload", "foo/wbe")).toMatchObject({
        status: 1,
        stderr: "error: there is no workload foo/wbe; did you mean foo/web?\n",
      });
    denials = [{ workload: { podName: "gone" } }];
    try {
      const { status, stdout } = await symbolon("authz", "denials", "--workload", "foo/gone", "-o", "json");
      expect([status, JSON.parse(stdout)]).toEqual([0, { denials }]);
    } finally {
      denials = [];
    }
  });

  test("analyze without a path is about it", async () => {
    const { status, stdout } = await symbolon("analyze");
    expect([status, stdout]).toEqual([0, "no findings in 1 policy among 4 objects of the running mesh\n"]);
  });
});
