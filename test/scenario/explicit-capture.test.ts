/**
 * Explicit capture on a machine that forbids namespaces: every command line of this file runs where the kernel makes no
 * user namespace any more (`user.max_user_namespaces` is 0 there), so that `up` has to find the other way by itself.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { installNode, NODE_VERSIONS } from "../runtimes/install-node.ts";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  type MeshUnderTest,
  missing,
  namespace,
  peerAuthentication,
  prepareMesh,
  ROOT,
  succeed,
  TWO_NAMESPACES,
} from "./mesh-under-test.ts";

const why = missing("curl", "python3", "unshare");
const FORBIDDEN = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"';
const WITHOUT_NAMESPACES: readonly [string, ...string[]] = [
  ...(["unshare", "--user", "--map-root-user", "--", "sh", "-ec", FORBIDDEN, "sh"] as const),
  process.execPath,
  join(ROOT, "packages/symbolon/bin/symbolon.ts"),
];
const NOT_A_BOUNDARY = "explicit capture is not a security boundary";

function startWithoutNamespaces(yaml: string, ...options: readonly string[]) {
  const mesh = prepareMesh(WITHOUT_NAMESPACES);
  const manifest = join(mesh.directory, "mesh.yaml");
  writeFileSync(manifest, yaml);
  const up = mesh.symbolon("up", "--detach", "--no-dashboard", "-f", manifest, ...options);
  return { mesh, up, manifest };
}

/** Process ids that the mesh says it has started. */
function startedProcesses(mesh: MeshUnderTest): readonly number[] {
  return readdirSync(join(mesh.runtimeDirectory, "processes")).map(Number);
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe.skipIf(why !== undefined)("where namespaces are forbidden", () => {
  let mesh: MeshUnderTest;
  let said: string;
  beforeAll(() => {
    const started = startWithoutNamespaces(TWO_NAMESPACES);
    mesh = started.mesh;
    said = succeed(started.up).stderr;
  });
  afterAll(() => mesh?.down());

  test("the mesh starts with explicit capture, and says why and what that means", () => {
    expect(said).toContain("capture is explicit: this machine forbids the namespaces that transparent capture needs");
    expect(said).toContain("user.max_user_namespaces is 0");
    expect(said).toContain(`warning: ${NOT_A_BOUNDARY}`);
    const { stdout } = succeed(mesh.symbolon("status"));
    expect(stdout).toContain("capture explicit: this machine forbids the namespaces");
    expect(stdout).toContain(`note: ${NOT_A_BOUNDARY}`);
    expect(JSON.parse(mesh.symbolon("status", "-o", "json").stdout)).toMatchObject({
      capture: { mode: "explicit", warnings: [expect.stringContaining(NOT_A_BOUNDARY), expect.any(String)] },
    });
  });

  test("transparent capture by name is refused there, with the switch to turn", () => {
    const other = prepareMesh(WITHOUT_NAMESPACES);
    const manifest = join(other.directory, "mesh.yaml");
    writeFileSync(manifest, TWO_NAMESPACES);
    const { status, stderr } = other.symbolon("up", "--capture", "transparent", "--detach", "-f", manifest);
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining("sysctl -w user.max_user_namespaces=15000 (ERR_NAMESPACES_FORBIDDEN)"),
    ]);
    other.down();
  });

  test("PERMISSIVE: a sidecar calls a sidecar over mutual TLS, and everyone else in plaintext", () => {
    expect(mesh.curl("foo", "http://httpbin.foo:8000/ip")).toBe("200/0");
    expect(mesh.connections("curl", "foo").at(-1)).toMatchObject({
      security: "mtls",
      tlsVersion: "TLSv1.3",
      localSpiffeId: "spiffe://cluster.local/ns/foo/sa/curl",
      peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/httpbin",
    });
    expect(mesh.curl("foo", "http://httpbin.bar:8000/ip")).toBe("200/0");
    expect(mesh.connections("curl", "foo").at(-1)?.security).toBe("plaintext");
    expect(mesh.curl("bar", "http://httpbin.foo:8000/ip")).toBe("200/0");
  });

  test("a Service has every name that Kubernetes gives it", () => {
    for (const host of ["httpbin", "httpbin.foo", "httpbin.foo.svc", "httpbin.foo.svc.cluster.local"])
      expect([host, mesh.curl("foo", `http://${host}:8000/ip`)]).toEqual([host, "200/0"]);
    expect(mesh.curl("foo", "http://nobody.foo:8000/ip")).toBe("404/0");
  });

  test("the server is told who calls, and nothing of the secret", () => {
    const { stdout } = mesh.exec("curl", "foo", "curl", "-s", "http://httpbin:8000/headers");
    expect(stdout).toContain("URI=spiffe://cluster.local/ns/foo/sa/curl");
    expect(stdout.toLowerCase()).not.toContain("proxy-authorization");
  });

  test("CONNECT reaches a Service as well", () => {
    expect(mesh.curl("foo", "http://httpbin.foo:8000/ip", "--proxytunnel")).toBe("200/0");
  });

  test("a proxy serves its own pod only, by the pod's secret, which is in no command line", () => {
    const variable = (ns: string) =>
      new URL(mesh.exec("curl", ns, "sh", "-c", 'printf %s "$http_proxy"').stdout) as URL;
    const [foo, bar] = [variable("foo"), variable("bar")];
    const through = (user: string) =>
      mesh.curl("bar", "http://httpbin.foo:8000/ip", "-x", `http://${user}127.0.0.1:${foo.port}`);
    expect(through(`${foo.username}:${foo.password}@`)).toBe("200/0");
    expect(through(`${bar.username}:${bar.password}@`)).toBe("407/0");
    expect(through("")).toBe("407/0");
    const commandLines = readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8");
        } catch {
          return "";
        }
      });
    expect(commandLines.filter((line) => line.includes(foo.password) || line.includes(bar.password))).toEqual([]);
    const proxyFiles = readFileSync(join(podDirectory("curl", "foo"), "capture.json"), "utf8");
    expect(proxyFiles).not.toContain(foo.password);
  });

  test("programs find it by their own means: wget, Python's urllib and requests", () => {
    const python = (code: string) => mesh.exec("curl", "foo", "python3", "-c", code);
    const url = "http://httpbin.foo:8000/post";
    const posted =
      "import json, urllib.request as u\n" +
      `print(json.load(u.urlopen(u.Request("${url}", data=b"x" * 100000)))["method"])`;
    expect(python(posted).stdout).toBe("POST\n");
    const requests = `import requests\ns = requests.Session()\nprint([s.post("${url}", data=iter([b"a", b"b"])).json()["data"] for _ in range(3)])`;
    if (python("import requests").status === 0) expect(python(requests).stdout).toBe("['ab', 'ab', 'ab']\n");
    else console.error("skipped: needs Python's requests");
    if (!Bun.which("wget")) return console.error("skipped: needs wget");
    expect(mesh.exec("curl", "foo", "wget", "-q", "-O", "-", "http://httpbin.foo:8000/status/200").status).toBe(0);
  });

  test.each([...NODE_VERSIONS])("Node %s: fetch and http, by NODE_USE_ENV_PROXY", (version) => {
    const script = `
      const http = require("node:http");
      const get = (url) => new Promise((resolve, reject) =>
        http.get(url, (answer) => answer.resume().on("end", () => resolve(answer.statusCode))).on("error", reject));
      (async () => {
        const answer = await fetch("http://httpbin.foo:8000/post", { method: "POST", body: "hello" });
        console.log((await answer.json()).data, await get("http://httpbin.foo:8000/ip"));
      })();`;
    const { stdout, stderr } = mesh.exec("curl", "foo", installNode(version), "-e", script);
    expect([stdout, stderr]).toEqual(["hello 200\n", expect.not.stringContaining("Error")]);
  });

  test("the built-in client goes through it as curl does", () => {
    const cli = join(ROOT, "packages/symbolon/bin/symbolon.ts");
    const call = (from: string, url: string) => {
      const { stdout, status } = mesh.exec("curl", from, process.execPath, cli, "program", "fetch-url", url);
      return `${stdout}/${status}`;
    };
    expect(call("foo", "http://httpbin.foo:8000/ip")).toBe("200/0");
    expect(call("bar", "http://httpbin.foo:8000/ip")).toBe("200/0");
  });

  test("proxies, the agent and the control plane that are killed come back where they were", async () => {
    for (const role of ["proxy", "agent", "control-plane"]) {
      const killed = mesh.processes(`internal ${role}`);
      expect([role, killed.length]).toEqual([role, role === "proxy" ? 4 : 1]);
      for (const pid of killed) process.kill(pid, "SIGKILL");
      await eventually(
        `200 after the end of ${role}`,
        () => mesh.curl("foo", "http://httpbin.foo:8000/ip"),
        (answer) => answer === "200/0",
      );
    }
    expect(mesh.curl("bar", "http://httpbin.foo:8000/ip")).toBe("200/0");
  }, 60_000);

  test("a supervisor that is killed comes back with its pods, and nothing of the old one is left", async () => {
    const before = startedProcesses(mesh);
    expect(before.length).toBeGreaterThanOrEqual(10);
    const { supervisor } = JSON.parse(readFileSync(join(mesh.runtimeDirectory, "processes.json"), "utf8"));
    process.kill(supervisor.pid, "SIGKILL");
    await eventually(
      "the end of every old process",
      () => before.filter(isRunning),
      (left) => left.length === 0,
    );
    await eventually(
      "200",
      () => mesh.curl("foo", "http://httpbin.foo:8000/ip"),
      (answer) => answer === "200/0",
    );
  }, 60_000);

  test("STRICT: plaintext is reset (000, exit 56), mutual TLS goes on", () => {
    mesh.apply(peerAuthentication("default", "foo", { mtls: { mode: "STRICT" } }));
    expect(mesh.curl("bar", "http://httpbin.foo:8000/ip")).toBe("000/56");
    expect(mesh.curl("bar", "http://httpbin.foo:8000/ip", "--proxytunnel")).toBe("000/56");
    expect(mesh.curl("foo", "http://httpbin.foo:8000/ip")).toBe("200/0");
  });

  test("down leaves no process, also when launcher and supervisor have been killed", () => {
    const started = startedProcesses(mesh);
    const { launcher, supervisor } = JSON.parse(readFileSync(join(mesh.runtimeDirectory, "processes.json"), "utf8"));
    process.kill(launcher.pid, "SIGKILL");
    process.kill(supervisor.pid, "SIGKILL");
    succeed(mesh.symbolon("down"));
    expect(started.filter(isRunning)).toEqual([]);
  });

  function podDirectory(name: string, ns: string): string {
    const [pod] = mesh.objects("pod", ns).filter(({ metadata }) => metadata.name.startsWith(`${name}-`));
    return join(mesh.runtimeDirectory, "pods", pod?.metadata.uid ?? "");
  }
});

