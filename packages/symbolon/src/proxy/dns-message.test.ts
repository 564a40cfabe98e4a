import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { dnsQuery as query } from "../../../../test/fakes/dns-query.ts";
import {
  encodeError,
  encodeResponse,
  FORMAT_ERROR,
  NAME_ERROR,
  NO_ERROR,
  NOT_IMPLEMENTED,
  parseQuery,
  REFUSED,
} from "./dns-message.ts";

function questionOf(bytes: Uint8Array) {
  const parsed = parseQuery(bytes);
  if (parsed.kind !== "question") throw new Error(`not a question: ${JSON.stringify(parsed)}`);
  return parsed.question;
}

const codeOf = (bytes: Uint8Array) => {
  const parsed = parseQuery(bytes);
  return parsed.kind === "unusable" ? parsed.responseCode : parsed.kind;
};

describe("a query", () => {
  test("is read with its name in lower case, and its question as it was spelt", () => {
    const bytes = query("HttpBin.Foo.svc");
    expect(questionOf(bytes)).toEqual({
      id: 0x1234,
      name: "httpbin.foo.svc",
      type: 1,
      recursionDesired: true,
      section: bytes.subarray(12),
      maxUdpBytes: 512,
    });
  });

  test("says how long an answer over UDP may be, within 512 and 4096", () => {
    for (const [edns, wanted] of [
      [undefined, 512],
      [100, 512],
      [1232, 1232],
      [65_535, 4096],
    ] as const)
      expect(questionOf(query("a.b", edns === undefined ? {} : { edns })).maxUdpBytes).toBe(wanted);
  });

  test("of less than a header, or an answer, gets no answer: two servers would talk for ever", () => {
    expect(parseQuery(query("a").subarray(0, 11))).toEqual({ kind: "ignored" });
    expect(parseQuery(query("a", { flags: 0x8180 }))).toEqual({ kind: "ignored" });
    expect(parseQuery(new Uint8Array())).toEqual({ kind: "ignored" });
  });

  test("of another kind is not implemented; of another class is refused", () => {
    for (const opcode of [1, 2, 4, 5, 15]) expect(codeOf(query("a", { flags: opcode << 11 }))).toBe(NOT_IMPLEMENTED);
    for (const dnsClass of [0, 3, 4, 255]) expect(codeOf(query("a", { class: dnsClass }))).toBe(REFUSED);
  });

  test("with no question, or with two, is malformed", () => {
    for (const count of [0, 2, 65_535]) {
      const bytes = query("a");
      bytes.writeUInt16BE(count, 4);
      expect(codeOf(bytes)).toBe(FORMAT_ERROR);
    }
  });

  test("cut anywhere behind its header is malformed", () => {
    const bytes = query("httpbin.foo");
    for (let length = 12; length < bytes.length; length++) expect(codeOf(bytes.subarray(0, length))).toBe(FORMAT_ERROR);
  });

  test("with a compressed name is malformed, a pointer to itself included", () => {
    const bytes = query("abc");
    for (const pointer of [0xc00c, 0xc000, 0xffff, 0x8003, 0x4001]) {
      bytes.writeUInt16BE(pointer, 12);
      expect(codeOf(bytes)).toBe(FORMAT_ERROR);
    }
  });

  test("a label has 63 bytes at most, a name 255 with its lengths (RFC 1035 §3.1)", () => {
    const label = (length: number) => Buffer.alloc(length, "a");
    expect(questionOf(query("", { labels: [label(63)] })).name.length).toBe(63);
    expect(codeOf(query("", { labels: [label(64)] }))).toBe(FORMAT_ERROR);
    const nearly = [label(63), label(63), label(63)];
    expect(questionOf(query("", { labels: [...nearly, label(61)] })).name.length).toBe(253);
    expect(codeOf(query("", { labels: [...nearly, label(62)] }))).toBe(FORMAT_ERROR);
  });

  test("with a dot inside a label is malformed: it would read as another name", () => {
    expect(codeOf(query("", { labels: [Buffer.from("httpbin.foo")] }))).toBe(FORMAT_ERROR);
  });
});

describe("an answer", () => {
  const bytes = query("HTTPBIN.foo");
  const question = questionOf(bytes);

  test("repeats the question, and has its addresses", () => {
    const answer = Buffer.from(
      encodeResponse(question, { responseCode: NO_ERROR, addresses: ["10.0.0.1", "10.0.0.255"], ttlSeconds: 5 }, 512),
    );
    expect(answer.subarray(0, 12).toString("hex")).toBe("1234" + "8580" + "0001" + "0002" + "0000" + "0000");
    expect(answer.subarray(12, bytes.length).equals(bytes.subarray(12))).toBe(true);
    expect(answer.subarray(bytes.length).toString("hex")).toBe(
      "c00c0001000100000005" + "0004" + "0a000001" + "c00c0001000100000005" + "0004" + "0a0000ff",
    );
  });

  test("without records says so with the zone's SOA (RFC 2308)", () => {
    const answer = Buffer.from(
      encodeResponse(question, { responseCode: NAME_ERROR, zone: "cluster.local", ttlSeconds: 5 }, 512),
    );
    expect(answer.readUInt16BE(2) & 15).toBe(NAME_ERROR);
    expect([answer.readUInt16BE(6), answer.readUInt16BE(8)]).toEqual([0, 1]);
    expect(answer.includes(Buffer.from("\x07cluster\x05local\0\0\x06\0\x01"))).toBe(true);
  });

  test("has what fits; one address more than fits makes the client come again over TCP", () => {
    const addresses = Array.from({ length: 40 }, (_, index) => `10.0.0.${index}`);
    const fixed = bytes.length;
    const exact = fixed + 16 * 3;
    for (const [limit, count] of [
      [exact, 3],
      [exact - 1, 2],
      [fixed, 0],
      [0, 0],
    ] as const) {
      const answer = Buffer.from(encodeResponse(question, { responseCode: NO_ERROR, addresses, ttlSeconds: 5 }, limit));
      expect([answer.readUInt16BE(6), answer.readUInt16BE(2) & 0x0200]).toEqual([count, 0x0200]);
    }
    const whole = Buffer.from(encodeResponse(question, { responseCode: NO_ERROR, addresses, ttlSeconds: 5 }, 65_535));
    expect([whole.readUInt16BE(6), whole.readUInt16BE(2) & 0x0200]).toEqual([40, 0]);
  });

  test("to what is malformed is a bare header", () => {
    expect(Buffer.from(encodeError(0x1234, FORMAT_ERROR)).toString("hex")).toBe("123480010000000000000000");
  });
});

describe("whatever comes", () => {
  test("random bytes, and queries with one byte changed, never throw", () => {
    const good = query("httpbin.foo.svc.cluster.local", { edns: 1232 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseQuery(bytes)));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, value) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        const parsed = parseQuery(bytes);
        if (parsed.kind === "question")
          encodeResponse(parsed.question, { responseCode: NO_ERROR, addresses: ["10.0.0.1"], ttlSeconds: 5 }, 512);
      }),
    );
  });
});
