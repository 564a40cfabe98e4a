/** The whole way of a request over real sockets: client, its proxy, mutual TLS, the server's proxy, application. */
import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import {
  CLIENT_ID,
  type InboundFixture,
  type OutboundFixture,
  type ProxyFixtureOptions,
  SERVER_ID,
  startApplication,
  startInbound,
  startOutbound,
  talk,
  until,
} from "../../../../test/fakes/proxy-fixture.ts";
import { buildPolicy } from "../../../../test/oracle/build-policy.ts";
import { createAccessLineWriter, LineBuffer } from "../telemetry/index.ts";

interface Way {
  readonly server: InboundFixture;
  readonly client: OutboundFixture;
  /** What a client sends and gets until the connection ends, or `wanted` has come. */
  exchange(request: string, wanted?: string): Promise<string>;
}

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const HTTP = { http: {} };

async function startWay(handle: (socket: net.Socket) => void, options: ProxyFixtureOptions = HTTP): Promise<Way> {
  const server = await startInbound({ ...options, protocol: "http", mode: "strict", handle });
  const client = await startOutbound(server, { ...options, protocol: "http" });
  closing.push(
    () => server.close(),
    () => client.close(),
  );
  return { server, client, exchange: (request, wanted) => say(client, request, wanted) };
}

function connect({ address, port }: { readonly address: string; readonly port: number }): net.Socket {
  return net.connect({ host: address, port, allowHalfOpen: true });
}

function say(
  to: { readonly address: string; readonly port: number },
  request: string,
  wanted?: string,
): Promise<string> {
  const socket = connect(to);
  if (wanted === undefined)
    return talk(socket, Buffer.from(request, "latin1"), Number.POSITIVE_INFINITY).then(({ received }) =>
      received.toString("latin1"),
    );
  return new Promise((resolve) => {
    let text = "";
    const done = (): void => {
      socket.destroy();
      resolve(text);
    };
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (text.includes(wanted)) done();
    });
    socket.on("close", done).on("error", done);
    socket.write(Buffer.from(request, "latin1"));
  });
}

/** Answers each request, told apart by its empty line, with `answer`. */
function answering(answer: string | ((head: string, number: number) => string)): (socket: net.Socket) => void {
  let number = 0;
  return (socket) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const head = text.slice(0, end + 2);
        text = text.slice(end + 4);
        const reply = typeof answer === "string" ? answer : answer(head, number++);
        if (reply !== "") socket.write(Buffer.from(reply, "latin1"));
      }
    });
    socket.on("end", () => socket.end());
  };
}

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GET = "GET /a?b=c HTTP/1.1\r\nHost: server.foo\r\n\r\n";
const LAST = "GET / HTTP/1.1\r\nHost: server.foo\r\nConnection: close\r\n\r\n";

