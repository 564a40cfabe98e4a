import { afterEach, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
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

const why = missing("curl", "ip", "nsenter");

describe.skipIf(why !== undefined)("secure naming", () => {
  let mesh: MeshUnderTest;
  afterEach(() => mesh?.down());

  test("an address that has changed hands: whoever answers there with another identity is refused, with expected and got", async () => {
    mesh = startMesh(
      namespace("foo", true) +
        deployment({ name: "httpbin", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }) +
        deployment({ name: "impostor", namespace: "foo", image: CURL_IMAGE }),
    );
    expect(mesh.curl("foo", "http://httpbin:8000/ip")).toBe("200/0");
    const address = podOf("httpbin").status.podIP ?? "";
    const impostor = await takeAddress(address);
    try {
      // A port that speaks HTTP is answered in HTTP, as Envoy does, by whichever address it is called.
      // The first request meets the end of the connection that was kept, the second one a new handshake.
      for (const _request of ["kept", "new"])
        expect(mesh.curl("foo", "http://httpbin:8000/ip", "--max-time", "10")).toBe("503/0");
      expect(mesh.curl("foo", `http://${address}:8080/ip`, "--max-time", "10")).toBe("503/0");
      for (const record of mesh.connections("curl", "foo").slice(-2))
        expect(record).toMatchObject({
          reason: "server_identity_mismatch",
          expectedSpiffeIds: ["spiffe://cluster.local/ns/foo/sa/httpbin"],
          peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/impostor",
        });
      // What the caller got is its own proxy's answer: of the application, which serves, there is nothing.
      const { stdout } = mesh.exec("curl", "foo", "curl", "-s", `http://${address}:8080/ip`);
      expect(stdout).not.toContain("origin");
    } finally {
      impostor.kill("SIGKILL");
    }
  });

  test("a deleted pod's address that another pod is given: callers of the Service do not follow it there", async () => {
    // Room for few pods, so that addresses come round soon.
    mesh = startMesh(
      namespace("foo", true) + deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }),
      ...["--pod-cidr", "10.244.0.0/29"],
    );
    mesh.apply(httpbin("httpbin"));
    await eventually(
      "httpbin",
      () => mesh.curl("foo", "http://httpbin:8000/ip"),
      (outcome) => outcome === "200/0",
    );
    const address = podOf("httpbin").status.podIP;
    const service = mesh.symbolon("get", "service", "httpbin", "-n", "foo", "-o", "json").stdout;
    succeed(mesh.symbolon("delete", "deployment", "httpbin", "-n", "foo"));
    await eventually(
      "httpbin's end",
      () => mesh.objects("pods", "foo").length,
      (count) => count === 1,
    );
    for (let turn = 0; ; turn++) {
      mesh.apply(deployment({ name: "other", namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, app: "other" }));
      await eventually(
        "other",
        () => readiness("other"),
        (ready) => ready === true,
      );
      if (podOf("other").status.podIP === address) break;
      expect(turn).toBeLessThan(8);
      succeed(mesh.symbolon("delete", "deployment", "other", "-n", "foo"));
      await eventually(
        "other's end",
        () => mesh.objects("pods", "foo").length,
        (count) => count === 1,
      );
    }
    expect(mesh.symbolon("get", "service", "httpbin", "-n", "foo", "-o", "json").stdout).toBe(service);
    expect(mesh.curl("foo", "http://httpbin:8000/ip", "--max-time", "10")).not.toStartWith("200");
    // Nearest miss: it is reached, as itself, by whoever calls it.
    expect(mesh.curl("foo", "http://other:8080/ip")).toBe("200/0");
    expect(mesh.connections("curl", "foo").at(-1)?.peerSpiffeId).toBe("spiffe://cluster.local/ns/foo/sa/other");
  });

  const httpbin = (name: string) =>
    deployment({ name, namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 });
  const readiness = (name: string) =>
    mesh
      .objects("pods", "foo")
      .find((pod) => pod.metadata.name.startsWith(name))
      ?.status.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  const podOf = (name: string) => {
    const pod = mesh.objects("pods", "foo").find((candidate) => candidate.metadata.name.startsWith(name));
    if (!pod) throw new Error(`no pod ${name}`);
    return pod;
  };
  const hostProcess = (...words: readonly string[]) => {
    const [pid] = hostProcesses(
      (line) => [mesh.directory, ...words].every((word) => line.includes(word)) && !line.includes("unshare"),
    );
    if (pid === undefined) throw new Error(`no process ${words.join(" ")}`);
    return pid;
  };
  const inNetworkOf = (pid: number, ...command: readonly string[]) => [
    ...["nsenter", "--user", "--net", "--preserve-credentials", "--target", String(pid)],
    ...command,
  ];
  const run = ([program = "", ...args]: readonly string[]) => {
    const result = spawnSync(program, args, { encoding: "utf8" });
    succeed({ status: result.status ?? 128, stdout: result.stdout, stderr: result.stderr });
  };

  /** As root of the mesh's network: cuts httpbin off, and puts a program with another service account's SVID in its place. */
  async function takeAddress(address: string) {
    const supervisor = hostProcess("internal supervisor");
    const callerProxy = hostProcess("internal proxy", podOf("curl").metadata.uid);
    const link = `v${address
      .split(".")
      .map((part) => Number(part).toString(16).padStart(2, "0"))
      .join("")}`;
    const tokenFile = join(mesh.directory, "token");
    const rootFile = join(mesh.directory, "root.pem");
    const readFromPod = (path: string) => succeed(mesh.exec("impostor", "foo", "cat", path)).stdout;
    writeFileSync(tokenFile, readFromPod("/var/run/secrets/tokens/istio-token"));
    writeFileSync(rootFile, readFromPod("/var/run/secrets/istio/root-cert.pem"));
    run(inNetworkOf(supervisor, "ip", "link", "set", link, "down"));
    run(inNetworkOf(supervisor, "ip", "address", "add", `${address}/32`, "dev", "sym0"));
    run(inNetworkOf(callerProxy, "ip", "neigh", "flush", "all"));
    const program = join(import.meta.dir, "programs/impostor.ts");
    const [command = "", ...args] = inNetworkOf(
      supervisor,
      ...[process.execPath, program, tokenFile, rootFile, "10.244.0.1:15012", address, "8080"],
    );
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((ready, failed) => {
      child.stdout.once("data", ready);
      child.once("exit", (status) => failed(new Error(`impostor ended with ${status}`)));
    });
    return child;
  }
});
