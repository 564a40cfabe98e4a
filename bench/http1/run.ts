/**
 * Nanoseconds for reading one request or response head and writing it anew, as a sidecar does for each hop.
 * node tools/run.mjs bench/http1/run.ts [SECONDS-PER-CASE]
 */
import {
  HeadWriter,
  NO_EDITS,
  RequestParser,
  ResponseParser,
  writeRequestHead,
  writeResponseHead,
} from "../../packages/symbolon/src/proxy/http1/index.ts";

const SECONDS = Number(process.argv[2] ?? 1);
const BATCH = 2000;

const GET_10 = [
  "GET /productpage?u=normal HTTP/1.1",
  "Host: productpage.default.svc.cluster.local:9080",
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Encoding: gzip, deflate",
  "Accept-Language: en-GB,en;q=0.5",
  "Connection: keep-alive",
  "Cookie: session=eyJ1c2VyIjoiamFzb24ifQ.ZzX0",
  "X-Request-Id: 6a1f3c8e-6f2f-4f7a-9a53-0c7d2a1fd3b1",
  "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "Cache-Control: max-age=0",
];
const POST_CHUNKED = [
  "POST /api/v1/orders HTTP/1.1",
  "host: orders:8080",
  "content-type: application/json",
  "transfer-encoding: chunked",
  "user-agent: Go-http-client/1.1",
  "accept-encoding: gzip",
];
const RESPONSE = [
  "HTTP/1.1 200 OK",
  "Server: gunicorn",
  "Date: Thu, 26 Nov 2026 01:13:00 GMT",
  "Connection: keep-alive",
  "Content-Type: application/json",
  "Content-Length: 0",
  "Access-Control-Allow-Origin: *",
  "Access-Control-Allow-Credentials: true",
];
const edits = {
  ...NO_EDITS,
  appended: `X-Forwarded-Client-Cert: By=spiffe://cluster.local/ns/default/sa/b;Hash=${"ab".repeat(32)};Subject="";URI=spiffe://cluster.local/ns/default/sa/a\r\nX-Forwarded-Proto: http\r\n`,
};

const writer = new HeadWriter();

function request(lines: readonly string[], rest = ""): () => void {
  const bytes = Buffer.from(`${lines.join("\r\n")}\r\n\r\n${rest}`);
  const parser = new RequestParser();
  return () => {
    parser.push(bytes);
    for (;;) {
      const event = parser.next();
      if (event === "head") {
        writer.clear();
        writeRequestHead(writer, parser.head, edits);
      } else if (event === "more") return;
      else if (event === "error") throw new Error(parser.error?.code);
    }
  };
}

function response(lines: readonly string[]): () => void {
  const bytes = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  const parser = new ResponseParser();
  return () => {
    parser.push(bytes);
    for (;;) {
      const event = parser.next();
      if (event === "head") {
        writer.clear();
        writeResponseHead(writer, parser.head, { http10: false, close: false, appended: "" });
      } else if (event === "more") return;
      else if (event === "error") throw new Error(parser.error?.code);
    }
  };
}

const cases: Readonly<Record<string, () => void>> = {
  "GET, 10 fields": request(GET_10),
  "GET, 1 field": request(["GET / HTTP/1.1", "Host: a"]),
  "POST chunked, 5 fields, 2 chunks": request(POST_CHUNKED, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
  "response, 7 fields": response(RESPONSE),
};

for (const [name, run] of Object.entries(cases)) {
  const samples: number[] = [];
  for (const end = performance.now() + SECONDS * 1000; performance.now() < end; ) {
    const started = performance.now();
    for (let index = 0; index < BATCH; index++) run();
    samples.push(((performance.now() - started) * 1e6) / BATCH);
  }
  samples.sort((a, b) => a - b);
  const at = (share: number): string => (samples[Math.floor(samples.length * share)] ?? 0).toFixed(0).padStart(6);
  console.log(`${name.padEnd(34)} ns: best ${at(0)}  median ${at(0.5)}  p90 ${at(0.9)}`);
}
