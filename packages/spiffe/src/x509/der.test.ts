import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isSymbolonError } from "../core/index.ts";
import { contentsOf, DerReader, MAX_DER_BYTES, readSingle, TAG } from "./der.ts";
import {
  booleanValue,
  integerValue,
  namedBits,
  octetAlignedBits,
  oidValue,
  smallIntegerValue,
  timeValue,
} from "./der-values.ts";
import {
  encodeBitString,
  encodeBoolean,
  encodeElement,
  encodeInteger,
  encodeNamedBits,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeTime,
} from "./der-writer.ts";

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const element = (hex: string) => new DerReader(bytes(hex)).next();

function throwsCode(action: () => unknown, code: string, about = ""): void {
  assert.throws(action, (error) => isSymbolonError(error) && error.code === code, about);
}

describe("DerReader", () => {
  test("reads nested elements", () => {
    const fields = contentsOf(readSingle(bytes("30 06 02 01 05 01 01 ff"), TAG.sequence));
    assert.equal(integerValue(fields.read(TAG.integer)), 5n);
    assert.equal(fields.readOptional(TAG.integer), undefined);
    assert.equal(booleanValue(fields.read(TAG.boolean)), true);
    fields.finish();
  });

  test("refuses every encoding but the distinguished one", () => {
    const table: readonly (readonly [hex: string, why: string])[] = [
      ["", "nothing"],
      ["30", "no length"],
      ["30 01", "contents cut short"],
      ["30 80 00 00", "indefinite length"],
      ["30 81 01 00", "long form of a short length"],
      ["30 82 00 80", "leading zero in the length"],
      ["30 81", "length cut short"],
      ["30 85 00 00 00 00 01 00", "length of five octets"],
      ["30 84 ff ff ff ff", "length past the end"],
      ["1f 81 01 00", "high tag number"],
    ];
    for (const [hex, why] of table) throwsCode(() => new DerReader(bytes(hex)).next(), "ERR_DER_MALFORMED", why);
  });

  test("an element ends with the one around it, whatever follows there", () => {
    const table: readonly (readonly [hex: string, why: string])[] = [
      ["30 00 05 00", "no element"],
      ["30 01 02 01 05", "length outside"],
      ["30 03 02 02 01 05", "contents outside"],
      ["30 02 02 81 80", "octets of the length outside"],
    ];
    for (const [hex, why] of table) {
      const inner = new DerReader(bytes(hex)).readSequence();
      throwsCode(() => inner.next(), "ERR_DER_MALFORMED", why);
    }
    const empty = new DerReader(bytes("30 00 05 00")).readSequence();
    assert.equal(empty.atEnd, true);
    assert.equal(empty.peekTag(), undefined);
  });

  test("refuses trailing bytes, other tags, depth and size", () => {
    throwsCode(() => readSingle(bytes("30 00 00"), TAG.sequence), "ERR_DER_TRAILING_BYTES");
    throwsCode(() => readSingle(bytes("31 00"), TAG.sequence), "ERR_DER_UNEXPECTED_TAG");
    throwsCode(() => new DerReader(bytes("")).read(TAG.null), "ERR_DER_UNEXPECTED_TAG");
    throwsCode(() => readSingle(new Uint8Array(MAX_DER_BYTES + 1), TAG.sequence), "ERR_DER_TOO_LARGE");
    let nested = bytes("05 00");
    for (let i = 0; i < 100; i++) nested = encodeSequence(nested);
    const descend = (reader: DerReader): void => {
      if (reader.peekTag() === TAG.sequence) descend(reader.readSequence());
    };
    throwsCode(() => descend(new DerReader(nested)), "ERR_DER_TOO_DEEP");
  });
});

