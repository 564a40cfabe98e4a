/** Longer ones are not kept: many connections have a head each. */
const MAX_KEPT = 256;

/** A text that is mostly the same in one message as in the one before: it is made anew only when its bytes are others. */
export class RecurringText {
  #last = "";

  /** One character a byte. */
  read(bytes: Buffer, start: number, end: number): string {
    const last = this.#last;
    if (last.length === end - start) {
      let at = 0;
      while (at < last.length && last.charCodeAt(at) === bytes[start + at]) at++;
      if (at === last.length) return last;
    }
    const text = bytes.toString("latin1", start, end);
    if (text.length <= MAX_KEPT) this.#last = text;
    return text;
  }
}
