import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import {
  CURL_IMAGE,
  deployment,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  peerAuthentication,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl");

/** istio-security.md §1.3 and §1.4 against the running proxy; the caller `bar` has no sidecar, so it always speaks plaintext. */
describe.skipIf(why !== undefined)("PeerAuthentication in the running proxy", () => {
  let mesh: MeshUnderTest;
  const applied: string[] = [];
  const apply = (name: string, ns: string, spec: unknown) => {
    mesh.apply(peerAuthentication(name, ns, spec));
    applied.push(`${ns}/${name}`);
  };
  const workload = { selector: { matchLabels: { app: "httpbin" } } };
  const plaintext = () => mesh.curl("bar", "http://httpbin.foo:8000/ip");
  const otherPort = () => mesh.curl("bar", "http://httpbin.foo:8001/ip");

  beforeAll(() => {
    mesh = startMesh(
      namespace("istio-system") +
        namespace("foo", true) +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({
          name: "second",
          namespace: "foo",
          app: "second",
          image: HTTPBIN_IMAGE,
          args: ["-port", "8081"],
          port: 8081,
        }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }) +
        namespace("bar") +
        deployment({ name: "curl", namespace: "bar", image: CURL_IMAGE }),
    );
    // A second port of the same application: Service port 8001 leads to pod port 8080 as well.
    mesh.apply(
      `---\n${JSON.stringify({
        apiVersion: "v1",
        kind: "Service",
        metadata: { name: "extra", namespace: "foo" },
        spec: { selector: { app: "httpbin" }, ports: [{ name: "tcp", port: 8001, targetPort: 8080 }] },
      })}\n`,
    );
  });
  afterAll(() => mesh?.down());
  afterEach(() => {
    for (const key of applied.splice(0)) {
      const [ns = "", name = ""] = key.split("/");
      succeed(mesh.symbolon("delete", "peerauthentication", name, "-n", ns));
    }
  });

  test("no policy at all is PERMISSIVE", () => {
    expect(plaintext()).toBe("200/0");
  });

  test("a mesh policy with an unset mode is PERMISSIVE", () => {
    apply("default", "istio-system", {});
    expect(plaintext()).toBe("200/0");
  });

  test("a mesh-wide STRICT holds in every namespace", () => {
    apply("default", "istio-system", { mtls: { mode: "STRICT" } });
    expect(plaintext()).toBe("000/56");
    expect(mesh.curl("bar", "http://second.foo:8081/ip")).toBe("000/56");
    expect(mesh.curl("foo", "http://httpbin.foo:8000/ip")).toBe("200/0");
  });

  test("a namespace policy overrides the mesh, and an unset one inherits it", () => {
    apply("default", "istio-system", { mtls: { mode: "STRICT" } });
    apply("default", "foo", { mtls: { mode: "PERMISSIVE" } });
    expect(plaintext()).toBe("200/0");
    apply("default", "foo", {});
    applied.pop();
    expect(plaintext()).toBe("000/56");
  });

  test("a workload policy overrides its namespace for its workloads only", () => {
    apply("default", "foo", { mtls: { mode: "STRICT" } });
    apply("httpbin", "foo", { ...workload, mtls: { mode: "PERMISSIVE" } });
    expect(plaintext()).toBe("200/0");
    expect(mesh.curl("bar", "http://second.foo:8081/ip")).toBe("000/56");
  });

  test("a selector policy in the root namespace is ignored", () => {
    apply("rooted", "istio-system", { ...workload, mtls: { mode: "STRICT" } });
    expect(plaintext()).toBe("200/0");
  });

  test("a port-level mode is looked up by pod port, never by Service port", () => {
    apply("httpbin", "foo", { ...workload, mtls: { mode: "STRICT" }, portLevelMtls: { 8080: { mode: "PERMISSIVE" } } });
    expect(plaintext()).toBe("200/0");
    apply("httpbin", "foo", { ...workload, mtls: { mode: "STRICT" }, portLevelMtls: { 8000: { mode: "PERMISSIVE" } } });
    applied.pop();
    expect(plaintext()).toBe("000/56");
  });

  test("a port-level STRICT under a PERMISSIVE workload refuses plaintext on that port", () => {
    apply("httpbin", "foo", { ...workload, mtls: { mode: "PERMISSIVE" }, portLevelMtls: { 8080: { mode: "STRICT" } } });
    expect(plaintext()).toBe("000/56");
    expect(otherPort()).not.toBe("200/0");
  });

  test("DISABLE makes callers with a sidecar speak plaintext", () => {
    apply("httpbin", "foo", { ...workload, mtls: { mode: "DISABLE" } });
    expect(mesh.curl("foo", "http://httpbin.foo:8000/ip")).toBe("200/0");
    expect(mesh.connections("curl", "foo").at(-1)?.security).toBe("plaintext");
  });

  test("of two workload policies only the older counts, and their ports are not merged", () => {
    apply("a-older", "foo", { ...workload, mtls: { mode: "STRICT" } });
    apply("b-younger", "foo", {
      ...workload,
      mtls: { mode: "PERMISSIVE" },
      portLevelMtls: { 8080: { mode: "PERMISSIVE" } },
    });
    expect(plaintext()).toBe("000/56");
  });
});
