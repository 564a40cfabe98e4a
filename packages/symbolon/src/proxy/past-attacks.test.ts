/**
 * Past CVEs of proxies and policies, and the HTTP/1 form of each (security-and-reliability §3): one test a number, through
 * the whole proxy to an application that writes down what reaches it.
 */
import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import {
  CLIENT_ID,
  type InboundFixture,
  MESH,
  type ProxyFixtureOptions,
  startInbound,
  tlsClient,
} from "../../../../test/fakes/proxy-fixture.ts";
import { buildPolicy, type RuleText } from "../../../../test/oracle/build-policy.ts";

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

interface Way {
  readonly server: InboundFixture;
  /** Status of each answer to what is sent over one connection, as a verified client. */
  ask(raw: string): Promise<string>;
  /** The same without a certificate. */
  askPlain(raw: string): Promise<string>;
  /** Everything that the application has read. */
  seen(): string;
}

async function start(rule?: RuleText, options: ProxyFixtureOptions & { action?: "deny" | "allow" } = {}): Promise<Way> {
  const { action = "deny", ...rest } = options;
  const server = await startInbound({
    http: {},
    protocol: "http",
    handle: (socket) => void socket.on("data", () => socket.write(OK)),
    ...rest,
    local: { authorizationPolicies: rule ? [buildPolicy({ action, rules: [rule] })] : [], ...rest.local },
  });
  closing.push(() => server.close());
  const client = { svid: MESH.issue("/ns/foo/sa/client"), ALPNProtocols: ["istio-http/1.1", "istio", "http/1.1"] };
  return {
    server,
    ask: (raw) => statusesOf(tlsClient(server, client), raw),
    askPlain: (raw) => statusesOf(net.connect({ host: server.address, port: server.port }), raw),
    seen: () => server.application.received().toString("latin1"),
  };
}

function statusesOf(socket: net.Socket, raw: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve([...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status).join(" ")));
    socket.write(Buffer.from(raw, "latin1"));
  });
}

