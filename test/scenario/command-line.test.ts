import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  fileExists,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  prepareMesh,
  SAMPLES,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl");

describe.skipIf(why !== undefined)("the command line", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = prepareMesh();
  });
  afterAll(() => mesh?.down());

  test("without a mesh, commands say how to start one and end with 69", () => {
    const result = mesh.symbolon("get", "pods");
    expect(result.status).toBe(69);
    expect(result.stderr).toContain("symbolon up");
    expect(mesh.symbolon("down").status).toBe(0);
  });

  test("an unknown command or option is a usage error, 64", () => {
    expect(mesh.symbolon("frobnicate").status).toBe(64);
    expect(mesh.symbolon("up", "--frobnicate").status).toBe(64);
    expect(mesh.symbolon("up", "--help").status).toBe(0);
  });

  test.each([
    ["yaml syntax", "kind: [\n", /bad\.yaml:\d+:\d+/],
    [
      "unknown field",
      "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n  labls: {}\n",
      /bad\.yaml:5:3.*metadata\.labls.*labels/,
    ],
    [
      "bad mode",
      "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata:\n  name: x\nspec:\n  mtls:\n    mode: STRIKT\n",
      /bad\.yaml:7:11.*spec\.mtls\.mode.*STRICT/,
    ],
    [
      "what nothing enforces",
      "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata:\n  name: x\nspec:\n  action: CUSTOM\n  provider:\n    name: p\n  rules:\n    - {}\n",
      /bad\.yaml:6:.*spec\.action.*CUSTOM.*--allow-unenforced/,
    ],
  ])("%s: file, line, column, field and exit status 65", (_what, text, expected) => {
    writeFileSync(join(mesh.directory, "bad.yaml"), text);
    const result = mesh.symbolon("up", "--detach", "-f", "bad.yaml");
    expect(result.stderr).toMatch(expected);
    expect(result.status).toBe(65);
  });

  test("an unknown image is one error with object, file, line and the line to add", () => {
    writeFileSync(
      join(mesh.directory, "bad.yaml"),
      "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\nspec:\n  containers:\n    - name: c\n      image: example.org/unknown:1\n",
    );
    const result = mesh.symbolon("up", "--detach", "-f", "bad.yaml");
    expect(result.status).toBe(65);
    expect(result.stderr).toMatch(/bad\.yaml:8:.*example\.org\/unknown:1/);
    expect(result.stderr).toContain("--image");
  });
});

describe.skipIf(why !== undefined || (!fileExists(SAMPLES) && process.env.CI === undefined))("Istio's samples", () => {
  let mesh: MeshUnderTest;
  afterAll(() => mesh?.down());

  test("httpbin, curl, sleep and tcp-echo run unchanged", async () => {
    mesh = prepareMesh();
    const files = ["httpbin/httpbin", "curl/curl", "sleep/sleep", "tcp-echo/tcp-echo"].flatMap((file) => [
      "-f",
      join(SAMPLES, `${file}.yaml`),
    ]);
    // What `kubectl label namespace default istio-injection=enabled` does.
    writeFileSync(join(mesh.directory, "default.yaml"), namespace("default", true));
    succeed(mesh.symbolon("up", "--detach", "--no-dashboard", "-f", "default.yaml", ...files));
    // The samples have no readiness probes: their pods are ready before their programs listen.
    for (const program of ["httpbin", "tcp-echo"])
      await eventually(
        `${program} listens`,
        () => mesh.symbolon("logs", `deploy/${program}`).stdout,
        (text) => text.includes("listening"),
      );
    expect(mesh.curl("default", "http://httpbin:8000/status/418")).toBe("418/0");
    const echo = mesh.exec(
      "curl",
      "default",
      "sh",
      "-c",
      "printf 'world\\n' | timeout 2 curl -sN telnet://tcp-echo:9000",
    );
    expect(echo.stdout).toBe("hello world\n");
    const pods = mesh.symbolon("get", "pods", "-o", "name").stdout.trim().split("\n");
    expect(pods).toHaveLength(4);
    expect(
      mesh.symbolon("get", "pods", "-l", "app=httpbin", "-o", "jsonpath={.items[0].metadata.labels.app}").stdout.trim(),
    ).toBe("httpbin");
  });
});

describe.skipIf(why !== undefined)("the command line of a running mesh", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(
      namespace("default", true) +
        deployment({ name: "httpbin", namespace: "default", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({ name: "curl", namespace: "default", image: CURL_IMAGE }),
    );
  });
  afterAll(() => mesh?.down());

  test("a bad apply changes nothing, and a bad edit of a watched file keeps the last good state", async () => {
    mkdirSync(join(mesh.directory, "bad"), { recursive: true });
    writeFileSync(
      join(mesh.directory, "bad/a.yaml"),
      "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: new-one\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: Bad_Name\n",
    );
    expect(mesh.symbolon("apply", "-f", "bad").status).toBe(65);
    expect(mesh.symbolon("get", "namespace", "new-one").status).not.toBe(0);
    expect(mesh.curl("default", "http://httpbin:8000/ip")).toBe("200/0");
  });

  test("starting the same mesh twice is refused with the way out", () => {
    writeFileSync(join(mesh.directory, "one.yaml"), "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n");
    const result = mesh.symbolon("up", "--detach", "-f", "one.yaml");
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("already running");
  });

  test("two meshes with different names do not collide", async () => {
    succeed(
      mesh.symbolon(
        "--name",
        "second",
        "up",
        "--detach",
        "--no-dashboard",
        "-f",
        join(import.meta.dir, "../../examples/01-first-mesh/mesh.yaml"),
      ),
    );
    expect(mesh.symbolon("--name", "second", "get", "pods", "-A", "-o", "name").stdout.trim().split("\n")).toHaveLength(
      4,
    );
    expect(mesh.curl("default", "http://httpbin:8000/ip")).toBe("200/0");
    succeed(mesh.symbolon("--name", "second", "down"));
    await eventually(
      "the first mesh",
      () => mesh.curl("default", "http://httpbin:8000/ip"),
      (outcome) => outcome === "200/0",
    );
  });

  test("proxy-config secret has istioctl's columns and never a key", () => {
    const table = succeed(mesh.symbolon("proxy-config", "secret", "deploy/httpbin")).stdout;
    expect(table.split("\n")[0]).toMatch(
      /^RESOURCE NAME {5}TYPE +STATUS +VALID CERT +SERIAL NUMBER +NOT AFTER +NOT BEFORE/,
    );
    expect(table).not.toContain("PRIVATE");
    expect(mesh.symbolon("proxy-config", "secret", "deploy/httpbin", "-o", "json").stdout).not.toContain("PRIVATE");
  });

  test("logs and status speak of what runs", () => {
    expect(mesh.symbolon("logs", "deploy/httpbin").status).toBe(0);
    const status = succeed(mesh.symbolon("status"));
    expect(status.stdout).toContain("httpbin");
    expect(JSON.parse(succeed(mesh.symbolon("status", "-o", "json")).stdout)).toBeObject();
  });
});