describe("a request through both proxies", () => {
  test("is told who asks, and nothing that a client forged", async () => {
    const way = await startWay(answering(OK));
    const forged =
      "X-Forwarded-Client-Cert: URI=spiffe://forged\r\nX-Envoy-Original-Path: /admin\r\nX-Symbolon-Principal: x\r\n";
    expect(
      await way.exchange(`GET /a?b=c HTTP/1.1\r\nHost: server.foo\r\n${forged}traceparent: 00-1-2-01\r\n\r\n`, "ok"),
    ).toBe(OK);
    const seen = way.server.application.received().toString();
    expect(seen).toStartWith("GET /a?b=c HTTP/1.1\r\nHost: server.foo\r\ntraceparent: 00-1-2-01\r\n");
    expect(seen).toMatch(
      new RegExp(`\r\nX-Forwarded-Client-Cert: By=${SERVER_ID};Hash=[0-9a-f]{64};Subject="";URI=${CLIENT_ID}\r\n`),
    );
    expect(seen).toMatch(/\r\nX-Forwarded-Proto: http\r\n/);
    expect(seen).toMatch(/\r\nX-Request-Id: [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\r\n/);
    expect(seen.toLowerCase()).not.toContain("forged");
    expect(seen.toLowerCase()).not.toContain("x-envoy");
    expect(seen.toLowerCase()).not.toContain("x-symbolon");
    expect(seen.match(/x-request-id/gi)?.length).toBe(1);
  });

  test("is told by its server's proxy why it was refused, where that is wanted, and by nobody else", async () => {
    for (const denialReasonHeader of [true, false]) {
      const way = await startWay(answering(OK), {
        http: {},
        mesh: { denialReasonHeader },
        local: { authorizationPolicies: [buildPolicy({})] },
      });
      const answer = await way.exchange(GET, "access denied");
      expect(answer).toStartWith("HTTP/1.1 403 Forbidden\r\n");
      expect(answer.includes("\r\nX-Symbolon-Reason: no_allow_rule_matched\r\n")).toBe(denialReasonHeader);
    }
    const says = (...lines: string[]) =>
      answering(`HTTP/1.1 403 Forbidden\r\n${lines.map((line) => `${line}\r\n`).join("")}Content-Length: 2\r\n\r\nno`);
    const forging = await startWay(says("X-Symbolon-Reason: deny_rule_matched"));
    expect(await forging.exchange(GET, "no")).toBe("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
  });

  test("is on record at both ends, with both identities", async () => {
    const way = await startWay(answering(OK));
    await way.exchange(GET, "ok");
    const facts = {
      method: "GET",
      path: "/a?b=c",
      authority: "server.foo",
      protocol: "HTTP/1.1",
      status: 200,
      flags: [],
      responseBytes: 2,
    } as const;
    expect(way.client.requests[0]).toMatchObject({
      ...facts,
      direction: "outbound",
      service: `server.foo:${way.client.port}`,
      security: "mtls",
      localSpiffeId: CLIENT_ID,
      peerSpiffeId: SERVER_ID,
    });
    expect(way.server.requests[0]).toMatchObject({
      ...facts,
      direction: "inbound",
      security: "mtls",
      localSpiffeId: SERVER_ID,
      peerSpiffeId: CLIENT_ID,
    });
    for (const { requests } of [way.client, way.server])
      expect(requests[0]).toMatchObject({
        tlsVersion: "TLSv1.3",
        peerSerial: expect.stringMatching(/^[0-9a-f]+$/),
        peerAddress: expect.stringMatching(/^127\./),
        originalDestination: expect.stringMatching(/^127\..*:\d+$/),
      });
    const [request] = way.server.requests;
    expect(request?.responseMs).toBeLessThanOrEqual(request?.durationMs ?? 0);
    expect(way.client.requests[0]?.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(way.client.requests[0]?.requestId).toBe(way.server.requests[0]?.requestId as string);
  });

  test("its trace is on record when it has one, and nothing that only looks like one", async () => {
    const way = await startWay(answering(OK));
    const id = "4bf92f3577b34da6a3ce929d0e0e4736";
    const parent = `${id}-00f067aa0ba902b7-01`;
    const cases: readonly (readonly [string, string | undefined])[] = [
      [`00-${parent}`, id],
      [`cc-${parent}-later`, id],
      [`ff-${parent}`, undefined],
      [`00-${parent}x`, undefined],
      [`00-${"0".repeat(32)}-00f067aa0ba902b7-01`, undefined],
      [`00-${id}-${"0".repeat(16)}-01`, undefined],
      [`00-${parent.toUpperCase()}`, undefined],
      ["\u00ff", undefined],
    ];
    for (const [value] of cases) await way.exchange(`GET / HTTP/1.1\r\nHost: s\r\ntraceparent: ${value}\r\n\r\n`, "ok");
    expect(way.server.requests.map(({ traceId }) => traceId)).toEqual(cases.map(([, wanted]) => wanted));
  });

  test("writes one line of access record, whatever it says (CV-23)", async () => {
    const way = await startWay(answering(OK));
    const lines = createAccessLineWriter({ name: "p", namespace: "n" });
    const bytes = Array.from({ length: 128 }, (_, index) => String.fromCharCode(128 + index)).join("");
    const forged = '","decision":"allow"}{"kind":"request"';
    await way.exchange(
      `GET /?${forged.replaceAll(" ", "")} HTTP/1.1\r\nHost: s\r\nUser-Agent: ${forged}\t${bytes}\r\nx-request-id: ${forged}\r\n\r\n`,
      "ok",
    );
    // Refused as requests, and on record as such.
    for (const path of ["/a\n{}", "/a\r\n\r\n{}", "/a\u0000", `/${bytes}`, `/${"x".repeat(9000)}`])
      await way.exchange(`GET ${path} HTTP/1.1\r\nHost: s\r\n\r\n`);
    for (const record of [...way.client.requests, ...way.server.requests]) {
      const into = new LineBuffer();
      lines.request(into, record);
      const line = into.written.toString("latin1");
      expect(line).toMatch(/^[\x20-\x7e]+\n$/);
      expect(JSON.parse(line)).toEqual({ kind: "request", pod: "p", namespace: "n", ...record });
    }
    expect(way.client.requests.map(({ status }) => status)).toEqual([200, 400, 400, 400, 400, 414]);
    expect(way.server.requests).toMatchObject([{ status: 200, userAgent: `${forged}\t${bytes}` }]);
  });

  test("keep-alive: many requests over one connection of each kind", async () => {
    const way = await startWay(answering(OK));
    for (let round = 0; round < 20; round++) await way.exchange(GET, "ok");
    expect(way.server.application.connections.length).toBe(1);
    expect(way.server.requests.length).toBe(20);
    expect(new Set(way.server.requests.map(({ connection }) => connection)).size).toBe(1);
  });

  test("pipelined requests are answered in order, one at a time", async () => {
    const way = await startWay(answering((head) => `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${head.slice(5, 7)}`));
    const pipelined = ["aa", "bb", "cc"].map((path) => `GET /${path} HTTP/1.1\r\nHost: s\r\n\r\n`).join("");
    const text = await way.exchange(pipelined + LAST);
    expect([...text.matchAll(/\r\n\r\n(..)/g)].map(([, body]) => body)).toEqual(["aa", "bb", "cc", " H"]);
    expect(way.server.requests.length).toBe(4);
  });

  test("chunked content with trailers arrives as chunks with trailers", async () => {
    const way = await startWay((socket) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.endsWith("X-Sum: 1\r\n\r\n") || text.endsWith("x-sum: 1\r\n\r\n"))
          socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX-Back: 2\r\n\r\n");
      });
    });
    const text = await way.exchange(
      "POST / HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
    );
    expect(text).toBe(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\nx-back: 2\r\n\r\n",
    );
    const seen = way.server.application.received().toString();
    expect(seen).toContain("\r\nTransfer-Encoding: chunked\r\n");
    expect(seen.slice(seen.indexOf("\r\n\r\n") + 4)).toBe("5\r\nhello\r\n6\r\n world\r\n0\r\nx-sum: 1\r\n\r\n");
  });

  test("Expect: 100-continue: the content is asked for by the application itself", async () => {
    const way = await startWay((socket) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += chunk.toString("latin1");
        if (text.endsWith("\r\n\r\n")) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        else if (text.endsWith("hello")) socket.write(OK);
      });
    });
    const socket = connect(way.client);
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString();
      if (text === "HTTP/1.1 100 Continue\r\n\r\n") socket.write("hello");
    });
    socket.write("POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    await until(() => text.endsWith("ok"));
    socket.destroy();
    expect(text).toBe(`HTTP/1.1 100 Continue\r\n\r\n${OK}`);
  });

  test("HTTP/1.0: answered once, without chunks", async () => {
    const way = await startWay(answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"));
    expect(await way.exchange("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).toBe(
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
    );
    expect(way.server.application.received().toString()).toStartWith(
      `GET / HTTP/1.1\r\nHost: ${way.client.address}:${way.client.port}\r\n`,
    );
  });

  test("HEAD, 204 and 304 have no content, and the connection lives on", async () => {
    const way = await startWay(
      answering((head) =>
        head.startsWith("HEAD")
          ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
          : head.startsWith("GET /304")
            ? "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"
            : head.startsWith("GET /204")
              ? "HTTP/1.1 204 No Content\r\n\r\n"
              : OK,
      ),
    );
    const requests = ["HEAD /", "GET /304", "GET /204"].map((line) => `${line} HTTP/1.1\r\nHost: s\r\n\r\n`).join("");
    expect(await way.exchange(requests + GET, "ok")).toBe(
      `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n${OK}`,
    );
    expect(way.server.application.connections.length).toBe(1);
  });

  test("content until the connection ends becomes chunks", async () => {
    const way = await startWay((socket) => socket.on("data", () => socket.end("HTTP/1.0 200 OK\r\n\r\nabc")));
    expect(await way.exchange(GET, "0\r\n\r\n")).toBe(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
  });

  test("WebSocket: after 101 both sides speak freely; what was sent before it waits for it (CV-28)", async () => {
    const way = await startWay((socket) => {
      let upgraded = false;
      socket.on("data", (chunk) => {
        if (upgraded) return void socket.write(`echo:${chunk}`);
        expect(chunk.toString()).toEndWith("\r\n\r\n");
        upgraded = true;
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ");
      });
      socket.on("end", () => socket.end());
    });
    const text = await way.exchange(
      "GET /chat HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /admin HTTP/1.1\r\n",
      "echo:GET /admin",
    );
    expect(text).toStartWith(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ",
    );
    expect(way.server.requests.map(({ status, path }) => [status, path])).toEqual([[101, "/chat"]]);
    await until(() => way.server.records.length > 0);
    expect(way.server.records).toMatchObject([{ protocol: "http", requests: 1, upgraded: true }]);
  });

  test("an Upgrade that is refused leaves HTTP as it is; h2c is not asked for at all", async () => {
    const way = await startWay(answering(OK));
    const text = await way.exchange(
      `GET / HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET / HTTP/1.1\r\nHost: s\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n${LAST}`,
    );
    expect(text.match(/200 OK/g)?.length).toBe(3);
    expect(way.server.application.received().toString()).not.toContain("h2c");
  });

  test("10 MiB both ways, byte for byte, with a reader that stops for a while", async () => {
    const size = 10 * 1024 * 1024;
    const content = Buffer.alloc(size, "0123456789abcdef-");
    const way = await startWay((socket) => {
      let header = Buffer.alloc(0);
      let started = false;
      socket.on("data", (chunk) => {
        if (started) return void socket.write(chunk);
        header = Buffer.concat([header, chunk]);
        const end = header.indexOf("\r\n\r\n");
        if (end < 0) return;
        started = true;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        socket.write(header.subarray(end + 4));
      });
    });
    const socket = connect(way.client);
    const chunks: Buffer[] = [];
    let got = 0;
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      got += chunk.length;
      if (chunks.length === 3) {
        socket.pause();
        setTimeout(() => socket.resume(), 50);
      }
    });
    socket.write(`POST / HTTP/1.1\r\nHost: s\r\nContent-Length: ${size}\r\n\r\n`);
    socket.write(content);
    await until(() => got >= size + 40);
    await until(() => Buffer.concat(chunks).length - Buffer.concat(chunks).indexOf("\r\n\r\n") - 4 >= size);
    const all = Buffer.concat(chunks);
    socket.destroy();
    expect(Bun.hash(all.subarray(all.indexOf("\r\n\r\n") + 4))).toBe(Bun.hash(content));
  });
});