const get = (target: string, fields = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}Connection: close\r\n\r\n`;
const onPaths = (...paths: readonly string[]): RuleText => ({ to: [{ paths }] });
const onHeader = (name: string, value: string): RuleText => ({
  when: [{ key: `request.headers[${name}]`, values: [value] }],
});

describe("the policy sees the request that the application gets", () => {
  test("CV-01: dots, encoded dots and backslashes lead to no path that is denied", async () => {
    const way = await start(onPaths("/admin*"));
    for (const target of ["/public/../admin", "/public/%2e%2e/admin", "/./admin", "/a/..\\admin"])
      expect([target, await way.ask(get(target))]).toEqual([target, "403"]);
    expect(way.seen()).toBe("");
    expect(await way.ask(get("/admi/../x"))).toBe("200");
    expect(way.seen()).toStartWith("GET /x HTTP/1.1\r\n");
    expect(way.server.requests.at(-1)?.path).toBe("/x");
  });

  test("CV-02: a NUL in a field value does not end it", async () => {
    const way = await start(onHeader("x-role", "guest"));
    expect(await way.ask(get("/", "X-Role: guest\0admin\r\n"))).toBe("400");
    expect(way.seen()).toBe("");
  });

  test("CV-03: an exact path holds with a query and with a fragment; an encoded question mark is another path", async () => {
    const way = await start(onPaths("/secret"));
    for (const target of ["/secret?", "/secret?x", "/secret"]) expect(await way.ask(get(target))).toBe("403");
    for (const target of ["/secret#", "/secret#x"]) expect(await way.ask(get(target))).toBe("400");
    expect(way.seen()).toBe("");
    expect(await way.ask(get("/secret%3f"))).toBe("200");
    expect(way.seen()).toStartWith("GET /secret%3f HTTP/1.1\r\n");
  });

  test("CV-04: merged and decoded slashes, where the mesh says so", async () => {
    const way = await start(onPaths("/admin"), { mesh: { pathNormalization: "decode-and-merge-slashes" } });
    for (const target of ["//admin", "/%2fadmin", "/%5cadmin", "/x/%2e%2e%2fadmin"])
      expect([target, await way.ask(get(target))]).toEqual([target, "403"]);
    expect(way.seen()).toBe("");
  });

  test("CV-05: a fragment is never forwarded", async () => {
    const way = await start(onPaths("/user/profile"));
    expect(await way.ask(get("/user/profile#s1"))).toBe("400");
    expect(way.seen()).toBe("");
  });

  // With its port a host is another value in Istio (§3.1); the form that means both is the one that `analyze` proposes.
  test("CV-06, CV-07: neither case nor, with name:*, a port makes another host", async () => {
    const way = await start({ to: [{ hosts: ["secret.com", "secret.com:*"] }] });
    for (const host of ["Secret.COM", "secret.com", "secret.com:80", "secret.com:8080", "secret.com:00080"])
      expect([host, await way.ask(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)]).toEqual([
        host,
        "403",
      ]);
    expect(way.seen()).toBe("");
  });

  test("CV-06: nor does a dot at its end", async () => {
    const way = await start({ to: [{ hosts: ["secret.com", "secret.com:*"] }] });
    for (const host of ["secret.com.", "SECRET.com.:80"])
      expect([host, await way.ask(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)]).toEqual([
        host,
        "403",
      ]);
    expect(way.seen()).toBe("");
  });

  test("CV-08: whitespace at the end of a value is no part of it", async () => {
    const way = await start(onHeader("x-role", "admin"));
    for (const value of ["admin \t", "\t admin", "admin"])
      expect(await way.ask(get("/", `X-Role:${value}\r\n`))).toBe("403");
    expect(way.seen()).toBe("");
  });

  test("CV-09: without Host nothing is decided; 10,000 times, and the proxy lives", async () => {
    const way = await start(onPaths("/admin"));
    expect(await way.askPlain("GET / HTTP/1.1\r\n\r\n".repeat(10_000))).toBe("400");
    for (let round = 0; round < 100; round++) expect(await way.askPlain("GET / HTTP/1.1\r\n\r\n")).toBe("400");
    expect(way.seen()).toBe("");
    expect(await way.ask(get("/"))).toBe("200");
  });

  test("CV-13: the scheme of an absolute form is read in any case, and decides nothing", async () => {
    const way = await start(onPaths("/p"));
    for (const scheme of ["http", "HTTP", "HTTPS", "hTTps"])
      expect(await way.askPlain(get(`${scheme}://a/p`))).toBe("403");
    expect(await way.askPlain(get("HTTPS://a/q", "X-Forwarded-Proto: https\r\n"))).toBe("200");
    expect(way.seen()).toContain("\r\nX-Forwarded-Proto: http\r\n");
    expect(way.seen()).toStartWith("GET /q HTTP/1.1\r\n");
  });

  test("CV-24: an underscore is not taken for a hyphen", async () => {
    const way = await start();
    for (const line of ["Transfer_Encoding: chunked", "X_Forwarded_Client_Cert: URI=x", "x_role: admin"])
      expect(await way.ask(get("/", `${line}\r\n`))).toBe("400");
    expect(way.seen()).toBe("");
  });

  test("CV-25: two authorities are none", async () => {
    const way = await start();
    expect(await way.ask("GET http://evil/admin HTTP/1.1\r\nHost: good\r\n\r\n")).toBe("400");
    expect(await way.ask("GET / HTTP/1.1\r\nHost: good\r\nHost: evil\r\n\r\n")).toBe("400");
    expect(await way.ask("GET / HTTP/1.1\r\nHost: good, evil\r\n\r\n")).toBe("400");
    expect(way.seen()).toBe("");
  });
});

