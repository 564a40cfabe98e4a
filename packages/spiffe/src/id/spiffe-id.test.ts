import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isSymbolonError } from "../core/index.ts";
import { SpiffeId, TrustDomain } from "./spiffe-id.ts";

const EMPTY = ["ERR_SPIFFE_ID_EMPTY", "cannot be empty"] as const;
const SCHEME = ["ERR_SPIFFE_ID_SCHEME", "scheme is missing or invalid"] as const;
const DOMAIN = [
  "ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER",
  "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
] as const;
const NO_DOMAIN = ["ERR_SPIFFE_ID_TRUST_DOMAIN_MISSING", "trust domain is missing"] as const;
const LEADING = ["ERR_SPIFFE_ID_LEADING_SLASH", "path must have a leading slash"] as const;
const TRAILING = ["ERR_SPIFFE_ID_TRAILING_SLASH", "path cannot have a trailing slash"] as const;
const EMPTY_SEGMENT = ["ERR_SPIFFE_ID_EMPTY_SEGMENT", "path cannot contain empty segments"] as const;
const DOT = ["ERR_SPIFFE_ID_DOT_SEGMENT", "path cannot contain dot segments"] as const;
const PATH = [
  "ERR_SPIFFE_ID_PATH_CHARACTER",
  "path segment characters are limited to letters, numbers, dots, dashes, and underscores",
] as const;
const LONG = ["ERR_SPIFFE_ID_TOO_LONG", "SPIFFE ID is too long"] as const;

function throwsCoded(action: () => unknown, [code, message]: readonly [string, string], about = ""): void {
  assert.throws(action, (error) => isSymbolonError(error) && error.code === code && error.message === message, about);
}

describe("SpiffeId.parse", () => {
  const valid: readonly (readonly [text: string, trustDomain: string, path: string])[] = [
    ["spiffe://trustdomain", "trustdomain", ""],
    ["spiffe://trustdomain/path/element", "trustdomain", "/path/element"],
    ["spiffe://a", "a", ""],
    ["spiffe://a_b.example/foo", "a_b.example", "/foo"],
    ["spiffe://1.2.3.4/service", "1.2.3.4", "/service"],
    ["spiffe://example..org/p", "example..org", "/p"],
    ["spiffe://.example.org/p", ".example.org", "/p"],
    ["spiffe://-example.org/p", "-example.org", "/p"],
    ["spiffe://td/PATH1/Path_2/a.b-c", "td", "/PATH1/Path_2/a.b-c"],
    ["spiffe://td/.path", "td", "/.path"],
    ["spiffe://td/..path", "td", "/..path"],
    ["spiffe://td/...", "td", "/..."],
  ];
  for (const [text, trustDomain, path] of valid) {
    test(`accepts ${text}`, () => {
      const id = SpiffeId.parse(text);
      assert.equal(id.trustDomain.name, trustDomain);
      assert.equal(id.path, path);
      assert.equal(id.toString(), text);
      assert.equal(`${id}`, text);
      assert.equal(JSON.stringify({ id }), JSON.stringify({ id: text }));
    });
  }

  const invalid: readonly (readonly [text: string, error: readonly [string, string]])[] = [
    ["", EMPTY],
    ["s", SCHEME],
    ["spiffe:/", SCHEME],
    ["spiffe:path", SCHEME],
    ["spiffe:/td/path", SCHEME],
    ["xspiffe://td/p", SCHEME],
    [" spiffe://td/p", SCHEME],
    ["http://td/p", SCHEME],
    ["192.168.2.2:6688", SCHEME],
    ["Spiffe://td/p", SCHEME],
    ["SPIFFE://td/p", SCHEME],
    ["spiffe://", NO_DOMAIN],
    ["spiffe:///", NO_DOMAIN],
    ["spiffe:///path", NO_DOMAIN],
    ["spiffe://Example.org/p", DOMAIN],
    ["spiffe://td:8080/p", DOMAIN],
    ["spiffe://u@td/p", DOMAIN],
    ["spiffe://u:p@td/p", DOMAIN],
    ["spiffe://[::1]/s", DOMAIN],
    ["spiffe://trust$domain", DOMAIN],
    ["spiffe://%62%61%64/path", DOMAIN],
    ["spiffe://td?query=1", DOMAIN],
    ["spiffe://td#f", DOMAIN],
    ["spiffe://t\u0131d/p", DOMAIN],
    ["spiffe://td/p?x=1", PATH],
    ["spiffe://td/p#f", PATH],
    ["spiffe://td/a!b", PATH],
    ["spiffe://td/foo;bar", PATH],
    ["spiffe://td/foo:bar", PATH],
    ["spiffe://td/foo bar", PATH],
    ["spiffe://td/%61pi", PATH],
    ["spiffe://td/foo%2Fbar", PATH],
    ["spiffe://td/sa/admin\u0000/evil", PATH],
    ["spiffe://td/", TRAILING],
    ["spiffe://td/path/", TRAILING],
    ["spiffe://td//", EMPTY_SEGMENT],
    ["spiffe://td//path", EMPTY_SEGMENT],
    ["spiffe://td/path//", EMPTY_SEGMENT],
    ["spiffe://td/.", DOT],
    ["spiffe://td/./p", DOT],
    ["spiffe://td/p/./o", DOT],
    ["spiffe://td/p/..", DOT],
    ["spiffe://td/..", DOT],
    ["spiffe://td/../p", DOT],
    // The first fault in go-spiffe's order is told, whatever follows.
    ["spiffe://Td//", DOMAIN],
    ["spiffe://td/./!", DOT],
    ["spiffe://td/!/./", PATH],
  ];
  for (const [text, error] of invalid) {
    test(`refuses ${JSON.stringify(text)}`, () => throwsCoded(() => SpiffeId.parse(text), error));
  }

  test("takes every byte of the two alphabets, and no other, in trust domain and path", () => {
    for (let code = 0; code < 256; code++) {
      const character = String.fromCharCode(code);
      const inDomain = /^[a-z0-9._-]$/.test(character);
      const inPath = /^[a-zA-Z0-9._-]$/.test(character);
      if (character !== "/") {
        const domain = (): SpiffeId => SpiffeId.parse(`spiffe://td${character}x/path`);
        if (inDomain) assert.equal(domain().trustDomain.name, `td${character}x`);
        else throwsCoded(domain, DOMAIN, `trust domain ${code}`);
        const path = (): SpiffeId => SpiffeId.parse(`spiffe://td/path${character}x`);
        if (inPath) assert.equal(path().path, `/path${character}x`);
        else throwsCoded(path, PATH, `path ${code}`);
      }
    }
  });

  test("supports 2048 bytes and refuses 2049", () => {
    const longest = `spiffe://td/${"a".repeat(2048 - "spiffe://td/".length)}`;
    assert.equal(SpiffeId.parse(longest).toString().length, 2048);
    throwsCoded(() => SpiffeId.parse(`${longest}a`), LONG);
    throwsCoded(() => SpiffeId.fromSegments(TrustDomain.parse("td"), "a".repeat(2037)), LONG);
  });

  test("supports trust domains of 255 bytes and refuses 256", () => {
    assert.equal(SpiffeId.parse(`spiffe://${"a".repeat(255)}/p`).trustDomain.name.length, 255);
    throwsCoded(() => SpiffeId.parse(`spiffe://${"a".repeat(256)}/p`), LONG);
    throwsCoded(() => TrustDomain.parse("a".repeat(256)), LONG);
  });

  test("normalizes scheme and trust domain only when asked, and never the path", () => {
    const id = SpiffeId.parse("SpIfFe://TrUsT/WorkLoad", { normalize: true });
    assert.equal(id.toString(), "spiffe://trust/WorkLoad");
    // U+212A (Kelvin sign) lower-cases to "k" in Unicode.
    throwsCoded(() => SpiffeId.parse("spiffe://\u212a/p", { normalize: true }), DOMAIN);
  });
});

