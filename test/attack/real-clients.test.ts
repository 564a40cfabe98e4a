/** Programs that people use, through a client's proxy and a server's, to a real server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freeNetwork,
  type OutboundFixture,
  type ProxyFixture,
  startOutbound,
  startProxy,
} from "../fakes/proxy-fixture.ts";
import { RECORDERS, type Recorder } from "./recorders.ts";

const PORT = 8080;
const GO = `package main
import ("fmt"; "io"; "net/http"; "os"; "strings")
func main() {
	for i := 0; i < 3; i++ {
		reader, writer := io.Pipe()
		go func() { fmt.Fprint(writer, strings.Repeat("x", 100000)); writer.Close() }()
		request, _ := http.NewRequest("POST", os.Args[1]+"/go", reader)
		request.Trailer = http.Header{"X-Sum": {"1"}}
		request.Header.Set("Expect", "100-continue")
		response, err := http.DefaultClient.Do(request)
		if err != nil { panic(err) }
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Print(response.StatusCode, string(body), " ")
	}
}`;
const JAVA = `import java.net.URI; import java.net.http.*; import java.util.stream.*;
public class Client { public static void main(String[] arguments) throws Exception {
  var client = HttpClient.newHttpClient();
  for (int i = 0; i < 3; i++) {
    var body = HttpRequest.BodyPublishers.ofString("x".repeat(100000));
    var request = HttpRequest.newBuilder(URI.create(arguments[0] + "/java")).POST(body).build();
    var response = client.send(request, HttpResponse.BodyHandlers.ofString());
    System.out.print(response.statusCode() + response.body() + " ");
  } } }`;
const NODE = `for (let i = 0; i < 3; i++) {
  const response = await fetch(process.argv[1] + "/node", { method: "POST", body: new Blob(["x".repeat(100000)]).stream(), duplex: "half" });
  process.stdout.write(response.status + await response.text() + " ");
}`;
const PYTHON = `import sys, http.client, urllib.parse
place = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(place.hostname, place.port)
for _ in range(3):
    connection.request("POST", "/python", body=iter([b"x" * 50000] * 2), encode_chunked=True)
    response = connection.getresponse()
    print(response.status, response.read().decode(), sep="", end=" ")
`;

const REQUESTS = `import sys, requests
session = requests.Session()
for _ in range(3):
    response = session.post(sys.argv[1] + "/requests", data=iter([b"x" * 50000] * 2))
    print(response.status_code, response.text, sep="", end=" ")
`;
const hasRequests = spawnSync("python3", ["-c", "import requests"]).status === 0;

const directory = mkdtempSync(join(tmpdir(), "symbolon-clients-"));
const file = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

/** What is run, what its output has to be, and what the server has to see of it. */
const CLIENTS: readonly (readonly [
  name: string,
  command: (url: string) => readonly string[],
  output: string,
  seen: string,
])[] = [
  [
    "curl: three requests over one connection",
    (url) => ["curl", "-sS", "-w", "%{http_code}%{num_connects} ", `${url}/curl`, `${url}/curl`, `${url}/curl`],
    "ok2001 ok2000 ok2000 ",
    "GET /curl",
  ],
  [
    "curl: chunks after 100-continue",
    (url) => [
      "curl",
      "-sS",
      "-H",
      "Transfer-Encoding: chunked",
      "-H",
      "Expect: 100-continue",
      "--data-binary",
      `@${file("content", "x".repeat(200_000))}`,
      `${url}/chunks`,
    ],
    "ok",
    "POST /chunks",
  ],
  ["curl: HTTP/1.0", (url) => ["curl", "-sS", "-0", `${url}/ten`], "ok", "GET /ten"],
  [
    "curl: HEAD",
    (url) => ["curl", "-sS", "-I", "-o", "/dev/null", "-w", "%{http_code}", `${url}/head`],
    "200",
    "HEAD /head",
  ],
  [
    "curl: its own idea of an upgrade to HTTP/2",
    (url) => ["curl", "-sS", "--http2", "-w", "%{http_version}", `${url}/h2c`],
    "ok1.1",
    "GET /h2c",
  ],
  ["wget", (url) => ["wget", "-q", "-O", "-", `${url}/wget`], "ok", "GET /wget"],
  ["Python's http.client", (url) => ["python3", "-c", PYTHON, url], "200ok 200ok 200ok ", "POST /python"],
  ...(hasRequests || process.env.CI
    ? ([
        [
          "Python's requests",
          (url: string) => ["python3", "-c", REQUESTS, url],
          "200ok 200ok 200ok ",
          "POST /requests",
        ],
      ] as const)
    : []),
  ["Node's fetch", (url) => ["node", "--input-type=module", "-e", NODE, url], "200ok 200ok 200ok ", "POST /node"],
  ["Go's net/http", (url) => ["go", "run", file("client.go", GO), url], "200ok 200ok 200ok ", "POST /go"],
  ["Java's HttpClient", (url) => ["java", file("Client.java", JAVA), url], "200ok 200ok 200ok ", "POST /java"],
];

describe("real clients", () => {
  let recorder: Recorder;
  let server: ProxyFixture;
  let client: OutboundFixture;
  beforeAll(async () => {
    const network = freeNetwork();
    recorder = await (RECORDERS.node as (typeof RECORDERS)[string])(`${network}.1`, PORT);
    const address = `${network}.2`;
    const inboundPorts = [{ port: PORT, protocol: "http", mode: "strict", decidedBy: "default" }] as const;
    server = await startProxy(
      { listenAddress: address, applicationAddress: recorder.address, port: PORT },
      { http: {}, local: { inboundPorts } },
    );
    client = await startOutbound({ address, port: PORT }, { http: {}, protocol: "http" });
  });
  afterAll(async () => {
    await client.close();
    await server.proxy.drain(0);
    await recorder.close();
    rmSync(directory, { recursive: true, force: true });
  });

  for (const [name, command, output, seen] of CLIENTS)
    test.skipIf(spawnSync("which", [command("")[0] ?? ""]).status !== 0)(
      name,
      async () => {
        const [program = "", ...args] = command(`http://${client.address}:${PORT}`);
        expect(await run(program, args)).toEqual({ status: 0, output });
        expect(await recorder.seen()).toContain(seen);
        expect(client.requests.filter(({ flags }) => flags.length > 0)).toEqual([]);
        expect(server.requests.filter(({ flags, security }) => flags.length > 0 || security !== "mtls")).toEqual([]);
      },
      120_000,
    );
});

function run(
  program: string,
  args: readonly string[],
): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
    child.on("close", (status) => resolve({ status, output }));
  });
}
