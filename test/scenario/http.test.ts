import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  CURL_IMAGE,
  deployment,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl");

describe.skipIf(why !== undefined)("HTTP between two sidecars", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(
      namespace("foo", true) +
        namespace("legacy", false) +
        deployment({
          name: "httpbin",
          namespace: "foo",
          image: HTTPBIN_IMAGE,
          port: 8080,
          servicePort: 8000,
          portName: "http",
        }) +
        deployment({
          name: "hello",
          namespace: "foo",
          image: "docker.io/istio/examples-helloworld-v1:1.0",
          port: 5000,
          servicePort: 5000,
          portName: "http",
          replicas: 2,
        }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }) +
        deployment({ name: "curl", namespace: "legacy", image: CURL_IMAGE }),
    );
  });
  afterAll(() => mesh?.down());

  const headersSeen = (from: string, ...options: readonly string[]): Readonly<Record<string, string>> => {
    const { stdout } = succeed(mesh.exec("curl", from, "curl", "-sS", ...options, "http://httpbin.foo:8000/headers"));
    const { headers }: { headers: Record<string, string> } = JSON.parse(stdout);
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  };

  test("the application is told who asks; what the caller says of that itself is gone", () => {
    const headers = headersSeen(
      "foo",
      "-H",
      "x-forwarded-client-cert: URI=spiffe://forged",
      "-H",
      "x-envoy-original-path: /",
    );
    expect(headers["x-forwarded-client-cert"]).toMatch(
      /^By=spiffe:\/\/cluster\.local\/ns\/foo\/sa\/httpbin;Hash=[0-9a-f]{64};Subject="";URI=spiffe:\/\/cluster\.local\/ns\/foo\/sa\/curl$/,
    );
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers["x-envoy-original-path"]).toBeUndefined();
  });

  test("a pod that is called by its own address is told as much", () => {
    const address = mesh.objects("pods", "foo").find(({ metadata }) => metadata.name.startsWith("httpbin"))
      ?.status.podIP;
    const { stdout } = succeed(mesh.exec("curl", "foo", "curl", "-sS", `http://${address}:8080/headers`));
    expect(stdout.toLowerCase()).toContain("uri=spiffe://cluster.local/ns/foo/sa/curl");
    expect(stdout.toLowerCase()).toContain("x-request-id");
  });

  test("a caller without sidecar, under PERMISSIVE, is told apart by having no certificate, whatever it says", () => {
    const headers = headersSeen("legacy", "-H", "x-forwarded-client-cert: URI=spiffe://forged");
    expect(headers["x-forwarded-client-cert"]).toBeUndefined();
    expect(headers["x-forwarded-proto"]).toBe("http");
  });

  test("requests of one connection reach every replica", () => {
    const urls = Array.from({ length: 24 }, () => "http://hello.foo:5000/hello");
    const { stdout } = succeed(mesh.exec("curl", "foo", "curl", "-sS", "-w", "%{num_connects}\n", ...urls));
    expect(new Set([...stdout.matchAll(/instance: (\S+)/g)].map(([, instance]) => instance)).size).toBe(2);
    expect([...stdout.matchAll(/^\d$/gm)].map(([connects]) => connects)).toEqual(["1", ...Array(23).fill("0")]);
  });

  test("what is no request is answered with 400 by the caller's own proxy", () => {
    const { stdout } = succeed(
      mesh.exec(
        "curl",
        "foo",
        "curl",
        "-sS",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "-H",
        "x_role: admin",
        "http://httpbin.foo:8000/headers",
      ),
    );
    expect(stdout).toBe("400");
  });
});
