import { COLON, COMMA, CR, FIELD_NAME, FIELD_VALUE, HTAB, LF, SP, TOKEN, UNDERSCORE } from "./characters.ts";
import { type FieldId, fieldId } from "./field-names.ts";
import { MESSAGE_ERRORS, type MessageError } from "./message-error.ts";

/** What reading one line came to; a position after its line end when it is 0 or more. */
export const INCOMPLETE = -1;
export const FAILED = -2;
/** The empty line after the last field. */
export const SECTION_END = -3;

const INTS_PER_LINE = 5;
const INITIAL_LINES = 24;
const FIELD_KINDS = 16;
const EMPTY = Buffer.alloc(0);

/**
 * The field lines of one message, as places in a buffer: strings are made only of what somebody asks for. Places are
 * relative to `base`, because the bytes of a head that comes in pieces move. Valid until the parser reads on.
 */
export class FieldLines {
  bytes: Buffer = EMPTY;
  base = 0;
  count = 0;
  /** Why `readLine` returned FAILED. */
  error: MessageError = MESSAGE_ERRORS.header_name_invalid;
  #spans = new Int32Array(INTS_PER_LINE * INITIAL_LINES);
  /** First line of each kind, or -1. */
  readonly #first = new Int16Array(FIELD_KINDS).fill(-1);

  clear(): void {
    this.count = 0;
    const first = this.#first;
    // A call into the runtime costs more.
    for (let id = 0; id < FIELD_KINDS; id++) first[id] = -1;
  }

  /** @param stop end of what may be read; the caller says what it means to come that far */
  readLine(start: number, stop: number): number {
    const { bytes } = this;
    let at = start;
    while (at < stop && FIELD_NAME[bytes[at] as number] === 1) at++;
    if (at === stop) return INCOMPLETE;
    const nameEnd = at;
    if (bytes[at] !== COLON || nameEnd === start) return this.#notAName(start, at, stop);
    at++;
    while (at < stop && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    const valueStart = at;
    while (at < stop && FIELD_VALUE[bytes[at] as number] === 1) at++;
    if (at === stop) return INCOMPLETE;
    let valueEnd = at;
    if (bytes[at] !== CR) return this.#fail(bytes[at] === LF ? "bare_lf" : "header_value_invalid");
    if (at + 1 === stop) return INCOMPLETE;
    if (bytes[at + 1] !== LF) return this.#fail("bare_cr");
    // OWS is no part of the value (RFC 9112 §5.1, CV-08).
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) valueEnd--;
    this.#keep(start, nameEnd, valueStart, valueEnd, fieldId(bytes, start, nameEnd));
    return at + 2;
  }

  id(index: number): FieldId {
    return this.#spans[index * INTS_PER_LINE + 4] as FieldId;
  }

  nameStart(index: number): number {
    return this.base + (this.#spans[index * INTS_PER_LINE] as number);
  }

  nameEnd(index: number): number {
    return this.base + (this.#spans[index * INTS_PER_LINE + 1] as number);
  }

  valueStart(index: number): number {
    return this.base + (this.#spans[index * INTS_PER_LINE + 2] as number);
  }

  valueEnd(index: number): number {
    return this.base + (this.#spans[index * INTS_PER_LINE + 3] as number);
  }

  /** In lower case. */
  name(index: number): string {
    return this.bytes.toString("latin1", this.nameStart(index), this.nameEnd(index)).toLowerCase();
  }

  /** One character a byte. */
  value(index: number): string {
    return this.bytes.toString("latin1", this.valueStart(index), this.valueEnd(index));
  }

  /** First line with that id at or after `from`, or -1. */
  indexOf(id: FieldId, from = 0): number {
    if (from === 0) return this.#first[id] as number;
    const spans = this.#spans;
    for (let index = from; index < this.count; index++) if (spans[index * INTS_PER_LINE + 4] === id) return index;
    return -1;
  }

  /** All values of one field, in order. @param lowerName in lower case */
  values(lowerName: string): readonly string[] {
    const found: string[] = [];
    for (let index = 0; index < this.count; index++)
      if (this.nameEnd(index) - this.nameStart(index) === lowerName.length && this.name(index) === lowerName)
        found.push(this.value(index));
    return found;
  }

  /** Pairs in the order in which they came; names in lower case. */
  entries(): readonly (readonly [string, string])[] {
    return Array.from({ length: this.count }, (_, index) => [this.name(index), this.value(index)] as const);
  }

  /** `stop` when it is not a name that ends here: the empty line, or what is wrong. */
  #notAName(start: number, at: number, stop: number): number {
    const byte = this.bytes[at] as number;
    if (at === start) {
      if (byte === CR) {
        if (at + 1 === stop) return INCOMPLETE;
        return this.bytes[at + 1] === LF ? SECTION_END : this.#fail("bare_cr");
      }
      if (byte === LF) return this.#fail("bare_lf");
      if (byte === SP || byte === HTAB) return this.#fail(this.count === 0 ? "leading_whitespace" : "obs_fold");
      return this.#fail(byte === UNDERSCORE ? "header_name_underscore" : "header_name_invalid");
    }
    if (byte === UNDERSCORE) return this.#fail("header_name_underscore");
    if (byte === SP || byte === HTAB) return this.#fail("header_name_whitespace");
    if (byte === LF) return this.#fail("bare_lf");
    if (byte !== CR) return this.#fail("header_name_invalid");
    if (at + 1 === stop) return INCOMPLETE;
    return this.#fail(this.bytes[at + 1] === LF ? "header_name_invalid" : "bare_cr");
  }

  #fail(code: keyof typeof MESSAGE_ERRORS): number {
    this.error = MESSAGE_ERRORS[code];
    return FAILED;
  }

  #keep(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number, id: FieldId): void {
    let spans = this.#spans;
    const at = this.count * INTS_PER_LINE;
    if (at === spans.length) {
      spans = new Int32Array(at * 2);
      spans.set(this.#spans);
      this.#spans = spans;
    }
    const { base } = this;
    spans[at] = nameStart - base;
    spans[at + 1] = nameEnd - base;
    spans[at + 2] = valueStart - base;
    spans[at + 3] = valueEnd - base;
    spans[at + 4] = id;
    if (this.#first[id] === -1) this.#first[id] = this.count;
    this.count++;
  }
}

/** Calls `visit` for every member of a comma list of tokens; false when it is none (RFC 9110 §5.6.1.2: empty members are allowed). */
export function forEachToken(
  bytes: Uint8Array,
  start: number,
  end: number,
  visit: (tokenStart: number, tokenEnd: number) => void,
): boolean {
  let at = start;
  for (;;) {
    while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    const tokenStart = at;
    while (at < end && TOKEN[bytes[at] as number] === 1) at++;
    if (at > tokenStart) visit(tokenStart, at);
    while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    if (at === end) return true;
    if (bytes[at] !== COMMA) return false;
    at++;
  }
}
