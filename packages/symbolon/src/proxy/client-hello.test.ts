import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { captureClientHello } from "../../../../test/fakes/proxy-fixture.ts";
import { inspectFirstBytes } from "./client-hello.ts";

/** Of this runtime's own client: TLS 1.3 with the hybrid post-quantum group, and a plain TLS 1.2 one. */
const HYBRID = await captureClientHello({ ALPNProtocols: ["istio", "h2"] });
const TLS_1_2 = await captureClientHello({ ALPNProtocols: ["istio", "h2"], maxVersion: "TLSv1.2" });
const WITHOUT_ALPN = await captureClientHello();
/** `openssl s_client -alpn istio-http/1.1,istio -servername a.foo` of OpenSSL 3.0 (X25519 and P-256 only). */
const OPENSSL = Buffer.from(
  [
    "160301014d010001490303662c4cbf30ee4ea19ccf9ea0e784254ea48e339b149731fe7d22c898bbca034620632c30911e8bdbbd2b",
    "bed3a42f38cc49dfe66cb7f572320bf3bd4b12549c00d6003e130213031301c02cc030009fcca9cca8ccaac02bc02f009ec024c028",
    "006bc023c0270067c00ac0140039c009c0130033009d009c003d003c0035002f00ff010000c20000000a0008000005612e666f6f00",
    "0b000403000102000a00160014001d0017001e0019001801000101010201030104002300000010001700150e697374696f2d687474",
    "702f312e3105697374696f0016000000170000000d002a0028040305030603080708080809080a080b080408050806040105010601",
    "030303010302040205020602002b0009080304030303020301002d00020101003300260024001d0020b93689e995a8d53cb953ebda",
    "0b5aef2a3ce343a68c4af1d78c55eb47dd40d725",
  ].join(""),
  "hex",
);

describe("a ClientHello", () => {
  test("is recognised with the protocols that it offers, in their order", () => {
    for (const hello of [HYBRID, TLS_1_2])
      expect(inspectFirstBytes(hello)).toEqual({ kind: "client_hello", alpn: ["istio", "h2"] });
    expect(inspectFirstBytes(OPENSSL)).toEqual({
      kind: "client_hello",
      alpn: ["istio-http/1.1", "istio"],
      sni: "a.foo",
    });
  });

  test("without ALPN offers none", () => {
    expect(inspectFirstBytes(WITHOUT_ALPN)).toEqual({ kind: "client_hello", alpn: [] });
  });

  test("names the server that it wants, and a name that is none is none", () => {
    const at = OPENSSL.indexOf("a.foo");
    const changed = (offset: number, value: number) => {
      const bytes = Buffer.from(OPENSSL);
      bytes[at + offset] = value;
      return inspectFirstBytes(bytes);
    };
    // Type of the name, length of the name, length of the list.
    for (const [offset, value] of [
      [-3, 1],
      [-1, 4],
      [-1, 6],
      [-4, 9],
    ] as const)
      expect(changed(offset, value)).toEqual({
        kind: "client_hello",
        alpn: ["istio-http/1.1", "istio"],
        sniUnreadable: true,
      });
    expect(changed(0, "A".charCodeAt(0))).toMatchObject({ sni: "a.foo" });
    expect(changed(4, ".".charCodeAt(0))).toMatchObject({ sni: "a.fo" });
    expect(changed(0, 10)).toMatchObject({ sni: "\n.foo" });
  });

  test("of the hybrid group has more than one segment's worth of bytes, and is well below the limit", () => {
    expect(HYBRID.length).toBeGreaterThan(1400);
    expect(HYBRID.length).toBeLessThan(2000);
  });

  test("cut anywhere is incomplete: never plaintext, never a decision", () => {
    for (const hello of [HYBRID, TLS_1_2, WITHOUT_ALPN, OPENSSL])
      for (let length = 0; length < hello.length; length++)
        expect(inspectFirstBytes(hello.subarray(0, length)).kind).toBe("incomplete");
  });

  test("may be followed by other bytes, of early data or of another record", () => {
    for (const tail of [[0], [22, 3, 3, 0, 1, 0], [23, 3, 3, 0, 1, 0], [20, 3, 3, 0, 1, 1]])
      expect(inspectFirstBytes(Buffer.concat([TLS_1_2, Buffer.from(tail)]))).toEqual({
        kind: "client_hello",
        alpn: ["istio", "h2"],
      });
  });

  test("may be spread over any number of TLS records", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 30 }), (sizes) => {
        expect(inspectFirstBytes(inRecords(HYBRID.subarray(5), sizes))).toEqual({
          kind: "client_hello",
          alpn: ["istio", "h2"],
        });
      }),
    );
  });
});

