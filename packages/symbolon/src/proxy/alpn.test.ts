import { afterEach, describe, expect, test } from "bun:test";
import { type InboundFixture, MESH, startInbound, tlsClient } from "../../../../test/fakes/proxy-fixture.ts";
import { offersIstio } from "./alpn.ts";

const CLIENT = MESH.issue("/ns/foo/sa/client");

let server: InboundFixture | undefined;
afterEach(() => server?.close());

/** What a STRICT TCP port answers to this offer: the protocol, false for none, or the error that ended the handshake. */
async function negotiated(offered: readonly string[]): Promise<string | false> {
  server = await startInbound({ mode: "strict" });
  const client = tlsClient(server, { svid: CLIENT, ALPNProtocols: [...offered] });
  const answer = await new Promise<string | false>((resolve) => {
    client.on("secureConnect", () => resolve(client.alpnProtocol ?? false));
    client.on("error", (error: NodeJS.ErrnoException) => resolve(`failed: ${error.code}`));
  });
  client.destroy();
  await server.close();
  return answer;
}

describe("a mesh peer, as PERMISSIVE sees it", () => {
  test("offers one of Istio's protocols, in any place", () => {
    for (const token of ["istio-http/1.0", "istio-http/1.1", "istio-h2", "istio-peer-exchange", "istio"])
      for (const offered of [[token], ["h2", token], [token, "http/1.1"]]) expect(offersIstio(offered)).toBe(true);
  });

  test("nearest misses offer none: another case, a longer or a shorter name, nothing", () => {
    for (const offered of [[], ["h2", "http/1.1"], ["Istio"], ["istio2"], ["isti"], ["istio-http/2"], ["istio "], [""]])
      expect(offersIstio(offered)).toBe(false);
  });
});

describe("the protocol that a server answers with", () => {
  test("is one that the client offers", async () => {
    expect(await negotiated(["istio"])).toBe("istio");
    expect(await negotiated(["istio-http/1.1", "istio"])).toBe("istio-http/1.1");
    expect(await negotiated(["istio", "http/1.1"])).toBe("http/1.1");
    expect(await negotiated(["istio", "h2"])).toBe("h2");
  });

  test("is never Istio's metadata exchange, which we do not speak", async () => {
    expect(await negotiated(["istio-peer-exchange", "istio"])).toBe("istio");
    expect(await negotiated(["istio-peer-exchange"])).toBe(false);
  });

  test("is none when none is known: the handshake goes on without ALPN, where a fixed list would end it", async () => {
    expect(await negotiated(["spdy/3"])).toBe(false);
    expect(await negotiated([])).toBe(false);
  });
});
