import { describe, expect, test } from "bun:test";
import { proxyAuthorization, proxyFor } from "./proxy-variable.ts";

const http_proxy = "http://pod:s%2Fecret@127.0.0.1:15100";
const proxyOf = (url: string, env: Record<string, string> = { http_proxy }) => proxyFor(new URL(url), env)?.host;

describe("proxyFor", () => {
  test("takes http_proxy, unless no_proxy names the host or a domain above it", () => {
    const no_proxy = "localhost,127.0.0.1,::1,.example";
    expect(proxyOf("http://web.foo:80/")).toBe("127.0.0.1:15100");
    expect(proxyOf("http://web.foo/", { http_proxy, no_proxy })).toBe("127.0.0.1:15100");
    expect(proxyOf("http://notexample/", { http_proxy, no_proxy })).toBe("127.0.0.1:15100");
    for (const host of ["localhost", "127.0.0.1", "[::1]", "example", "a.example"])
      expect([host, proxyOf(`http://${host}/`, { http_proxy, no_proxy })]).toEqual([host, undefined]);
    expect(proxyOf("http://web/", { http_proxy, no_proxy: "*" })).toBeUndefined();
  });

  test("without one, or with one that is no URL, there is none", () => {
    for (const env of [{}, { http_proxy: "" }, { http_proxy: "none" }, { HTTP_PROXY: http_proxy }])
      expect(proxyOf("http://web/", env as Record<string, string>)).toBeUndefined();
  });
});

test("credentials are those of the URL, decoded", () => {
  const line = `Proxy-Authorization: Basic ${Buffer.from("pod:s/ecret").toString("base64")}\r\n`;
  expect(proxyAuthorization(new URL(http_proxy))).toBe(line);
  expect(proxyAuthorization(new URL("http://127.0.0.1:1"))).toBe("");
});
