import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakePod } from "../../../../../test/fakes/pod-runtime-fixture.ts";
import type { Container, Pod } from "../../mesh/index.ts";
import { createImageMap } from "../../pod-runtime/index.ts";
import { createLoopbackPods, takesPort } from "./loopback-pods.ts";
import { createListenerDirectory, loadPodCapture, publishListeners } from "./pod-capture-file.ts";
import { credentialsVerifier } from "./proxy-credentials.ts";

const directory = mkdtempSync(join(tmpdir(), "symbolon-loopback-"));
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(directory, { recursive: true, force: true });
});

const resolveCommand = createImageMap({
  entries: [{ pattern: "*/mapped", command: ["serve", "--port", "{port}"] }],
  self: ["symbolon"],
});
const container = (name: string, containerPort: number, more: Partial<Container>): Container => ({
  name,
  image: "",
  args: [],
  env: [],
  ports: [{ containerPort, protocol: "tcp" }],
  ...more,
});
const mapped = (port: number) => container("c", port, { image: "x/mapped" });
const fixed = (port: number) => container("c", port, { image: "x/own", command: ["serve", `${port}`] });

function setUp() {
  const podDirectory = (uid: string) => join(directory, uid);
  const pods = createLoopbackPods({ podDirectory, resolveCommand });
  const create = async (name: string, ...containers: Container[]): Promise<Pod> => {
    const pod = fakePod(name, { containers });
    mkdirSync(podDirectory(pod.uid), { recursive: true });
    await pods.createPod(pod);
    return pod;
  };
  return { pods, create, podDirectory };
}

async function occupiedPort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
}

describe("pods on one loopback", () => {
  test("a program that takes its port from the manifest gets a free one, also twice the same", async () => {
    const { pods, create } = setUp();
    const a = await create("a", mapped(8080));
    const b = await create("b", mapped(8080));
    const ports = [a, b].map((pod) => pods.applicationPort(pod.uid, 8080));
    expect(new Set(ports).size).toBe(2);
    for (const [index, pod] of [a, b].entries()) {
      const placed = pods.placed(pod, pod.containers[0] as Container);
      expect(resolveCommand(placed)).toEqual(["serve", "--port", `${ports[index]}`]);
    }
  });

  test("pods that are made at the same time get ports of their own", async () => {
    const { pods, create } = setUp();
    const made = await Promise.all(Array.from({ length: 12 }, (_, index) => create(`p${index}`, mapped(8080))));
    const ports = made.flatMap(({ uid }) => [
      pods.applicationPort(uid, 8080),
      Number(new URL(pods.environment(uid).http_proxy ?? "").port),
    ]);
    expect(new Set(ports).size).toBe(24);
  });

  test("one that fails stands in nobody's way", async () => {
    const { create } = setUp();
    const taken = await occupiedPort();
    const outcomes = await Promise.allSettled([create("a", fixed(taken)), create("b", mapped(80))]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
  });

  test("a port in the program's own command stays, and nobody else gets it", async () => {
    const { pods, create } = setUp();
    const port = 15_100 + (process.pid % 10_000);
    const a = await create("a", fixed(port));
    expect(pods.applicationPort(a.uid, port)).toBe(port);
    await expect(create("b", fixed(port))).rejects.toMatchObject({
      code: "ERR_PORT_CONFLICT",
      message: expect.stringMatching(
        new RegExp(
          `^container "c" of pod foo/b listens on port ${port} of this machine, which pod foo/a has; .*--image 'x/own=COMMAND \\{port\\}'$`,
        ),
      ),
    });
    await pods.destroyPod(a);
    await create("b", fixed(port));
  });

  test("a pod that could not be made holds nothing", async () => {
    const { create } = setUp();
    const port = 15_100 + ((process.pid + 1) % 10_000);
    const taken = await occupiedPort();
    const both = [fixed(port), { ...fixed(taken), name: "d" }];
    await expect(create("a", ...both)).rejects.toThrow(
      `container "d" of pod foo/a listens on port ${taken} of this machine, which another program has`,
    );
    await create("b", fixed(port));
  });

  test("the same port twice in one pod is the pod's own", async () => {
    const { create } = setUp();
    const port = 15_100 + ((process.pid + 2) % 10_000);
    await create("a", { ...fixed(port), ports: [1, 2].map(() => ({ containerPort: port, protocol: "tcp" as const })) });
  });

  test("the proxy gets a file with its port and a digest, and only this user can read it", async () => {
    const { pods, create, podDirectory } = setUp();
    const pod = await create("a", mapped(80));
    const file = join(podDirectory(pod.uid), "capture.json");
    const { outboundPort, credentialsDigest, applicationPorts } = loadPodCapture(podDirectory(pod.uid));
    const url = new URL(pods.environment(pod.uid).http_proxy ?? "");
    expect(url.port).toBe(`${outboundPort}`);
    expect(applicationPorts).toEqual({ 80: pods.applicationPort(pod.uid, 80) });
    expect(readFileSync(file, "utf8")).not.toContain(url.password);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const shown = `Basic ${Buffer.from(`${url.username}:${url.password}`).toString("base64")}`;
    expect(credentialsVerifier(credentialsDigest)(shown)).toBe(true);
  });
});

describe("takesPort", () => {
  const cases: readonly (readonly [string, Container, boolean])[] = [
    ["an entry with {port}", mapped(8080), true],
    ["an image that is built in", container("c", 8080, { image: "mccutchen/go-httpbin" }), true],
    [
      "an image that is built in, with a port in its arguments",
      container("c", 8080, { image: "mccutchen/go-httpbin", args: ["-port", "8080"] }),
      false,
    ],
    ["a command", fixed(8080), false],
    ["an image that nobody knows", container("c", 8080, { image: "unknown" }), false],
    ["an image that listens nowhere", container("c", 8080, { image: "curlimages/curl" }), false],
  ];
  test.each(cases)("%s", (_what, given, expected) => {
    expect(takesPort(resolveCommand, given, 8080)).toBe(expected);
  });
});

describe("what proxies publish", () => {
  test("is found by others, and followed", () => {
    const podDirectory = (uid: string) => join(directory, uid);
    mkdirSync(podDirectory("a"), { recursive: true });
    const find = createListenerDirectory(podDirectory);
    expect(find("a", 80)).toBeUndefined();
    publishListeners(podDirectory("a"), new Map([[80, 40_000]]));
    expect([find("a", 80), find("a", 81)]).toEqual([40_000, undefined]);
    publishListeners(podDirectory("a"), new Map([[80, 40_001]]));
    expect(find("a", 80)).toBe(40_001);
    publishListeners(podDirectory("a"), new Map());
    expect(find("a", 80)).toBeUndefined();
  });
});
