import { afterEach, describe, expect, test } from "bun:test";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { runProgram } from "./index.ts";

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function listen(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** A server that answers the first request with this and ends the connection, unless it is to stay open. */
const answering = (answer: string, end = true) =>
  listen((socket) =>
    socket.once("data", () => {
      if (end) socket.end(answer, "latin1");
      else socket.write(answer, "latin1");
    }),
  );

async function fetchUrl(...args: readonly string[]) {
  const parts: string[] = [];
  const stdout = { write: (part: string) => parts.push(part) };
  const status = await runProgram("fetch-url", args, { stdout, stderr: { write: () => undefined } });
  return `${parts.join("")} ${status}`;
}

const fetchFrom = async (answer: string, end = true) =>
  fetchUrl("-m", "5", `http://127.0.0.1:${await answering(answer, end)}/x?y=1`);

describe("fetch-url prints and returns what curl does", () => {
  test("complete answers, however their end is told", async () => {
    expect(await fetchFrom("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", false)).toBe("200 0");
    expect(await fetchFrom("HTTP/1.0 503 Gone\r\n\r\nuntil the end")).toBe("503 0");
    expect(await fetchFrom("HTTP/1.1 204 No Content\r\n\r\n", false)).toBe("204 0");
    expect(await fetchFrom("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false)).toBe(
      "200 0",
    );
    expect(await fetchFrom("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false)).toBe("200 0");
  });

  test("a body that breaks off is 18", async () => {
    expect(await fetchFrom("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok")).toBe("200 18");
    expect(await fetchFrom("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")).toBe("200 18");
  });

  test("no answer at all is 52, a reset is 56, something else than HTTP is 8", async () => {
    expect(await fetchFrom("")).toBe("000 52");
    const resetting = await listen((socket) => socket.once("data", () => socket.resetAndDestroy()));
    expect(await fetchUrl("-m", "5", `http://127.0.0.1:${resetting}/`)).toBe("000 56");
    expect(await fetchFrom("SSH-2.0-x\r\n\r\n")).toBe("000 8");
    expect(await fetchFrom("HTTP/1.1 20 OK\r\n\r\n")).toBe("000 8");
  });

  test("nobody listens: 7; no such host: 6; no such protocol: 1; no URL: 3", async () => {
    const port = await answering("");
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
    expect(await fetchUrl("-m", "5", `127.0.0.1:${port}`)).toBe("000 7");
    expect(await fetchUrl("-m", "5", "http://no-such-host.invalid/")).toBe("000 6");
    expect(await fetchUrl("https://127.0.0.1/")).toBe("000 1");
    expect(await fetchUrl("http://[/")).toBe("000 3");
  });

  test("a server that says nothing is 28 when the time is over", async () => {
    const silent = await listen(() => undefined);
    expect(await fetchUrl("-m", "0.05", `http://127.0.0.1:${silent}/`)).toBe("000 28");
    expect(await fetchUrl("-m", "0.000001", `http://127.0.0.1:${silent}/`)).toBe("000 28");
  });

  test("wrong use is 2", async () => {
    for (const args of [[], ["a", "b"], ["-m", "0", "a"], ["-m", "x", "a"], ["-m"]])
      expect((await fetchUrl(...args)).trim()).toBe("2");
  });

  test("asks for path and query, with the host of the URL", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const port = await listen((socket) =>
      socket.once("data", (chunk: Buffer) => {
        resolve(chunk.toString("latin1"));
        socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      }),
    );
    await fetchUrl(`http://127.0.0.1:${port}/a%20b?c=d#e`);
    expect(await promise).toStartWith(`GET /a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`);
  });
});
