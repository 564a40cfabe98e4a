import { afterEach, describe, expect, test } from "bun:test";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { createKeySetFetcher, KEY_SET_LIMITS } from "./key-set-fetcher.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function serve(handle: http.RequestListener): Promise<number> {
  const server = http.createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const LOOPBACK = { allowed: ["127.0.0.0/8"], resolve: async () => "127.0.0.1" };
const get = (url: string, options: Parameters<typeof createKeySetFetcher>[0] = LOOPBACK, timeoutMs = 5000) =>
  createKeySetFetcher(options).fetch({ url, timeoutMs });
const problem = (promise: Promise<string>): Promise<string> =>
  promise.then(
    () => "",
    ({ code, message }: { code: string; message: string }) => `${code} ${message}`,
  );

describe("fetching a key set", () => {
  test("asks by name at the address that the name leads to", async () => {
    const port = await serve(({ headers, url }, answer) => answer.end(`${headers.host} ${url}`));
    expect(await get(`http://issuer.example:${port}/keys?a=b`)).toBe(`issuer.example:${port} /keys?a=b`);
  });

  test("follows a redirect on the same server, three times, and none to another", async () => {
    const port = await serve(({ url = "" }, answer) => {
      const count = Number(url.slice(1));
      if (url === "/away") return void answer.writeHead(302, { location: "http://other.example/" }).end();
      if (url === "/port") return void answer.writeHead(302, { location: "//issuer.example:1/" }).end();
      if (count === 0) return void answer.end("keys");
      answer.writeHead(307, { location: `/${count - 1}` }).end();
    });
    const base = `http://issuer.example:${port}`;
    expect(await get(`${base}/3`)).toBe("keys");
    expect(await problem(get(`${base}/4`))).toContain("more than 3 redirects");
    for (const path of ["away", "port"])
      expect(await problem(get(`${base}/${path}`))).toContain("a redirect to another server");
  });

  test("gives up on a server that hangs, before its answer and in it (CV-50)", async () => {
    const port = await serve(({ url }, answer) => {
      if (url === "/half") answer.write("{");
    });
    for (const path of ["", "half"])
      expect(await problem(get(`http://a.example:${port}/${path}`, LOOPBACK, 50))).toBe(
        `ERR_JWKS_FETCH http://a.example:${port}/${path}: no whole answer within 50 ms`,
      );
  });

  test("takes a mebibyte and not a byte more, told beforehand or not", async () => {
    const port = await serve(({ url }, answer) => {
      answer.end(Buffer.alloc(KEY_SET_LIMITS.bytes + Number(url?.slice(1)), "a"));
    });
    expect((await get(`http://a.example:${port}/0`)).length).toBe(KEY_SET_LIMITS.bytes);
    for (const more of [1, 9 * 1024 * 1024])
      expect(await problem(get(`http://a.example:${port}/${more}`))).toContain("more than 1048576 bytes");
  });

  test("takes no other status, and never repeats what was answered", async () => {
    const port = await serve((_request, answer) => void answer.writeHead(500).end("secret"));
    expect(await problem(get(`http://a.example:${port}/`))).toBe(
      `ERR_JWKS_FETCH http://a.example:${port}/: status 500`,
    );
  });

  test("survives a server that answers twice, with no HTTP, or when nobody waits any more (CV-50)", async () => {
    const answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    const answers = new Map([
      ["/twice", `${answer}keys${answer}evil`],
      ["/more", `${answer}keysevil`],
      ["/none", "keys"],
      ["/half", answer],
    ]);
    const late: net.Socket[] = [];
    const server = net.createServer((socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (head) => {
        const path = head.toString("latin1").split(" ")[1] ?? "";
        if (path === "/late") late.push(socket);
        else socket.end(answers.get(path) ?? "");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closing.push(() => server.close());
    const base = `http://a.example:${(server.address() as AddressInfo).port}`;
    expect(await get(`${base}/twice`)).toBe("keys");
    for (const path of ["more", "none", "half"])
      expect(await problem(get(`${base}/${path}`))).toStartWith("ERR_JWKS_FETCH");
    expect(await problem(get(`${base}/late`, LOOPBACK, 50))).toContain("no whole answer within 50 ms");
    for (const socket of late) socket.end(`${answer}keys`);
    expect(await get(`${base}/twice`)).toBe("keys");
  });

  test("says that nobody listens", async () => {
    const port = await serve(() => undefined);
    closing.pop()?.();
    expect(await problem(get(`http://a.example:${port}/`))).toStartWith("ERR_JWKS_FETCH");
  });

  for (const url of ["file:///etc/passwd", "ftp://a/", "a", "http://user:secret@a/"])
    test(`${url} is no URL for keys`, async () => {
      expect(await problem(get(url))).toStartWith("ERR_JWKS_FETCH");
    });
});

describe("addresses that are not dialled (CV-49)", () => {
  for (const host of [
    "169.254.169.254",
    "169.254.0.1",
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0.0.0.0",
    "100.100.100.200",
    "[::1]",
    "[fe80::1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
  ])
    test(`${host}`, async () => {
      expect(await problem(get(`http://${host}/`, {}))).toStartWith("ERR_JWKS_ADDRESS_FORBIDDEN");
    });

  test("are none by a redirect either: to the proxy's own ports, or to another server's name for this machine", async () => {
    for (const to of [
      "http://127.0.0.1:15000/",
      "http://localhost/",
      "https://[::ffff:7f00:1]/",
      "file:///etc/passwd",
    ]) {
      const port = await serve((_request, answer) => void answer.writeHead(302, { location: to }).end("secret"));
      const text = await problem(get(`http://a.example:${port}/`));
      expect(text).toStartWith("ERR_JWKS_");
      expect(text).not.toContain("secret");
    }
    for (const url of ["http://127.0.0.1:15000/", "http://localhost:15000/"])
      expect(await problem(get(url, {}))).toStartWith("ERR_JWKS_ADDRESS_FORBIDDEN");
  });

  test("are judged by what a name leads to when it is dialled, and only then", async () => {
    const port = await serve((_request, answer) => answer.end("keys"));
    const answers = ["127.0.0.1", "169.254.169.254"];
    const options = { allowed: ["127.0.0.1"], resolve: async () => answers.shift() ?? "" };
    expect(await get(`http://a.example:${port}/`, options)).toBe("keys");
    expect(await problem(get(`http://a.example:${port}/`, options))).toBe(
      `ERR_JWKS_ADDRESS_FORBIDDEN http://a.example:${port}/ leads to 169.254.169.254 (link-local, where clouds keep their metadata services), which is not dialled; --jwks-allow 169.254.169.254 allows it`,
    );
  });

  test("a pod of the mesh is dialled where it is, whatever its name", async () => {
    const port = await serve(({ headers }, answer) => answer.end(headers.host));
    const endpoint = { podUid: "a", address: "10.244.0.2", port: 8000, tls: true };
    const fetcher = createKeySetFetcher({ locate: () => ({ address: "127.0.0.1", port }) });
    expect(await fetcher.fetch({ url: "http://jwks.foo/keys", timeoutMs: 1000, endpoint })).toBe("jwks.foo");
  });
});