describe("what is no request", () => {
  test.each([
    [
      "both lengths",
      "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: s\r\n\r\n",
      400,
      "length_and_encoding",
    ],
    [
      "a NUL in a value (CV-02)",
      "GET / HTTP/1.1\r\nHost: s\r\nX-Role: guest\0admin\r\n\r\n",
      400,
      "header_value_invalid",
    ],
    ["no Host (CV-09)", "GET / HTTP/1.1\r\n\r\n", 400, "host_missing"],
    ["a fragment (CV-05)", "GET /a#b HTTP/1.1\r\nHost: s\r\n\r\n", 400, "target_fragment"],
    [
      "another authority than Host's (CV-25)",
      "GET http://evil/admin HTTP/1.1\r\nHost: good\r\n\r\n",
      400,
      "host_mismatch",
    ],
    ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501, "connect_refused"],
    ["another version", "GET / HTTP/1.9\r\nHost: s\r\n\r\n", 505, "version_unsupported"],
    ["a long target", `GET /${"a".repeat(9000)} HTTP/1.1\r\nHost: s\r\n\r\n`, 414, "target_too_long"],
    ["a long head", `GET / HTTP/1.1\r\nHost: s\r\nX: ${"a".repeat(62_000)}\r\n\r\n`, 431, "headers_too_large"],
    ["garbage", "\x01\x02\x03\x04 hello\r\n\r\n", 400, "request_line_invalid"],
  ])("%s is answered with a status and a close, and nothing is forwarded", async (_what, request, status, code) => {
    const way = await startWay(answering(OK));
    const text = await way.exchange(request);
    expect(text).toStartWith(`HTTP/1.1 ${status} `);
    expect(text).toContain("\r\nConnection: close\r\n");
    expect(text.match(/HTTP\/1\.1 /g)?.length).toBe(1);
    expect(way.client.requests).toMatchObject([{ status, flags: ["DPE"], detail: code }]);
    expect(way.server.application.received().length).toBe(0);
    expect(way.server.application.connections.length).toBe(0);
  });

  test("chunks that break off in the middle: the application sees no end, the client 400", async () => {
    const way = await startWay((socket) => socket.on("data", () => undefined));
    const text = await way.exchange(
      "POST / HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n",
    );
    expect(text).toStartWith("HTTP/1.1 400 ");
    expect(way.server.application.received().toString()).not.toContain("0\r\n\r\n");
    expect(way.client.requests).toMatchObject([{ status: 400, flags: ["DPE"], detail: "chunk_size_invalid" }]);
  });
});