describe.skipIf(why !== undefined)("what explicit capture cannot do", () => {
  const port = 10_000 + (process.pid % 5_000);
  const web = (name: string, more: Partial<Parameters<typeof deployment>[0]> = {}) =>
    deployment({ name, namespace: "foo", command: ["python3", "-m", "http.server", `${port}`], port, ...more });
  let mesh: MeshUnderTest | undefined;
  afterAll(() => mesh?.down());

  test("two replicas are refused before anything is started, with file and line", () => {
    const { mesh: refused, up } = startWithoutNamespaces(namespace("foo", true) + web("web", { replicas: 2 }));
    expect(up.status).toBe(65);
    expect(up.stderr).toContain(
      "error SYM2106 spec.replicas: explicit capture runs one replica of a Deployment, not 2",
    );
    refused.down();
  });

  test("two programs with one port are refused with both places; one whose port another program has says so", async () => {
    const { mesh: refused, up } = startWithoutNamespaces(namespace("foo", true) + web("first") + web("second"));
    expect(up.status).toBe(65);
    expect(up.stderr).toMatch(
      /mesh\.yaml:\d+:\d+: error SYM2107 .*port \d+ of this machine, which Deployment foo\/first has/,
    );
    refused.down();
    const started = startWithoutNamespaces(
      namespace("foo", true) + web("first") + deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }),
    );
    mesh = started.mesh;
    succeed(started.up);
    expect(mesh.curl("foo", `http://first:${port}/`)).toBe("200/0");
    const apply = join(mesh.directory, "second.yaml");
    writeFileSync(apply, web("second"));
    expect(mesh.symbolon("apply", "-f", apply)).toMatchObject({
      status: 65,
      stderr: expect.stringContaining("which Deployment foo/first has"),
    });
    const other = Bun.listen({ hostname: "127.0.0.1", port: port + 1, socket: { data: () => undefined } });
    try {
      mesh.apply(web("second", { port: port + 1, command: ["python3", "-m", "http.server", `${port + 1}`] }));
      const reason = () => mesh?.symbolon("status").stderr ?? "";
      const text = await eventually("the reason", reason, (shown) => shown.includes("of this machine"));
      expect(text).toContain(`listens on port ${port + 1} of this machine, which another program has`);
      expect(text).toContain("give one of the two another port");
    } finally {
      other.stop(true);
    }
    const ready = (answer: string | undefined) => answer === "200/0";
    const ask = () => mesh?.curl("foo", `http://second:${port + 1}/`);
    const moved = { port: port + 1, command: ["python3", "-m", "http.server", `${port + 1}`] };
    await eventually("200, once the other program has ended", ask, ready);
    // A change of a Deployment ends its pod before the next one begins: both want the port.
    const podNames = () => mesh?.objects("pod", "foo").map(({ metadata }) => metadata.name) ?? [];
    const before = podNames().filter((name) => name.startsWith("second-"));
    mesh.apply(web("second", { ...moved, command: [...moved.command, "--directory", "/"] }));
    await eventually("a new pod", podNames, (names) => names.every((name) => !before.includes(name)));
    await eventually("200 of the new pod", ask, ready);
  }, 120_000);
});
