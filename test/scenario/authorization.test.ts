/** AuthorizationPolicy in a mesh of real pods, driven through the command line: the codes of Istio's tasks, live changes, bad input. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  execInBackground,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl", "python3");

/** Connects, exchanges a line, says so, and waits until the connection ends. */
const HOLD = `
import socket, sys
s = socket.create_connection(("tcp-echo.foo", 9000))
s.sendall(b"a\\n")
print("echoed", s.recv(100), flush=True)
try:
    rest = s.recv(100)
    print("closed" if rest == b"" else rest, flush=True)
except ConnectionResetError:
    print("closed", flush=True)
`;

describe.skipIf(why !== undefined)("AuthorizationPolicy in the running mesh", () => {
  let mesh: MeshUnderTest;
  const applied = new Set<string>();
  const policy = (name: string, spec: unknown, ns = "foo") =>
    `---\n${JSON.stringify({
      apiVersion: "security.istio.io/v1",
      kind: "AuthorizationPolicy",
      metadata: { name, namespace: ns },
      spec,
    })}\n`;
  const apply = (name: string, spec: unknown, ns = "foo") => {
    mesh.apply(policy(name, spec, ns));
    applied.add(`${ns}/${name}`);
  };
  const get = (from: string) => mesh.curl(from, "http://httpbin.foo:8000/get");
  const post = (from: string) => mesh.curl(from, "http://httpbin.foo:8000/post", "-X", "POST");
  const httpbin = { selector: { matchLabels: { app: "httpbin" } } };
  const echo = { selector: { matchLabels: { app: "tcp-echo" } } };

  beforeAll(() => {
    mesh = startMesh(
      namespace("istio-system") +
        namespace("foo", true) +
        namespace("bar", true) +
        namespace("legacy") +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({
          name: "tcp-echo",
          namespace: "foo",
          image: "docker.io/istio/tcp-echo-server:1.3",
          args: ["9000", "hello"],
          port: 9000,
          servicePort: 9000,
          portName: "tcp",
        }) +
        ["foo", "bar", "legacy"].map((ns) => deployment({ name: "curl", namespace: ns, image: CURL_IMAGE })).join(""),
    );
  });
  afterAll(() => mesh?.down());
  afterEach(() => {
    for (const key of applied) {
      const [ns = "", name = ""] = key.split("/");
      succeed(mesh.symbolon("delete", "authorizationpolicy", name, "-n", ns));
    }
    applied.clear();
  });

  test("an empty policy denies everything with Istio's body; an ALLOW opens what it names, and nothing else", () => {
    expect(get("foo")).toBe("200/0");
    apply("deny-all", {});
    expect(get("foo")).toBe("403/0");
    const { stdout } = succeed(mesh.exec("curl", "foo", "curl", "-si", "http://httpbin.foo:8000/get"));
    expect(stdout).toEndWith("\r\n\r\nRBAC: access denied");
    expect(stdout.toLowerCase()).toContain("content-type: text/plain\r\n");
    apply("viewer", {
      ...httpbin,
      action: "ALLOW",
      rules: [{ from: [{ source: { namespaces: ["bar"] } }], to: [{ operation: { methods: ["GET"] } }] }],
    });
    expect([get("bar"), post("bar"), get("foo"), get("legacy")]).toEqual(["200/0", "403/0", "403/0", "403/0"]);
  });

  test("a policy of the root namespace holds in every namespace", () => {
    apply("no-legacy", { action: "DENY", rules: [{ from: [{ source: { notPrincipals: ["*"] } }] }] }, "istio-system");
    expect([get("foo"), get("bar"), get("legacy")]).toEqual(["200/0", "200/0", "403/0"]);
  });

  test("TCP follows Istio's rules: a DENY with HTTP attributes alone denies all of it", () => {
    const connects = () => mesh.curl("foo", "telnet://tcp-echo.foo:9000", "-m", "2");
    expect(connects()).toBe("000/28");
    apply("get-only", {
      ...echo,
      action: "DENY",
      rules: [{ to: [{ operation: { methods: ["GET"], ports: ["9001"] } }] }],
    });
    expect(connects()).toBe("000/28");
    apply("get-only", { ...echo, action: "DENY", rules: [{ to: [{ operation: { methods: ["GET"] } }] }] });
    expect(connects()).not.toBe("000/28");
  });

  test("a live TCP connection is closed by the policy that no longer allows it", async () => {
    const held = execInBackground(mesh, "curl", "foo", "python3", "-c", HOLD);
    const isOpen = () =>
      mesh.connections("tcp-echo", "foo").some(({ reason, bytesReceived }) => !reason && bytesReceived === 2);
    await eventually("a live connection", isOpen, (open) => open, 20);
    apply("bar-only", { ...echo, rules: [{ from: [{ source: { namespaces: ["bar"] } }] }] });
    const { stdout } = await held.result;
    expect(stdout.trim().split("\n")).toEqual(["echoed b'hello a\\n'", "closed"]);
    expect(mesh.connections("tcp-echo", "foo").at(-1)?.reason).toBe("access_revoked");
  });

  test("a policy that cannot be read keeps what is in force, and status says why", async () => {
    const file = join(mesh.directory, "mesh.yaml");
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text + policy("deny-all", { rulez: [] }));
    const says = () => {
      const { stdout, stderr } = mesh.symbolon("status");
      return stdout + stderr;
    };
    const output = await eventually("the finding in status", says, (status) => status.includes("SYM0101"), 20);
    expect(output).toMatch(
      /mesh\.yaml:\d+:\d+: error SYM0101 spec\.rulez: unknown field "rulez"; did you mean "rules"\?/,
    );
    expect(get("foo")).toBe("200/0");
    writeFileSync(file, text);
    await eventually("no finding in status", says, (status) => !status.includes("SYM0101"), 20);
    const refused = mesh.symbolon("apply", "-f", file, "--dry-run");
    expect(refused.status).toBe(0);
  });

  test("the MeshConfig's path normalization decides what a path is", () => {
    apply("no-anything", { ...httpbin, action: "DENY", rules: [{ to: [{ operation: { paths: ["/anything/x"] } }] }] });
    const ask = (path: string) => mesh.curl("foo", `http://httpbin.foo:8000${path}`, "--path-as-is");
    expect([ask("/anything/x"), ask("/anything/y/../x"), ask("/anything//x")]).toEqual(["403/0", "403/0", "200/0"]);
    const config = join(mesh.directory, "mesh-config.txt");
    writeFileSync(config, "pathNormalization:\n  normalization: MERGE_SLASHES\n");
    succeed(mesh.symbolon("apply", "--mesh-config", config));
    expect(ask("/anything//x")).toBe("403/0");
    succeed(mesh.symbolon("delete", "configmap", "istio", "-n", "istio-system"));
    expect(ask("/anything//x")).toBe("200/0");
  });

  test("is listed with its action, as kubectl lists it", () => {
    apply("viewer", { action: "AUDIT", rules: [{}] });
    expect(succeed(mesh.symbolon("get", "ap", "-n", "foo")).stdout).toMatch(
      /^NAME +ACTION +AGE\nviewer +AUDIT +\d+s\n$/,
    );
  });
});
