import { describe, expect, test } from "bun:test";
import {
  FIELD,
  fieldSet,
  HeadWriter,
  NO_EDITS,
  type RequestEdits,
  RequestParser,
  type ResponseEdits,
  ResponseParser,
  writeRequestHead,
  writeResponseHead,
} from "./index.ts";

function request(text: string, edits: RequestEdits = NO_EDITS): string {
  const parser = new RequestParser();
  parser.push(Buffer.from(text, "latin1"));
  expect(parser.next()).toBe("head");
  const writer = new HeadWriter();
  writeRequestHead(writer, parser.head, edits);
  return writer.written.toString("latin1");
}

const PLAIN: ResponseEdits = { http10: false, close: false, appended: "" };
function response(text: string, edits: ResponseEdits = PLAIN, method = "GET"): string {
  const parser = new ResponseParser();
  parser.requestMethod = method;
  parser.push(Buffer.from(text, "latin1"));
  expect(parser.next()).toBe("head");
  const writer = new HeadWriter();
  writeResponseHead(writer, parser.head, edits);
  return writer.written.toString("latin1");
}

describe("a request, written anew", () => {
  test("one space after the colon, none at the ends; order and spelling of names as they came", () => {
    expect(request("GET /a?b HTTP/1.1\r\nhOst:a.example\r\nX:\t y \t\r\nEmpty:\r\nAccept: */*\r\n\r\n")).toBe(
      "GET /a?b HTTP/1.1\r\nhOst: a.example\r\nX: y\r\nEmpty: \r\nAccept: */*\r\n\r\n",
    );
  });

  test("one canonical framing, where it stood", () => {
    expect(request("POST / HTTP/1.1\r\nHost: a\r\nCONTENT-length: 003\r\nX: y\r\n\r\n")).toBe(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: y\r\n\r\n",
    );
    expect(request("POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\nX: y\r\n\r\n")).toBe(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n",
    );
    expect(request("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).toBe(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    );
  });

  test("nothing of the last hop: Connection and what it names, TE, Keep-Alive, Trailer, Proxy-*, Upgrade", () => {
    const text =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nx-HOP: 2\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\nTrailer: X\r\nProxy-Authorization: x\r\nProxy-Connection: close\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nX-Hop-2: stays\r\n\r\n";
    expect(request(text)).toBe("GET / HTTP/1.1\r\nHost: a\r\nX-Hop-2: stays\r\n\r\n");
  });

  test("names that only a proxy may use are gone, in every spelling (CV-14, CV-15)", () => {
    const text =
      "GET / HTTP/1.1\r\nHost: a\r\nx-envoy-original-path: /b\r\nX-Envoy-Internal: true\r\nX-SYMBOLON-Principal: x\r\nX-Envoys: stays\r\n\r\n";
    expect(request(text)).toBe("GET / HTTP/1.1\r\nHost: a\r\nX-Envoys: stays\r\n\r\n");
  });

  test("edits: left out, and put at the end", () => {
    const edits = {
      ...NO_EDITS,
      dropped: fieldSet(FIELD.forwardedClientCert, FIELD.forwardedProto),
      appended: "X-Forwarded-Proto: https\r\n",
    };
    expect(
      request(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Client-Cert: URI=spiffe://forged\r\nx-forwarded-proto: gopher\r\nX: y\r\n\r\n",
        edits,
      ),
    ).toBe("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\nX-Forwarded-Proto: https\r\n\r\n");
  });

  test("trace context passes through (W3C, B3)", () => {
    const lines =
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\nb3: 1-2\r\nx-b3-traceid: 1\r\n";
    expect(request(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)).toContain(lines);
  });

  test("absolute form becomes origin form", () => {
    expect(request("GET HTTP://a.example/b HTTP/1.1\r\nHost: a.example\r\n\r\n")).toStartWith(
      "GET /b HTTP/1.1\r\nHost: a.example\r\n",
    );
    expect(request("GET http://a.example?b HTTP/1.1\r\nHost: a.example\r\n\r\n")).toStartWith("GET /?b HTTP/1.1\r\n");
    expect(request("GET http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n")).toStartWith("GET / HTTP/1.1\r\n");
    expect(request("OPTIONS http://a.example HTTP/1.1\r\nHost: a.example\r\n\r\n")).toStartWith(
      "OPTIONS * HTTP/1.1\r\n",
    );
  });

  test("HTTP/1.0 becomes 1.1, with a Host", () => {
    expect(request("GET / HTTP/1.0\r\nX: y\r\n\r\n", { ...NO_EDITS, authority: "a:80" })).toBe(
      "GET / HTTP/1.1\r\nHost: a:80\r\nX: y\r\n\r\n",
    );
    expect(request("GET http://b/ HTTP/1.0\r\n\r\n", { ...NO_EDITS, authority: "a:80" })).toBe(
      "GET / HTTP/1.1\r\nHost: b\r\n\r\n",
    );
  });

  test("an upgrade to WebSocket is asked for in our own words", () => {
    const text =
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade, X-A\r\nUpgrade: WebSocket\r\nX-A: 1\r\nSec-WebSocket-Key: k\r\n\r\n";
    expect(request(text)).toBe(
      "GET / HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
  });

  test("100-continue is passed on where there is content", () => {
    expect(request("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n")).toContain(
      "Expect: 100-Continue\r\n",
    );
  });
});

describe("a response, written anew", () => {
  test("hop-by-hop fields end here", () => {
    expect(
      response(
        "HTTP/1.1 200 All Right\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nServer:x\r\nContent-Length: 2\r\n\r\n",
      ),
    ).toBe("HTTP/1.1 200 All Right\r\nServer: x\r\nContent-Length: 2\r\n\r\n");
  });

  test("content that ends with the connection gets chunks, and for HTTP/1.0 it is the other way round", () => {
    expect(response("HTTP/1.0 200 OK\r\nServer: x\r\n\r\n")).toBe(
      "HTTP/1.1 200 OK\r\nServer: x\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const to10 = { ...PLAIN, http10: true, close: true };
    expect(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", to10)).toBe(
      "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
    );
  });

  test("the length that a HEAD or a 304 tells is kept, and none in 204 and 1xx", () => {
    expect(response("HTTP/1.1 200 OK\r\nContent-Length: 05\r\n\r\n", PLAIN, "HEAD")).toBe(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    );
    expect(response("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")).toBe(
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    );
    expect(response("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")).toBe("HTTP/1.1 204 No Content\r\n\r\n");
    expect(response("HTTP/1.1 100 Continue\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
  });

  test("101 says what it switches to; close is said where it is meant", () => {
    expect(
      response(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: a\r\n\r\n",
      ),
    ).toBe(
      "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    expect(response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", { ...PLAIN, close: true })).toContain(
      "\r\nConnection: close\r\n",
    );
  });
});
