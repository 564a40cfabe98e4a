import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  execInBackground,
  HTTPBIN_IMAGE,
  hostProcesses,
  type MeshUnderTest,
  missing,
  namespace,
  startMesh,
} from "./mesh-under-test.ts";

const why = missing("curl", "nsenter", "ip");

describe.skipIf(why !== undefined)("a peer that is gone without a word", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(
      namespace("foo", true) +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({
          name: "echo",
          namespace: "foo",
          image: "example.org/tcp-echo-server:1",
          args: ["9000", "hello"],
          port: 9000,
          portName: "tcp",
        }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }),
    );
  });
  afterAll(() => mesh?.down());

  const openAt = (name: string): number => mesh.connections(name, "foo").filter(({ open }) => open).length;

  test("is noticed within 30 s, on raw TCP and on a kept HTTP connection", async () => {
    const program = `
      const net = require("node:net");
      net.connect(9000, "echo", function () { this.write("x\\n"); });
      net.connect(8000, "httpbin", function () { this.write("GET /ip HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"); });
      setTimeout(() => undefined, 600_000);`;
    const client = execInBackground(mesh, "curl", "foo", process.execPath, "-e", program);
    await eventually(
      "connections",
      () => openAt("echo") + openAt("httpbin"),
      (count) => count === 2,
    );
    const uid =
      mesh.objects("pods", "foo").find(({ metadata }) => metadata.name.startsWith("curl-"))?.metadata.uid ?? "";
    const [proxy] = hostProcesses(
      (line) => line.includes("internal proxy") && line.includes(uid) && !line.includes("nsenter"),
    );
    // The link between the pod and the rest: no FIN, no reset, no answer any more.
    const inPod = ["-t", String(proxy), "-U", "--preserve-credentials", "-n"];
    const { status, stderr } = spawnSync("nsenter", [...inPod, "ip", "link", "set", "eth0", "down"], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const cutAt = performance.now();
    await eventually(
      "both connections end",
      () => openAt("echo") + openAt("httpbin"),
      (count) => count === 0,
      60,
    );
    const seconds = (performance.now() - cutAt) / 1000;
    console.log(`a silent peer was noticed after ${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(30);
    client.kill();
  });
});
