import { afterEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  HTTPBIN_IMAGE,
  hostProcesses,
  type MeshUnderTest,
  missing,
  namespace,
  startMesh,
  succeed,
} from "./mesh-under-test.ts";

const why = missing("curl");

describe.skipIf(why !== undefined)("secure naming", () => {
  let mesh: MeshUnderTest;
  afterEach(() => mesh?.down());
  const controlPlane = () =>
    hostProcesses((line) => line.includes(mesh.directory) && line.includes("internal control-plane"));
  const start = (...options: string[]) => {
    mesh = startMesh(
      namespace("foo", true) +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }),
      ...options,
    );
  };

  test("a pod of another service account that answers on httpbin's address is refused, with expected and got", async () => {
    // A pod CIDR with room for one pod more: the impostor is given the address that httpbin has just left.
    start("--pod-cidr", "10.244.0.0/29");
    const victim = mesh.objects("pods", "foo").find((pod) => pod.metadata.name.startsWith("httpbin"));
    expect(mesh.curl("foo", "http://httpbin:8000/ip")).toBe("200/0");
    // The caller's view is frozen, as if the control plane could not reach it.
    const [callerProxy = 0] = proxyOf("curl");
    const freeze = freezeConfiguration(callerProxy);
    succeed(mesh.symbolon("delete", "deployment", "httpbin", "-n", "foo"));
    await eventually(
      "the pod to go",
      () => mesh.objects("pods", "foo").length,
      (count) => count === 1,
    );
    for (let turn = 0; addressOf("impostor") !== victim?.status.podIP; turn++) {
      expect(turn).toBeLessThan(8);
      mesh.symbolon("delete", "deployment", "impostor", "-n", "foo");
      await eventually(
        "the pod to go",
        () => mesh.objects("pods", "foo").length,
        (count) => count === 1,
      );
      mesh.apply(deployment({ name: "impostor", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080 }));
      await eventually(
        "an address",
        () => addressOf("impostor"),
        (address) => address !== undefined,
      );
    }
    await eventually(
      "the impostor",
      () => mesh.symbolon("proxy-config", "secret", "deploy/impostor", "-n", "foo").stdout,
      (text) => text.includes("ACTIVE"),
    );
    freeze.stillFrozen();
    expect(mesh.curl("foo", "http://httpbin:8000/ip", "--max-time", "10")).toStartWith("000/");
    expect(mesh.connections("curl", "foo").at(-1)).toMatchObject({
      reason: "server_identity_mismatch",
      expectedSpiffeIds: ["spiffe://cluster.local/ns/foo/sa/httpbin"],
      peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/impostor",
    });
    freeze.thaw();
  });

  const addressOf = (name: string) =>
    mesh.objects("pods", "foo").find((pod) => pod.metadata.name.startsWith(name))?.status.podIP;
  const proxyOf = (name: string) => {
    const uid = mesh.objects("pods", "foo").find((pod) => pod.metadata.name.startsWith(name))?.metadata.uid ?? "";
    return hostProcesses((line) => line.includes("internal proxy") && line.includes(uid) && !line.includes("nsenter"));
  };

  /** Stops the control plane's pushes to one proxy: a kernel-level stop of that proxy while the world changes is no use, so its socket is cut. */
  function freezeConfiguration(proxy: number) {
    const stop = (signal: string) => spawnSync("kill", [signal, String(proxy)]);
    stop("-STOP");
    return {
      stillFrozen() {
        const [pid = 0] = controlPlane();
        process.kill(pid, "SIGSTOP");
        stop("-CONT");
      },
      thaw() {
        for (const pid of controlPlane()) process.kill(pid, "SIGCONT");
      },
    };
  }
});
