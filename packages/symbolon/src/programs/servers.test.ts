import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { runProgram } from "./index.ts";
import { parsePort } from "./program.ts";

const controllers: AbortController[] = [];
const ends: Promise<number>[] = [];
afterEach(async () => {
  for (const controller of controllers.splice(0)) controller.abort();
  await Promise.all(ends.splice(0));
});

function collector() {
  const lines: string[] = [];
  return { lines, write: (text: string) => lines.push(text) };
}

/** Starts a server program on free ports; resolves with the ports once it says that it listens. */
async function serve(name: string, args: readonly string[], listeners = 1): Promise<readonly number[]> {
  const controller = new AbortController();
  controllers.push(controller);
  const ports: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const stdout = {
    write(text: string) {
      ports.push(Number(/0\.0\.0\.0:(\d+)/.exec(text)?.[1]));
      if (ports.length === listeners) resolve();
    },
  };
  ends.push(runProgram(name, args, { stdout, stderr: collector(), signal: controller.signal }));
  await promise;
  return ports;
}

async function httpbin(): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const [port] = await serve("httpbin", ["0"]);
  return (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init);
}

/** Writes, half-closes when asked, and reads until the peer ends. */
function exchange(port: number, text: string, end = true): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => {
      if (end) socket.end(text);
      else socket.write(text);
    });
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("end", () => {
      socket.destroy();
      resolve(answer);
    });
    socket.on("error", reject);
  });
}

describe("httpbin", () => {
  test("tells the caller what it sent", async () => {
    const get = await httpbin();
    expect(await (await get("/ip")).json()).toEqual({ origin: "127.0.0.1" });
    expect(await (await get("/ip", { headers: { "x-forwarded-for": "10.0.0.9, 10.0.0.1" } })).json()).toEqual({
      origin: "10.0.0.9",
    });
    const { headers } = (await (await get("/headers", { headers: { "x-some-thing": "1" } })).json()) as {
      headers: Record<string, string[]>;
    };
    expect(headers["X-Some-Thing"]).toEqual(["1"]);
    const facts = await (await get("/get?a=1&a=2&b=")).json();
    expect(facts).toMatchObject({ args: { a: ["1", "2"], b: [""] }, method: "GET" });
  });

  test("echoes bodies as text, form and JSON", async () => {
    const get = await httpbin();
    const post = async (body: string, type: string, path = "/post") =>
      (await get(path, { method: "POST", body, headers: { "content-type": type } })).json();
    expect(await post('{"a":1}', "application/json")).toMatchObject({ data: '{"a":1}', json: { a: 1 }, form: {} });
    expect(await post("{", "application/json")).toMatchObject({ json: null });
    expect(await post("a=1&a=2", "application/x-www-form-urlencoded")).toMatchObject({ form: { a: ["1", "2"] } });
    expect(await post("x", "text/plain", "/anything/deep/er")).toMatchObject({ data: "x", method: "POST" });
  });

  test("takes a body of 1 MiB and not one byte more", async () => {
    const get = await httpbin();
    const post = async (size: number) => {
      const response = await get("/post", { method: "POST", body: "x".repeat(size) }).catch(() => undefined);
      return response?.status ?? 413;
    };
    expect(await post(1 << 20)).toBe(200);
    expect(await post((1 << 20) + 1)).toBe(413);
  });

  test("answers any status from 200 to 599, with a place to go where it redirects", async () => {
    const get = await httpbin();
    for (const code of [200, 204, 304, 418, 503, 599]) expect((await get(`/status/${code}`)).status).toBe(code);
    expect((await get("/status/302", { redirect: "manual" })).headers.get("location")).toBe("/get");
    for (const bad of ["199", "600", "abc", "", "1e2", "0200"])
      expect({ bad, status: (await get(`/status/${bad}`)).status }).toEqual({ bad, status: 400 });
  });

  test("sends as many bytes as wanted, from none on", async () => {
    const get = await httpbin();
    for (const count of [0, 1, 65_536, 65_537])
      expect((await (await get(`/bytes/${count}`)).arrayBuffer()).byteLength).toBe(count);
    for (const bad of ["-1", "x", String((1 << 30) + 1)]) expect((await get(`/bytes/${bad}`)).status).toBe(400);
  });

  test("delays within its bounds", async () => {
    const get = await httpbin();
    expect((await get("/delay/0")).status).toBe(200);
    for (const bad of ["-1", "61", "x", "NaN"]) expect((await get(`/delay/${bad}`)).status).toBe(400);
  });

  test("knows its paths and methods and no others", async () => {
    const get = await httpbin();
    for (const path of ["/nothing", "/toString", "/__proto__", "/get/more", "/status", "/ip/"])
      expect({ path, status: (await get(path)).status }).toEqual({ path, status: 404 });
    const wrong = await get("/get", { method: "POST" });
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET"]);
    expect((await get("/get", { method: "HEAD" })).status).toBe(200);
    expect(await (await get("/")).text()).toContain("GET /get\n");
  });
});