describe("an upstream that does not do its part", () => {
  const direct = async (
    handle: (socket: net.Socket) => void,
    options: ProxyFixtureOptions = HTTP,
  ): Promise<InboundFixture> => {
    const server = await startInbound({ ...options, protocol: "http", handle });
    closing.push(() => server.close());
    return server;
  };

  test("closes before it has answered: 503, UC", async () => {
    const server = await direct((socket) => socket.on("data", () => socket.destroy()));
    expect(await say(server, LAST)).toStartWith("HTTP/1.1 503 ");
    expect(server.requests).toMatchObject([{ status: 503, flags: ["UC"] }]);
  });

  test("answers garbage: 502, UPE", async () => {
    const server = await direct((socket) => socket.on("data", () => socket.write("SSH-2.0-OpenSSH_9.2\r\n")));
    expect(await say(server, LAST)).toStartWith("HTTP/1.1 502 ");
    expect(server.requests).toMatchObject([{ status: 502, flags: ["UPE"], detail: "version_invalid" }]);
  });

  test("answers with two lengths: 502, and none of its bytes", async () => {
    const server = await direct(answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\nok"));
    const text = await say(server, LAST);
    expect(text).toStartWith("HTTP/1.1 502 ");
    expect(text).not.toContain("200");
  });

  test("switches protocols without having been asked: 502", async () => {
    const server = await direct(
      answering("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
    );
    expect(await say(server, LAST)).toStartWith("HTTP/1.1 502 ");
  });

  test("sends interim answers without end: 502", async () => {
    const server = await direct(answering("HTTP/1.1 102 Processing\r\n\r\n".repeat(17)));
    const text = await say(server, LAST);
    expect(text).toContain("HTTP/1.1 502 ");
    expect(server.requests).toMatchObject([{ status: 502, flags: ["UPE"] }]);
  });

  test("is not there: 503, UF", async () => {
    const server = await direct(answering(OK));
    await server.application.close();
    expect(await say(server, LAST)).toStartWith("HTTP/1.1 503 ");
    expect(server.requests).toMatchObject([{ status: 503, flags: ["UF"] }]);
  });

  test("never answers: 504, UT", async () => {
    const server = await direct((socket) => socket.on("data", () => undefined), {
      http: { limits: { responseIdleMs: 1 } },
    });
    expect(await say(server, LAST)).toStartWith("HTTP/1.1 504 ");
    expect(server.requests).toMatchObject([{ status: 504, flags: ["UT"] }]);
  });

  test("breaks off in its content: the client sees a break, not an end", async () => {
    const server = await direct((socket) =>
      socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")),
    );
    const socket = connect(server);
    const { end } = await talk(socket, GET, Number.POSITIVE_INFINITY);
    expect(end).not.toBe("FIN");
    expect(server.requests).toMatchObject([{ status: 200, flags: ["UC"], detail: "truncated" }]);
  });

  test("answers before it has read all: the answer arrives, and the connection ends", async () => {
    const server = await direct((socket) =>
      socket.once("data", () => socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")),
    );
    const text = await say(server, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 1000000\r\n\r\nabc");
    expect(text).toBe("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });

  test("says something on a connection that is not in use: nobody is told that it is their answer", async () => {
    const server = await direct((socket) =>
      socket.once("data", () => socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`)),
    );
    const first = await say(server, GET, "ok");
    const second = await say(server, GET, "ok");
    expect(first + second).toBe(OK + OK);
    expect(server.application.connections.length).toBe(2);
  });
});

describe("a client that does not do its part", () => {
  test("does not finish a head: 408", async () => {
    const server = await startInbound({ http: { limits: { requestHeadMs: 1 } }, protocol: "http" });
    closing.push(() => server.close());
    expect(await say(server, "GET / HTTP/1.1\r\nHo")).toStartWith("HTTP/1.1 408 ");
    expect(server.requests).toMatchObject([{ status: 408, flags: ["SI"] }]);
  });

  test("owes content: 408", async () => {
    const server = await startInbound({
      http: { limits: { requestIdleMs: 1 } },
      protocol: "http",
      handle: () => undefined,
    });
    closing.push(() => server.close());
    expect(await say(server, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 5\r\n\r\nab")).toStartWith("HTTP/1.1 408 ");
  });

  test("goes away: the application is told by the end of its connection, the record by DC", async () => {
    let gone = false;
    const server = await startInbound({
      ...HTTP,
      protocol: "http",
      handle(socket) {
        socket.on("close", () => {
          gone = true;
        });
      },
    });
    closing.push(() => server.close());
    const socket = connect(server);
    socket.write(GET);
    await until(() => server.application.received().length > 0);
    socket.resetAndDestroy();
    await until(() => gone && server.requests.length > 0);
    expect(server.requests).toMatchObject([{ status: 0, flags: ["DC"] }]);
  });

  test("half-closes after two pipelined requests, and gets both answers", async () => {
    const server = await startInbound({ ...HTTP, protocol: "http", handle: answering(OK) });
    closing.push(() => server.close());
    const socket = connect(server);
    socket.end(GET + GET);
    const { received } = await talk(socket, undefined, Number.POSITIVE_INFINITY);
    expect(received.toString()).toBe(OK + OK);
  });

  test("half-closes after its request, and still gets its answer", async () => {
    const server = await startInbound({ ...HTTP, protocol: "http", handle: answering(OK) });
    closing.push(() => server.close());
    const socket = connect(server);
    socket.end(GET);
    const { received } = await talk(socket, undefined, Number.POSITIVE_INFINITY);
    expect(received.toString()).toStartWith("HTTP/1.1 200 OK\r\n");
  });
});

describe("which connections are HTTP", () => {
  test("undeclared port, plaintext: what begins like HTTP is, the rest goes through as it is", async () => {
    const server = await startInbound({
      ...HTTP,
      protocol: "auto",
      handle: (socket) => socket.on("data", (chunk) => socket.end(chunk.toString().startsWith("GET") ? OK : chunk)),
    });
    closing.push(() => server.close());
    expect(await say(server, "PING\r\n")).toBe("PING\r\n");
    expect(await say(server, GET, "ok")).toStartWith("HTTP/1.1 200 OK\r\n");
    expect(server.requests.length).toBe(1);
  });

  test("a port that is declared TCP is never looked into", async () => {
    const server = await startInbound({
      ...HTTP,
      protocol: "tcp",
      handle: (socket) => socket.on("data", (chunk) => socket.end(chunk)),
    });
    closing.push(() => server.close());
    expect(await say(server, "GET / HTTP/9.9\n\n")).toBe("GET / HTTP/9.9\n\n");
  });

  test("an undeclared Service port: HTTP is told to the other side by ALPN", async () => {
    const server = await startInbound({ ...HTTP, protocol: "auto", mode: "strict", handle: answering(OK) });
    const client = await startOutbound(server, { ...HTTP, protocol: "auto" });
    closing.push(
      () => server.close(),
      () => client.close(),
    );
    expect(await say(client, GET, "ok")).toBe(OK);
    expect(server.requests).toMatchObject([{ security: "mtls", peerSpiffeId: CLIENT_ID }]);
  });

  test("an undeclared Service port on which the server speaks first", async () => {
    const server = await startInbound({
      ...HTTP,
      protocol: "auto",
      mode: "strict",
      handle: (socket) => socket.write("220 hello\r\n"),
    });
    const client = await startOutbound(server, { http: { limits: { outboundDetectionMs: 1 } }, protocol: "auto" });
    closing.push(
      () => server.close(),
      () => client.close(),
    );
    expect(await say(client, "", "hello")).toBe("220 hello\r\n");
  });
});

describe("where requests go", () => {
  test("an endpoint that is not there is passed over, as nothing has been sent", async () => {
    const server = await startInbound({ ...HTTP, protocol: "http", mode: "strict", handle: answering(OK) });
    const client = await startOutbound(server, {
      ...HTTP,
      protocol: "http",
      moreEndpoints: ["127.63.0.1", "127.63.0.2"],
    });
    closing.push(
      () => server.close(),
      () => client.close(),
    );
    for (let round = 0; round < 6; round++) expect(await say(client, GET, "ok")).toBe(OK);
  });

  test("one that has been sent is never sent again: neither after a reset nor after half an answer", async () => {
    for (const answer of ["", "HTTP/1.1 200 OK\r\nContent-Le"]) {
      const endpoint = await startApplication("127.61.0.1", (socket) =>
        socket.on("data", () => {
          if (answer === "") socket.resetAndDestroy();
          else socket.end(answer);
        }),
      );
      const client = await startOutbound(endpoint, {
        ...HTTP,
        protocol: "http",
        tls: false,
        moreEndpoints: [endpoint.address, endpoint.address],
      });
      closing.push(
        () => endpoint.close(),
        () => client.close(),
      );
      expect(await say(client, LAST)).toStartWith("HTTP/1.1 503 ");
      expect(client.requests).toMatchObject([{ status: 503, flags: ["UC"] }]);
      expect(endpoint.connections.length).toBe(1);
      await client.close();
      await endpoint.close();
      closing.splice(0);
    }
  });

  test("another identity than the expected one: 503, and not a byte of the request", async () => {
    const server = await startInbound({ ...HTTP, protocol: "http", mode: "strict", handle: answering(OK) });
    const client = await startOutbound(server, {
      ...HTTP,
      protocol: "http",
      expectedSpiffeIds: ["spiffe://mesh.example/ns/foo/sa/other"],
    });
    closing.push(
      () => server.close(),
      () => client.close(),
    );
    expect(await say(client, LAST)).toStartWith("HTTP/1.1 503 ");
    expect(client.requests).toMatchObject([{ status: 503, flags: ["UF"], security: "plaintext" }]);
    expect(server.application.received().length).toBe(0);
  });

  test("drain: idle connections end, a request that is under way is answered", async () => {
    let answer: (() => void) | undefined;
    const server = await startInbound({
      ...HTTP,
      protocol: "http",
      handle(socket) {
        socket.on("data", () => {
          answer = () => void socket.write(OK);
        });
      },
    });
    closing.push(() => server.close());
    const idle = talk(connect(server), undefined, Number.POSITIVE_INFINITY);
    const busy = say(server, GET);
    await until(() => answer !== undefined);
    const drained = server.proxy.drain(5000);
    answer?.();
    expect(await busy).toBe("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    await drained;
    await idle;
  });
});

test("a token in the query reaches the server, and not the record of the client's proxy", async () => {
  const token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln";
  const way = await startWay((socket) =>
    socket.once("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
  );
  await way.exchange(`GET /a?access_token=${token}&b=1.2 HTTP/1.1\r\nHost: a\r\n\r\n`, "\r\n\r\n");
  expect(way.server.application.received().toString()).toContain(token);
  await until(() => way.client.requests.length > 0);
  expect(way.client.requests[0]?.path).toBe("/a?access_token=(token)&b=1.2");
});
