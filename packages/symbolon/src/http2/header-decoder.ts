import { DynamicTable, type Header, headerSize, STATIC_TABLE } from "./header-table.ts";
import { decodeHuffman } from "./huffman.ts";
import { ConnectionError, H2_ERROR } from "./protocol.ts";

/** The size of the table that a sender may use before it has been told otherwise (RFC 7541 §6.5.2 of RFC 9113). */
const TABLE_BYTES = 4096;
/** No length or index of ours needs more; a longer one is an attack. */
const MAX_INTEGER_OCTETS = 4;

export interface DecodedHeaders {
  readonly headers: readonly Header[];
  /** The list is longer than allowed: the rest was decoded, because it changes the table, and thrown away. */
  readonly isTooLarge: boolean;
}

/** Reads header blocks of one connection, one after the other, because each may build on those before (RFC 7541). */
export class HeaderDecoder {
  readonly #table = new DynamicTable(TABLE_BYTES);
  readonly #maxListBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** @param maxListBytes size of a whole list as RFC 9113 §6.5.2 counts it */
  constructor(maxListBytes: number) {
    this.#maxListBytes = maxListBytes;
  }

  /** @throws ConnectionError COMPRESSION_ERROR: afterwards nothing on the connection can be understood */
  decode(block: Buffer): DecodedHeaders {
    this.#bytes = block;
    this.#at = 0;
    const headers: Header[] = [];
    let size = 0;
    while (this.#at < block.length) {
      const header = this.#next(headers.length === 0 && size === 0);
      if (!header) continue;
      size += headerSize(header);
      if (size <= this.#maxListBytes) headers.push(header);
    }
    this.#bytes = Buffer.alloc(0);
    return { headers, isTooLarge: size > this.#maxListBytes };
  }

  /** One representation of RFC 7541 §6; undefined when it only changes the table's size. */
  #next(mayResize: boolean): Header | undefined {
    const first = this.#bytes[this.#at] ?? 0;
    if (first & 0x80) return this.#indexed(this.#integer(7));
    if (first & 0x40) {
      const header = this.#literal(6);
      this.#table.add(header);
      return header;
    }
    if ((first & 0x20) === 0) return this.#literal(4);
    const size = this.#integer(5);
    if (!mayResize) throw compressionError("table size changes inside of a block");
    if (size > TABLE_BYTES) throw compressionError("table larger than allowed");
    this.#table.resize(size);
    return undefined;
  }

  #literal(prefixBits: number): Header {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#indexed(index)[0];
    return [name, this.#string()];
  }

  #indexed(index: number): Header {
    // Not by trying: a read beyond an array's end is what engines do slowly.
    const isDynamic = index > STATIC_TABLE.length;
    const header = isDynamic ? this.#table.find(index - 1 - STATIC_TABLE.length) : STATIC_TABLE[index - 1];
    if (!header) throw compressionError(`no header has index ${index}`);
    return header;
  }

  #string(): string {
    const isHuffman = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#bytes.length) throw compressionError("string goes beyond its block");
    this.#at = end;
    const text = isHuffman ? decodeHuffman(this.#bytes, start, end) : this.#bytes.toString("latin1", start, end);
    if (text === undefined) throw compressionError("no Huffman code");
    return text;
  }

  /** RFC 7541 §5.1. */
  #integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    const prefix = this.#octet() & max;
    if (prefix < max) return prefix;
    let value = max;
    for (let octets = 0; octets < MAX_INTEGER_OCTETS; octets++) {
      const octet = this.#octet();
      value += (octet & 0x7f) * 2 ** (7 * octets);
      if ((octet & 0x80) === 0) return value;
    }
    throw compressionError("integer is too long");
  }

  #octet(): number {
    const octet = this.#bytes[this.#at++];
    if (octet === undefined) throw compressionError("block ends too early");
    return octet;
  }
}

function compressionError(message: string): ConnectionError {
  return new ConnectionError(H2_ERROR.compressionError, message);
}
