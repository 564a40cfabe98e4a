import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  CURL_IMAGE,
  deployment,
  type MeshUnderTest,
  missing,
  namespace,
  peerAuthentication,
  ROOT,
  startMesh,
  TWO_NAMESPACES,
} from "./mesh-under-test.ts";

const why = missing("curl", "python3");

describe.skipIf(why !== undefined)("the run of the first article", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(TWO_NAMESPACES);
  });
  afterAll(() => mesh?.down());

  test("PERMISSIVE: a sidecar calls a sidecar over mutual TLS, and everyone else in plaintext", () => {
    expect(mesh.curl("foo", "http://httpbin.foo:8000/ip")).toBe("200/0");
    const toSidecar = mesh.connections("curl", "foo").at(-1);
    expect(toSidecar).toMatchObject({
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
    expect(mesh.curl("foo", "http://nobody.foo:8000/ip")).toBe("000/6");
  });

  test("an unknown port answers at once", () => {
    const started = performance.now();
    expect(mesh.curl("foo", "http://httpbin.foo:8001/ip", "--max-time", "10")).toBe("000/7");
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test("STRICT: plaintext is reset (000, exit 56), mutual TLS goes on", () => {
    mesh.apply(peerAuthentication("default", "foo", { mtls: { mode: "STRICT" } }));
    expect(mesh.curl("bar", "http://httpbin.foo:8000/ip")).toBe("000/56");
    expect(mesh.curl("foo", "http://httpbin.foo:8000/ip")).toBe("200/0");
  });
});

describe.skipIf(why !== undefined)("the same run with Debian's curl and Python as the programs", () => {
  let mesh: MeshUnderTest;
  let record: string;
  beforeAll(() => {
    const recorder = join(ROOT, "test/scenario/programs/recorder.py");
    record = `/tmp/symbolon-record-${process.pid}`;
    mesh = startMesh(
      ["foo", "bar"]
        .map(
          (ns) =>
            namespace(ns, ns === "foo") +
            deployment({ name: "web", namespace: ns, command: ["python3", "-m", "http.server", "8080"], port: 8080 }) +
            deployment({
              name: "recorder",
              namespace: ns,
              command: ["python3", recorder, "9000", `${record}-${ns}`],
              port: 9000,
            }) +
            deployment({ name: "curl", namespace: ns, image: CURL_IMAGE }),
        )
        .join(""),
    );
  });
  afterAll(() => mesh?.down());

  test("200, 200, 200 under PERMISSIVE; 000/56 and 200 under STRICT", () => {
    const calls = () => [
      mesh.curl("foo", "http://web.foo:8080/"),
      mesh.curl("foo", "http://web.bar:8080/"),
      mesh.curl("bar", "http://web.foo:8080/"),
    ];
    expect(calls()).toEqual(["200/0", "200/0", "200/0"]);
    mesh.apply(peerAuthentication("default", "foo", { mtls: { mode: "STRICT" } }));
    expect(calls()).toEqual(["200/0", "200/0", "000/56"]);
  });

  test("the application behind STRICT receives not one byte of the refused connection", () => {
    expect(mesh.curl("bar", "http://recorder.foo:9000/refused")).toBe("000/56");
    expect(statSync(`${record}-foo`).size).toBe(0);
    expect(mesh.curl("foo", "http://recorder.foo:9000/admitted")).toBe("200/0");
    expect(readFileSync(`${record}-foo`, "utf8")).toStartWith("GET /admitted HTTP/1.1\r\n");
  });
});