describe("other first bytes", () => {
  test("of plaintext protocols are not TLS, from the first byte on", () => {
    for (const text of ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "SSH-2.0-x\r\n", "\0\0\0\x08\x04\xd2\x16\x2f", "x"])
      for (const bytes of [text, text.slice(0, 1)]) expect(inspectFirstBytes(Buffer.from(bytes)).kind).toBe("not_tls");
  });

  test("nearest misses: another record type, another major version, another handshake message, an empty record", () => {
    const changed = (at: number, value: number) => {
      const bytes = Buffer.from(TLS_1_2);
      bytes[at] = value;
      return bytes;
    };
    for (const type of [20, 21, 23, 24, 0x80]) expect(inspectFirstBytes(changed(0, type)).kind).toBe("not_tls");
    for (const major of [0, 2, 4]) expect(inspectFirstBytes(changed(1, major)).kind).toBe("not_tls");
    for (const message of [0, 2, 4]) expect(inspectFirstBytes(changed(5, message)).kind).toBe("not_tls");
    expect(inspectFirstBytes(Buffer.from([22, 3, 1, 0, 0])).kind).toBe("not_tls");
  });

  test("a record of 16 KiB is the largest; one byte more is not TLS", () => {
    expect(inspectFirstBytes(Buffer.from([22, 3, 1, 0x40, 0, 1])).kind).toBe("incomplete");
    expect(inspectFirstBytes(Buffer.from([22, 3, 1, 0x40, 1, 1])).kind).toBe("not_tls");
  });

  test("another record in the middle of the hello is not TLS, unless the hello is whole before it", () => {
    const half = inRecords(HYBRID.subarray(5, 300), [295]);
    // What is there so far is a beginning, and what follows can never complete it.
    expect(inspectFirstBytes(Buffer.concat([half, Buffer.from([23, 3, 3, 0, 1, 0])])).kind).not.toBe("client_hello");
  });

  test("lists whose lengths do not fit are not a ClientHello", () => {
    const at = TLS_1_2.indexOf("istio") - 3;
    // ALPN: the list's length, then one of a name's.
    for (const [offset, value] of [
      [1, 200],
      [1, 0],
      [2, 0],
      [2, 9],
    ] as const) {
      const bytes = Buffer.from(TLS_1_2);
      bytes[at + offset] = value;
      expect({ offset, value, kind: inspectFirstBytes(bytes).kind }).toEqual({ offset, value, kind: "not_tls" });
    }
  });
});

describe("whatever comes", () => {
  test("random bytes behind a handshake header never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(["not_tls", "incomplete", "client_hello"]).toContain(
          inspectFirstBytes(Buffer.concat([Buffer.from([22, 3, 1]), bytes])).kind,
        );
      }),
    );
  });

  test("one changed byte of a ClientHello never throws, and never invents a protocol name that is not in the bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: HYBRID.length - 1 }), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const bytes = Buffer.from(HYBRID);
        bytes[at] = value;
        const first = inspectFirstBytes(bytes);
        if (first.kind !== "client_hello") return;
        for (const name of first.alpn) expect(bytes.includes(Buffer.from(name, "latin1"))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

/** The same handshake bytes in records of these sizes, the last one repeated as long as needed. */
function inRecords(handshake: Uint8Array, sizes: readonly number[]): Buffer {
  const records: Uint8Array[] = [];
  for (let at = 0, index = 0; at < handshake.length; index++) {
    const part = handshake.subarray(at, at + (sizes[Math.min(index, sizes.length - 1)] ?? 1));
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
    at += part.length;
  }
  return Buffer.concat(records);
}

test("what comes after a whole ClientHello decides nothing: the verdict is the same however the bytes are cut", () => {
  for (const rest of ["16ff", "1603030000", "15030100020128", "1603ff0001", "474554"])
    expect(inspectFirstBytes(Buffer.concat([OPENSSL, Buffer.from(rest, "hex")]))).toEqual(inspectFirstBytes(OPENSSL));
});