describe("helloworld", () => {
  test("says its version", async () => {
    const [port] = await serve("helloworld", ["v2", "0"]);
    const answer = await fetch(`http://127.0.0.1:${port}/hello`);
    expect(await answer.text()).toMatch(/^Hello version: v2, instance: .+\n$/);
    expect((await fetch(`http://127.0.0.1:${port}/other`)).status).toBe(404);
  });
});

describe("tcp-echo", () => {
  test("answers each whole line with its prefix, on every port", async () => {
    const ports = await serve("tcp-echo", ["0,0", "hello"], 2);
    expect(new Set(ports).size).toBe(2);
    for (const port of ports) expect(await exchange(port, "a\nb\n\nrest")).toBe("hello a\nhello b\nhello \n");
    expect(await exchange(ports[0] ?? 0, "")).toBe("");
  });

  test("keeps bytes as they are", async () => {
    const [port = 0] = await serve("tcp-echo", ["0", ">"]);
    expect(await exchange(port, "\u00c3\u00a9 \u0000\n")).toBe("> \u00c3\u0083\u00c2\u00a9 \u0000\n");
  });
});

describe("programs", () => {
  const run = async (name: string, ...args: readonly string[]) => {
    const [stdout, stderr] = [collector(), collector()];
    const status = await runProgram(name, args, { stdout, stderr });
    return { status, text: stderr.lines.join("") };
  };

  test("refuse what they cannot run, with how they want to be called", async () => {
    expect(await run("toString")).toEqual({
      status: 2,
      text: 'there is no program "toString"; there are bookinfo-details, bookinfo-productpage, bookinfo-ratings, bookinfo-reviews, fetch-url, helloworld, httpbin, idle, tcp-echo\n',
    });
    expect(await run("httpbin", "http")).toMatchObject({
      status: 2,
      text: expect.stringContaining('"http" is not a port'),
    });
    expect(await run("helloworld", "v1")).toMatchObject({ status: 2, text: expect.stringContaining("usage") });
    for (const args of [[], ["x"]])
      for (const name of ["details", "productpage", "ratings"])
        expect((await run(`bookinfo-${name}`, ...args)).status).toBe(2);
    for (const args of [[], ["v1"], ["v4", "1"], ["toString", "1"]])
      expect((await run("bookinfo-reviews", ...args)).status).toBe(2);
    for (const args of [[], ["1"], ["1,x", "p"], ["70000", "p"], ["1", "p", "q"]])
      expect((await run("tcp-echo", ...args)).status).toBe(2);
  });

  test("a busy port is one sentence and exit status 1, and no other port stays open", async () => {
    const [busy] = await serve("tcp-echo", ["0", "x"]);
    const httpStatus = await run("httpbin", String(busy));
    expect(httpStatus).toMatchObject({
      status: 1,
      text: expect.stringMatching(/^httpbin: cannot listen on port \d+: .+\n$/),
    });
    expect(await run("tcp-echo", `0,${busy}`, "x")).toMatchObject({
      status: 1,
      text: expect.stringContaining("cannot listen on port"),
    });
  });

  test("idle does nothing until it is told to end", async () => {
    const controller = new AbortController();
    const end = runProgram("idle", [], { stdout: collector(), stderr: collector(), signal: controller.signal });
    expect(await Promise.race([end, Promise.resolve("running")])).toBe("running");
    controller.abort();
    expect(await end).toBe(0);
  });

  test("a port is 0 to 65535 in decimal", () => {
    expect(["0", "80", "65535"].map(parsePort)).toEqual([0, 80, 65535]);
    for (const text of [undefined, "", "-1", "65536", "1e3", " 80", "0x50", "123456"])
      expect(parsePort(text)).toBeUndefined();
  });
});
