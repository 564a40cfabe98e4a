import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  CURL_IMAGE,
  deployment,
  execInBackground,
  HTTPBIN_IMAGE,
  hostProcesses,
  type MeshUnderTest,
  missing,
  namespace,
  ROOT,
  residentBytes,
  startMesh,
} from "./mesh-under-test.ts";

const why = missing("curl");
const PROGRAMS = join(ROOT, "test/scenario/programs");
const SECONDS = 60;
const MEGABYTE = 1 << 20;

describe.skipIf(why !== undefined)("under load", () => {
  let mesh: MeshUnderTest;
  afterEach(() => mesh?.down());
  const proxies = () =>
    hostProcesses(
      (line) => line.includes(mesh.directory) && line.includes("internal proxy") && !line.includes("nsenter"),
    ).map((pid) => residentBytes(pid));
  const serialOf = (name: string) =>
    mesh.symbolon("proxy-config", "secret", `deploy/${name}`, "-n", "foo").stdout.match(/[0-9a-f]{32}/)?.[0];

  test("certificates of 20 s rotate under 500 requests/s without one failure, on connections that stay open", async () => {
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
      "--svid-ttl",
      "20s",
    );
    const load = execInBackground(
      mesh,
      "curl",
      "foo",
      process.execPath,
      join(PROGRAMS, "load.ts"),
      String(SECONDS),
      "520",
      "64",
      "httpbin",
      "8000",
      "8",
      "echo",
      "9000",
    );
    const serials = new Set<string>();
    const peerSerials = new Set<string>();
    const end = performance.now() + SECONDS * 1000;
    while (performance.now() < end) {
      serials.add(serialOf("httpbin") ?? "");
      expect(mesh.curl("foo", "http://httpbin:8000/ip")).toBe("200/0");
      peerSerials.add(mesh.connections("curl", "foo").at(-1)?.peerSerial ?? "");
      await Bun.sleep(2000);
    }
    const { status, stdout, stderr } = await load.result;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const result = JSON.parse(stdout);
    expect(result).toMatchObject({ failures: 0, closed: 0 });
    expect(result.requests / SECONDS).toBeGreaterThanOrEqual(500);
    // One certificate at the start and at least three rotations, on new connections as in the proxy's own list.
    expect(serials.size).toBeGreaterThanOrEqual(4);
    expect(peerSerials.size).toBeGreaterThanOrEqual(4);
  });

  test("16 transfers of 256 MB both ways at once arrive whole, in at most 150 MB of each proxy's memory; an idle proxy has at most 60 MB", async () => {
    mesh = startMesh(
      namespace("foo", true) +
        deployment({
          name: "bulk",
          namespace: "foo",
          command: [process.execPath, join(PROGRAMS, "bulk.ts"), "serve", "9000"],
          port: 9000,
          portName: "tcp",
        }) +
        deployment({ name: "curl", namespace: "foo", image: CURL_IMAGE }),
    );
    const idle = proxies();
    expect(idle).toHaveLength(2);
    for (const bytes of idle) expect(bytes).toBeLessThanOrEqual(60 * MEGABYTE);
    const transfer = execInBackground(
      mesh,
      "curl",
      "foo",
      process.execPath,
      join(PROGRAMS, "bulk.ts"),
      "send",
      "bulk",
      "9000",
      "16",
      "256",
    );
    let done = false;
    void transfer.result.then(() => {
      done = true;
    });
    let most = 0;
    while (!done) {
      most = Math.max(most, ...proxies());
      await Bun.sleep(250);
    }
    const { stdout, stderr } = await transfer.result;
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual({ transfers: 16, right: 16 });
    expect(most).toBeLessThanOrEqual(150 * MEGABYTE);
  });
});
