import { expect, test } from "bun:test";
import { withoutQueryTokens } from "./without-query-tokens.ts";

const TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln";

test("values that look like tokens are left out, under any name, and nothing else is", () => {
  for (const [target, shown] of [
    [`/a?access_token=${TOKEN}&x=1`, "/a?access_token=(token)&x=1"],
    [`/a?x=1.5&t=${TOKEN}&u=${TOKEN}`, "/a?x=1.5&t=(token)&u=(token)"],
    [`/a?t=${TOKEN.replaceAll(".", "%2E")}`, "/a?t=(token)"],
    [`/a?t=${TOKEN.replace(/[^.]*$/, "")}`, "/a?t=(token)"],
    [`http://a.b/c?t=${TOKEN}#f`, "http://a.b/c?t=(token)#f"],
    ["/a?t=a.b.c", "/a?t=a.b.c"],
    ["/a?version=1.2.3&host=eyes.example.com", "/a?version=1.2.3&host=eyes.example.com"],
    ["/a.b.c", "/a.b.c"],
    ["/a?b", "/a?b"],
    [`/${TOKEN}?a=1.2`, `/${TOKEN}?a=1.2`],
  ] as const)
    expect(withoutQueryTokens(target)).toBe(shown);
});