describe("SpiffeId.fromSegments and fromPath", () => {
  const td = TrustDomain.parse("td");

  test("join and split segments", () => {
    const id = SpiffeId.fromSegments(td, "ns", "foo", "sa", "web");
    assert.equal(id.toString(), "spiffe://td/ns/foo/sa/web");
    assert.deepEqual(id.pathSegments, ["ns", "foo", "sa", "web"]);
    assert.deepEqual(td.id().pathSegments, []);
    assert.equal(SpiffeId.fromSegments(td).toString(), "spiffe://td");
    assert.equal(SpiffeId.fromPath(td, "/a/b").toString(), "spiffe://td/a/b");
  });

  test("refuse segments that would change the path", () => {
    throwsCoded(() => SpiffeId.fromSegments(td, ""), EMPTY_SEGMENT);
    for (const segment of ["/", "/foo", "foo/", "ele%5ment", "a b"]) {
      throwsCoded(() => SpiffeId.fromSegments(td, segment), PATH);
    }
    for (const segment of [".", ".."]) throwsCoded(() => SpiffeId.fromSegments(td, segment), DOT);
    throwsCoded(() => SpiffeId.fromPath(td, "foo"), LEADING);
    throwsCoded(() => SpiffeId.fromPath(td, "/foo/"), TRAILING);
  });
});

describe("TrustDomain", () => {
  test("reads a name or the domain of an ID", () => {
    assert.equal(TrustDomain.parse("cluster.local").name, "cluster.local");
    assert.equal(TrustDomain.parse("spiffe://cluster.local/ns/a").name, "cluster.local");
    assert.equal(TrustDomain.parse("Cluster.Local", { normalize: true }).name, "cluster.local");
  });

  test("refuses what is no name", () => {
    throwsCoded(() => TrustDomain.parse(""), NO_DOMAIN);
    throwsCoded(() => TrustDomain.parse("Cluster.local"), DOMAIN);
    throwsCoded(() => TrustDomain.parse("a/b"), DOMAIN);
    throwsCoded(() => TrustDomain.parse("http://a"), SCHEME);
  });

  test("compares by value", () => {
    const id = SpiffeId.parse("spiffe://a/p");
    assert.ok(id.equals(SpiffeId.parse("spiffe://a/p")));
    assert.ok(!id.equals(SpiffeId.parse("spiffe://a/P")));
    assert.ok(id.memberOf(TrustDomain.parse("a")));
    assert.ok(!id.memberOf(TrustDomain.parse("a.")));
    assert.equal(String(TrustDomain.parse("a").id()), "spiffe://a");
  });
});
