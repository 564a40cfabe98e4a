/** RFC 5280 §4.2.1.10, form by form: what is permitted, what is not, and the nearest miss. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { contentsOf, contextConstructed, contextPrimitive, readSingle, TAG } from "./der.ts";
import { asciiBytes, encodeElement, encodeInteger, encodeOid, encodeSequence } from "./der-writer.ts";
import { parseGeneralNames } from "./general-names.ts";
import { encodeName, type NameAttribute, parseName } from "./name.ts";
import { nameConstraintViolation, parseNameConstraints } from "./name-constraints.ts";
import { OID } from "./oid.ts";

const text = (tag: number) => (value: string) => encodeElement(contextPrimitive(tag), asciiBytes(value));
const email = text(1);
const dns = text(2);
const uri = text(6);
const ip = (...octets: readonly number[]) => encodeElement(contextPrimitive(7), Uint8Array.from(octets));
const directory = (...attributes: readonly NameAttribute[]) =>
  encodeElement(contextConstructed(4), encodeName(attributes));
const registeredId = encodeElement(contextPrimitive(8), Uint8Array.of(0x2a, 0x03));
const otherName = encodeElement(
  contextConstructed(0),
  encodeOid("1.2.3"),
  encodeElement(contextConstructed(0), encodeInteger(1n)),
);
const organization = (value: string) => ({ oid: OID.organizationName, value });

interface Case {
  readonly permitted?: readonly Uint8Array[];
  readonly excluded?: readonly Uint8Array[];
  readonly names?: readonly Uint8Array[];
  readonly subject?: readonly NameAttribute[];
}

const subtrees = (tag: number, bases: readonly Uint8Array[] = []): readonly Uint8Array[] =>
  bases.length === 0 ? [] : [encodeElement(contextConstructed(tag), ...bases.map((base) => encodeSequence(base)))];

const parsed = (...parts: readonly Uint8Array[]) =>
  parseNameConstraints(contentsOf(readSingle(encodeSequence(...parts), TAG.sequence)));

function violation({ permitted, excluded, names = [], subject = [] }: Case, left = 1000): string | undefined {
  const san = names.length === 0 ? undefined : contentsOf(readSingle(encodeSequence(...names), TAG.sequence));
  return nameConstraintViolation(
    parsed(...subtrees(0, permitted), ...subtrees(1, excluded)),
    {
      subject: parseName(readSingle(encodeName(subject), TAG.sequence)),
      subjectAltName: san && parseGeneralNames(san),
    },
    { left },
  );
}

/** Bases that say the same of a name, permitted or excluded: it is within them, or it is not. */
const WITHIN: readonly (readonly [string, Uint8Array, readonly Uint8Array[], readonly Uint8Array[]])[] = [
  [
    "of a trust domain: that one alone",
    uri("td"),
    [uri("spiffe://td/web"), uri("spiffe://TD/web"), uri("spiffe://user@td:1/web")],
    [uri("spiffe://evil-td/web"), uri("spiffe://a.td/web"), uri("spiffe://td.evil/web"), uri("spiffe://td@evil/web")],
  ],
  [
    "of trust domains below one",
    uri(".td"),
    [uri("spiffe://a.td/web"), uri("spiffe://a.b.td/web")],
    [uri("spiffe://td/web"), uri("spiffe://atd/web")],
  ],
  ["of every trust domain", uri(""), [uri("spiffe://td/web")], []],
  [
    "of a DNS domain",
    dns("example.org"),
    [dns("example.org"), dns("a.EXAMPLE.org"), dns("*.example.org")],
    [dns("evil-example.org"), dns("org"), dns("example.org.evil")],
  ],
  [
    "of one mailbox",
    email("a@example.org"),
    [email("a@EXAMPLE.org")],
    [email("A@example.org"), email("b@example.org"), email("a@b.example.org")],
  ],
  ["of the mailboxes of a host", email("example.org"), [email("a@example.org")], [email("a@b.example.org")]],
  ["of the mailboxes below a host", email(".example.org"), [email("a@b.example.org")], [email("a@example.org")]],
  [
    "of IPv4 addresses",
    ip(10, 0, 0, 0, 255, 0, 0, 0),
    [ip(10, 1, 2, 3)],
    [ip(11, 0, 0, 0), ip(10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  ],
  [
    "of directory names",
    directory(organization("a")),
    [directory(organization("a")), directory(organization("a"), { oid: OID.commonName, value: "b" })],
    [directory(organization("b")), directory({ oid: OID.commonName, value: "b" }, organization("a"))],
  ],
];

describe("a constraint", () => {
  for (const [what, base, inside, outside] of WITHIN) {
    test(`${what}: permitted`, () => {
      for (const name of inside) assert.equal(violation({ permitted: [base], names: [name] }), undefined);
      for (const name of outside)
        assert.match(violation({ permitted: [base], names: [name] }) ?? "", /is not permitted$/);
    });
    test(`${what}: excluded`, () => {
      for (const name of inside) assert.match(violation({ excluded: [base], names: [name] }) ?? "", /is excluded$/);
      for (const name of outside) assert.equal(violation({ excluded: [base], names: [name] }), undefined);
    });
  }

  test("binds names of its own form alone", () => {
    assert.equal(violation({ permitted: [uri("td")], names: [dns("evil.example")] }), undefined);
    assert.equal(violation({ permitted: [dns("td")], names: [uri("spiffe://evil/web")] }), undefined);
  });

  test("holds for every name, not for one of them", () => {
    const names = [uri("spiffe://td/web"), uri("spiffe://evil/web")];
    assert.match(violation({ permitted: [uri("td")], names }) ?? "", /"spiffe:\/\/evil\/web" is not permitted/);
  });

  test("that excludes goes before one that permits", () => {
    const constraints = { permitted: [dns("example.org")], excluded: [dns("evil.example.org")] };
    assert.equal(violation({ ...constraints, names: [dns("a.example.org")] }), undefined);
    assert.match(violation({ ...constraints, names: [dns("a.evil.example.org")] }) ?? "", /is excluded$/);
  });

  test("that excludes a name meets the wildcard that stands for it (CVE-2025-61727)", () => {
    const excluded = [dns("evil.example.org")];
    assert.match(violation({ excluded, names: [dns("*.example.org")] }) ?? "", /is excluded$/);
    assert.equal(violation({ excluded, names: [dns("example.org")] }), undefined);
    assert.equal(violation({ excluded, names: [dns("*.good.example.org")] }), undefined);
    assert.match(violation({ permitted: excluded, names: [dns("*.example.org")] }) ?? "", /is not permitted$/);
  });

  test("refuses a name that cannot be compared with it", () => {
    for (const [base, name] of [
      [dns("evil.example"), dns("a..example")],
      [uri("evil"), uri("urn:td:web")],
      [email("evil.example"), email("no mailbox")],
      [email("evil.example"), email("a@b@evil.example")],
    ] as const)
      assert.match(violation({ excluded: [base], names: [name] }) ?? "", /cannot be compared with the constraints$/);
  });

  test("of a form that is not read refuses every name of that form, and no other", () => {
    for (const constraints of [{ permitted: [registeredId] }, { excluded: [registeredId] }]) {
      assert.match(violation({ ...constraints, names: [registeredId] }) ?? "", /other name "\[8\]"/);
      assert.equal(violation({ ...constraints, names: [otherName] }), undefined);
      assert.equal(violation({ ...constraints, names: [uri("spiffe://td/web")] }), undefined);
    }
  });

  test("binds the subject, and the mailbox in it when there is no other", () => {
    const subject = [organization("a"), { oid: OID.emailAddress, value: "a@evil.example" }];
    assert.match(violation({ excluded: [directory(organization("a"))], subject }) ?? "", /is excluded$/);
    const excluded = [email("evil.example")];
    assert.match(violation({ excluded, subject }) ?? "", /is excluded$/);
    assert.equal(violation({ excluded, subject, names: [email("a@good.example")] }), undefined);
  });

  test("is told when there are too many to compare", () => {
    assert.equal(violation({ permitted: [uri("td")], names: [uri("spiffe://td/web")] }, 1), "too many comparisons");
    assert.equal(violation({ permitted: [uri("td")], names: [uri("spiffe://td/web")] }, 2), undefined);
  });
});

describe("constraints are malformed", () => {
  const malformed = { code: /^ERR_DER_/ };
  const [permitted = new Uint8Array()] = subtrees(0, [uri("td")]);
  for (const [what, parts] of [
    ["without subtrees", []],
    ["with an empty list of subtrees", [encodeElement(contextConstructed(0))]],
    ["in the wrong order", [...subtrees(1, [uri("td")]), permitted]],
    [
      "with a minimum",
      [
        encodeElement(
          contextConstructed(0),
          encodeSequence(uri("td"), encodeElement(contextPrimitive(0), Uint8Array.of(1))),
        ),
      ],
    ],
    ["with a URI for a host", subtrees(0, [uri("spiffe://td")])],
    ["with a wildcard", subtrees(0, [dns("*.example.org")])],
    ["with a mailbox without name", subtrees(0, [email("@example.org")])],
    ["with an address and no mask", subtrees(0, [ip(10, 0, 0, 0)])],
    ["with a mask that is no prefix", subtrees(0, [ip(10, 0, 0, 0, 255, 0, 255, 0)])],
  ] as const)
    test(what, () => assert.throws(() => parsed(...parts), malformed));
});