describe("what only a proxy may say", () => {
  const INTERNAL = ["X-Envoy-Original-Path", "x-envoy-internal", "X-Symbolon-Principal"];

  test("CV-14: is taken out before policies and the application see it", async () => {
    for (const name of INTERNAL) {
      const way = await start(
        { when: [{ key: `request.headers[${name.toLowerCase()}]`, values: ["*"] }] },
        { action: "allow" },
      );
      expect([name, await way.ask(get("/", `${name}: /\r\n`))]).toEqual([name, "403"]);
      const open = await start();
      expect(await open.ask(get("/", `${name}: /\r\n`))).toBe("200");
      expect(open.seen().toLowerCase()).not.toContain(name.toLowerCase());
    }
  });

  test("CV-14: a forged client certificate is none for policies; a verified one is there for them", async () => {
    const forged = "X-Forwarded-Client-Cert: URI=spiffe://mesh.example/ns/foo/sa/admin\r\n";
    const present = { when: [{ key: "request.headers[x-forwarded-client-cert]", values: ["*"] }] };
    const way = await start(present, { action: "allow" });
    expect(await way.askPlain(get("/", forged))).toBe("403");
    expect(way.seen()).toBe("");
    expect(await way.ask(get("/"))).toBe("200");
  });

  test("CV-15: an address makes nobody trusted", async () => {
    const way = await start();
    const claims = "X-Forwarded-Client-Cert: URI=x\r\nX-Envoy-Internal: true\r\nX-Forwarded-Proto: https\r\n";
    expect(await way.askPlain(get("/", claims))).toBe("200");
    expect(way.seen().toLowerCase()).not.toContain("x-forwarded-client-cert");
    expect(way.seen().toLowerCase()).not.toContain("x-envoy");
    expect(way.seen()).toContain("\r\nX-Forwarded-Proto: http\r\n");
  });

  test("CV-15: x-forwarded-proto is the connection's own for policies too", async () => {
    const way = await start(onHeader("x-forwarded-proto", "https"), { action: "allow" });
    expect(await way.askPlain(get("/", "X-Forwarded-Proto: https\r\n"))).toBe("403");
  });

  test("CV-16: the application gets one x-forwarded-client-cert, whatever a client puts into its own", async () => {
    const way = await start();
    const sent = 'By=a;URI="x\\",URI=spiffe://forged;';
    expect(await way.ask(get("/", `X-Forwarded-Client-Cert: ${sent}\r\nX-Forwarded-Client-Cert: b\r\n`))).toBe("200");
    const lines = way
      .seen()
      .split("\r\n")
      .filter((line) => /^x-forwarded-client-cert:/i.test(line));
    expect(lines.length).toBe(1);
    expect(lines[0]).toEndWith(`URI=${CLIENT_ID}`);
  });

  test("CV-17: a field without a proper name ends the request", async () => {
    const way = await start();
    for (const line of [": x", " x: y", "x y: z", "x\0: y", "x:\x01y", "x"])
      expect([line, await way.ask(get("/", `${line}\r\n`))]).toEqual([line, "400"]);
    expect(way.seen()).toBe("");
  });
});

describe("requests in requests", () => {
  const INNER = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";

  test("CV-26: whatever is doubtful in framing reaches neither policy nor application", async () => {
    const way = await start(onPaths("/admin"));
    const post = "POST / HTTP/1.1\r\nHost: a\r\n";
    for (const rest of [
      `Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${INNER}`,
      `Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${INNER}`,
      `Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${INNER}`,
      `Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n${INNER}`,
      `Transfer-Encoding: chunked\n\r\n0\r\n\r\n${INNER}`,
      `X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${INNER}`,
      `Content-Length: 5\r\nContent-Length: 6\r\n\r\n${INNER}`,
      `Content-Length: +5\r\n\r\n${INNER}`,
      `\r\nX: y\r\n\rX${INNER}`.slice(2),
    ])
      expect([rest, await way.ask(post + rest)]).toEqual([rest, expect.stringMatching(/^(400|501)$/)]);
    expect(way.seen()).toBe("");
  });

  test("CV-28: what follows an Upgrade waits until it is accepted, and is a request when it is refused", async () => {
    const way = await start(onPaths("/admin"));
    const upgrade = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    expect(await way.ask(upgrade + INNER + get("/end"))).toBe("200 403 200");
    expect(way.seen()).not.toContain("/admin");
    const h2c = await start();
    expect(await h2c.ask(get("/", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"))).toBe("200");
    expect(h2c.seen().toLowerCase()).not.toMatch(/h2c|http2-settings/);
  });

  test("CV-30: no chunks in HTTP/1.0; chunk extensions end here; content of a GET is content", async () => {
    const way = await start();
    expect(await way.ask("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).toBe("400");
    expect(way.seen()).toBe("");
    const chunks = `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;x="y"\r\nhello\r\n0\r\n\r\n`;
    expect(await way.ask(chunks)).toBe("200");
    expect(way.seen()).toEndWith("\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    const extended = `1;${"e".repeat(1000)}\r\nx\r\n`.repeat(17);
    expect(await way.ask(`POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${extended}0\r\n\r\n`)).toBe(
      "400",
    );
    expect(way.server.requests.at(-1)).toMatchObject({ status: 400, detail: "chunk_extensions_too_large" });
  });
});
