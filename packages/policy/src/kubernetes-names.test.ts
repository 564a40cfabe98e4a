import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Check } from "./document/index.ts";
import {
  checkDns1035Label,
  checkDns1123Label,
  checkDns1123Subdomain,
  checkLabelValue,
  checkPortName,
  checkQualifiedName,
} from "./kubernetes-names.ts";

const accepts = (check: Check<string>, ...values: readonly string[]) => {
  for (const value of values) assert.equal(check(value), undefined, JSON.stringify(value));
};
const refuses = (check: Check<string>, rule: RegExp, ...values: readonly string[]) => {
  for (const value of values) assert.match(check(value) ?? "accepted", rule, JSON.stringify(value));
};

/** What a name must never hold, whatever its rule: separators of paths, of SPIFFE IDs, of lines, of the shell. */
const HOSTILE = ["a/b", "a%2fb", "a b", "a\n", "a\0", "ä", "a\u2028", "..", "a_b/", "-a", "a-", "a:b"];

describe("RFC 1123 label", () => {
  test("takes 1 to 63 lower-case letters, digits and inner hyphens", () => {
    accepts(checkDns1123Label, "a", "0", "my-name", "a--b", "123", "x".repeat(63));
  });

  test("refuses the empty label, 64 characters, capitals, dots and hyphens at the ends", () => {
    refuses(checkDns1123Label, /no more than 63 characters/, "x".repeat(64));
    refuses(checkDns1123Label, /a lowercase RFC 1123 label must/, "", "A", "a.b", ...HOSTILE);
  });
});

describe("RFC 1123 subdomain", () => {
  test("takes labels with dots up to 253 characters", () => {
    accepts(checkDns1123Subdomain, "a", "a.b", "0.1", `${"x".repeat(251)}.y`);
  });

  test("refuses empty parts and 254 characters", () => {
    refuses(checkDns1123Subdomain, /no more than 253/, "x".repeat(254));
    refuses(checkDns1123Subdomain, /RFC 1123 subdomain/, "", ".", "a.", ".a", "a..b", "a.-b", ...HOSTILE);
  });
});

describe("RFC 1035 label", () => {
  test("starts with a letter", () => {
    accepts(checkDns1035Label, "a", "a1", "my-svc", "x".repeat(63));
    refuses(checkDns1035Label, /DNS-1035 label/, "1a", "", "a.b", ...HOSTILE);
    refuses(checkDns1035Label, /no more than 63/, "x".repeat(64));
  });
});

describe("qualified name", () => {
  test("takes a name with an optional DNS prefix", () => {
    accepts(checkQualifiedName, "a", "A_b.c-d", "app.kubernetes.io/name", `p.q/${"n".repeat(63)}`, "0");
  });

  test("says which part is wrong", () => {
    refuses(checkQualifiedName, /^prefix part must be non-empty/, "/name");
    refuses(checkQualifiedName, /^name part must be non-empty/, "prefix/", "");
    refuses(checkQualifiedName, /^name part must be no more than 63/, "n".repeat(64), `p/${"n".repeat(64)}`);
    refuses(checkQualifiedName, /^prefix part a lowercase RFC 1123 subdomain/, "Prefix/name", "a_b/c");
    refuses(checkQualifiedName, /with an optional DNS subdomain prefix and '\/'/, "a/b/c");
    refuses(checkQualifiedName, /^name part must consist/, "_a", "a_", "a b", "a\n", "*");
  });
});

describe("label value", () => {
  test("may be empty and has at most 63 characters", () => {
    accepts(checkLabelValue, "", "v1", "a_b.c-D", "v".repeat(63));
    refuses(checkLabelValue, /no more than 63/, "v".repeat(64));
    refuses(checkLabelValue, /a valid label must/, "a b", "-a", "a.", "a/b", "*", "a\n");
  });
});

describe("port name", () => {
  test("follows RFC 6335", () => {
    accepts(checkPortName, "http", "a", "http-2", "p".repeat(15));
    refuses(checkPortName, /no more than 15/, "p".repeat(16));
    refuses(checkPortName, /only alpha-numeric/, "", "HTTP", "a.b", "a\n");
    refuses(checkPortName, /at least one letter/, "80", "1-2");
    refuses(checkPortName, /consecutive hyphens/, "a--b");
    refuses(checkPortName, /begin or end with a hyphen/, "-a", "a-");
  });
});
