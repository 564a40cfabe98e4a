import { describe, expect, test } from "bun:test";
import {
  createProxyCredentials,
  credentialsDigest,
  credentialsVerifier,
  proxyEnvironment,
} from "./proxy-credentials.ts";

const own = createProxyCredentials("curl-1");
const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;

describe("credentials of a pod's proxy", () => {
  const verify = credentialsVerifier(credentialsDigest(own));

  test("are accepted as RFC 7617 writes them, whatever the case of the scheme", () => {
    expect(verify(basic(`${own.user}:${own.secret}`))).toBe(true);
    expect(verify(basic(`${own.user}:${own.secret}`).replace("Basic", "bAsIc"))).toBe(true);
  });

  test("anything else is refused", () => {
    const other = createProxyCredentials("curl-1");
    const wrong: readonly (string | undefined)[] = [
      undefined,
      "",
      "Basic",
      "Basic ",
      basic(""),
      basic(own.secret),
      basic(`:${own.secret}`),
      basic(`${own.user}:`),
      basic(`${own.user}:${own.secret}x`),
      basic(`${own.user}:${own.secret.slice(0, -1)}`),
      basic(`other:${own.secret}`),
      basic(`${other.user}:${other.secret}`),
      basic(`${own.user}:${own.secret}`).replace("Basic", "Bearer"),
      `${basic(`${own.user}:${own.secret}`)} x`,
      `${own.user}:${own.secret}`,
    ];
    for (const field of wrong) expect([field, verify(field)]).toEqual([field, false]);
  });

  test("are new for every pod, and safe in a URL", () => {
    expect(createProxyCredentials("a").secret).not.toBe(createProxyCredentials("a").secret);
    expect(own.secret).toMatch(/^[\w-]{43}$/);
  });

  test("reach programs in the variables that they read, in both cases", () => {
    const variables = proxyEnvironment(15_100, own);
    const url = `http://curl-1:${own.secret}@127.0.0.1:15100`;
    expect(variables).toEqual({
      http_proxy: url,
      HTTP_PROXY: url,
      https_proxy: url,
      HTTPS_PROXY: url,
      no_proxy: "localhost,127.0.0.1,::1",
      NO_PROXY: "localhost,127.0.0.1,::1",
      NODE_USE_ENV_PROXY: "1",
    });
  });
});
