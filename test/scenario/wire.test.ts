import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  eventually,
  hostProcesses,
  type MeshUnderTest,
  missing,
  peerAuthentication,
  startMesh,
  TWO_NAMESPACES,
} from "./mesh-under-test.ts";

const why = missing("curl", "openssl", "python3");
const TLS_HANDSHAKE = 22;
const TLS_RECORD_TYPES = [20, 21, TLS_HANDSHAKE, 23];

describe.skipIf(why !== undefined)("on the wire", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(TWO_NAMESPACES);
    mesh.apply(peerAuthentication("default", "foo", { mtls: { mode: "STRICT" } }));
  });
  afterAll(() => mesh?.down());

  /** Enters the mesh's user and network namespace (the one with the bridge) from the host. */
  const inMesh = (...command: readonly string[]): readonly string[] => {
    const [supervisor = 0] = hostProcesses(
      (line) => line.includes(mesh.directory) && line.includes("internal supervisor") && !line.includes("unshare"),
    );
    return ["nsenter", "--user", "--net", "--preserve-credentials", "--target", String(supervisor), ...command];
  };

  test("bytes between two sidecars are TLS 1.3 records and nothing else", async () => {
    const capture = join(mesh.directory, "capture.json");
    const sniffer = join(import.meta.dir, "programs/capture.py");
    const [command = "", ...args] = inMesh("python3", sniffer, capture);
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    await new Promise((ready) => child.stdout.once("data", ready));
    expect(mesh.curl("foo", "http://httpbin.foo:8000/anything/a-secret-path", "-d", "a-secret-body")).toBe("200/0");
    child.stdin.end();
    await new Promise((done) => child.once("close", done));
    const streams = Object.values(JSON.parse(readFileSync(capture, "utf8")) as Record<string, string>)
      .map((hex) => Buffer.from(hex, "hex"))
      .filter((bytes) => bytes.length > 0);
    // Both directions of at least one connection; control-plane traffic (CSR) is TLS as well.
    expect(streams.length).toBeGreaterThanOrEqual(2);
    for (const stream of streams) {
      expect(stream.includes("a-secret")).toBe(false);
      expect(recordTypes(stream).every((type) => TLS_RECORD_TYPES.includes(type))).toBe(true);
      expect(recordTypes(stream)[0]).toBe(TLS_HANDSHAKE);
    }
  });

  test("openssl s_client without a client certificate gets nothing under STRICT", async () => {
    const pod = mesh.objects("pods", "foo").find((candidate) => candidate.metadata.name.startsWith("httpbin"));
    const [command = "", ...args] = inMesh(
      "openssl",
      "s_client",
      "-connect",
      `${pod?.status.podIP}:8080`,
      "-quiet",
      "-alpn",
      "istio",
    );
    const result = spawnSync(command, args, {
      input: "GET /ip HTTP/1.1\r\nHost: x\r\n\r\n",
      encoding: "utf8",
      timeout: 10_000,
    });
    expect(result.stdout).toBe("");
    const refused = await eventually(
      "the refusal in the server's record",
      () => mesh.connections("httpbin", "foo").at(-1),
      (record) => record?.reason !== undefined,
    );
    expect(refused?.peerSpiffeId).toBeUndefined();
  });
});

/** Walks a TLS byte stream record by record; anything that is not a record gives its first byte as type. */
function recordTypes(stream: Buffer): readonly number[] {
  const types: number[] = [];
  for (let at = 0; at + 5 <= stream.length; at += 5 + stream.readUInt16BE(at + 3)) types.push(stream[at] ?? 0);
  return types;
}