describe("values", () => {
  test("integers round trip and have one encoding", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }), (value) => {
        assert.equal(integerValue(new DerReader(encodeInteger(value)).next()), value);
      }),
    );
    for (const value of [0n, 127n, 128n, 255n, 256n, -1n, -128n, -129n]) {
      assert.equal(integerValue(new DerReader(encodeInteger(value)).next()), value);
    }
    for (const hex of ["02 00", "02 02 00 7f", "02 02 ff 80"])
      throwsCode(() => integerValue(element(hex)), "ERR_DER_MALFORMED", hex);
    throwsCode(
      () => integerValue(new DerReader(encodeElement(TAG.integer, new Uint8Array(5000).fill(1))).next()),
      "ERR_DER_MALFORMED",
    );
    throwsCode(() => smallIntegerValue(element("02 01 ff")), "ERR_DER_MALFORMED");
    throwsCode(() => smallIntegerValue(element("02 05 01 00 00 00 00")), "ERR_DER_MALFORMED");
    assert.equal(smallIntegerValue(element("02 04 7f ff ff ff")), 2 ** 31 - 1);
  });

  test("booleans are 00 or ff", () => {
    assert.equal(booleanValue(new DerReader(encodeBoolean(false)).next()), false);
    for (const hex of ["01 01 01", "01 00", "01 02 ff ff"])
      throwsCode(() => booleanValue(element(hex)), "ERR_DER_MALFORMED", hex);
  });

  test("object identifiers round trip", () => {
    for (const oid of [
      "2.5.29.17",
      "1.2.840.113549.1.1.11",
      "0.9.2342.19200300.100.1.25",
      "2.999.1",
      "1.39.1",
      "2.5.268435455",
      "2.5.268435456",
      `2.5.${2n ** 64n}`,
      `2.${2n ** 64n}.0`,
    ]) {
      assert.equal(oidValue(new DerReader(encodeOid(oid)).next()), oid);
    }
    for (const hex of ["06 00", "06 01 80", "06 02 55 80", "06 03 55 80 01"]) {
      throwsCode(() => oidValue(element(hex)), "ERR_DER_MALFORMED", hex);
    }
  });

  test("bit strings", () => {
    assert.deepEqual(octetAlignedBits(new DerReader(encodeBitString(bytes("aa bb"))).next()), bytes("aa bb"));
    for (const hex of ["03 00", "03 02 01 aa"])
      throwsCode(() => octetAlignedBits(element(hex)), "ERR_DER_MALFORMED", hex);
    for (const positions of [[], [0], [5, 6], [0, 2, 8], [7]]) {
      assert.deepEqual([...namedBits(new DerReader(encodeNamedBits(positions)).next())], positions);
    }
    // Zero bits at the end, unused bits that are set, more unused bits than there are, too many octets.
    for (const hex of [
      "03 00",
      "03 02 00 80",
      "03 02 01 81",
      "03 02 08 80",
      "03 01 01",
      "03 03 00 80 00",
      "03 0a 00 01 01 01 01 01 01 01 01 01",
    ]) {
      throwsCode(() => namedBits(element(hex)), "ERR_DER_MALFORMED", hex);
    }
  });

  test("times round trip to the second, in the form that RFC 5280 wants for the year", () => {
    const min = new Date("1950-01-01T00:00:00Z");
    const max = new Date("9999-12-31T23:59:59Z");
    fc.assert(
      fc.property(fc.date({ min, max, noInvalidDate: true }), (date) => {
        const encoded = new DerReader(encodeTime(date)).next();
        assert.equal(timeValue(encoded).getTime(), Math.floor(date.getTime() / 1000) * 1000);
        assert.equal(encoded.tag, date.getUTCFullYear() < 2050 ? TAG.utcTime : TAG.generalizedTime);
      }),
    );
    const ascii = (tag: number, text: string) =>
      new DerReader(encodeElement(tag, new TextEncoder().encode(text))).next();
    assert.equal(timeValue(ascii(TAG.utcTime, "491231235959Z")).toISOString(), "2049-12-31T23:59:59.000Z");
    assert.equal(timeValue(ascii(TAG.utcTime, "500101000000Z")).toISOString(), "1950-01-01T00:00:00.000Z");
    for (const text of [
      "4912312359Z",
      "491231235959",
      "491231235959+0100",
      "491331235959Z",
      "490230000000Z",
      "491231240000Z",
      "491231236000Z",
      "491231235960Z",
      "4912312359 9Z",
    ]) {
      throwsCode(() => timeValue(ascii(TAG.utcTime, text)), "ERR_DER_MALFORMED", text);
    }
    throwsCode(() => timeValue(ascii(TAG.generalizedTime, "20500101000000.5Z")), "ERR_DER_MALFORMED");
    throwsCode(() => timeValue(ascii(TAG.ia5String, "491231235959Z")), "ERR_DER_MALFORMED");
  });

  test("SET OF is sorted by encoding", () => {
    const set = encodeSetOf([encodeInteger(3n), encodeInteger(300n), encodeInteger(1n)]);
    assert.deepEqual(set, bytes("31 0a 02 01 01 02 01 03 02 02 01 2c"));
  });
});
