/** Name and value, a character an octet. */
export type Header = readonly [name: string, value: string];

/** RFC 7541 Appendix A, from index 1; where the value is missing it is empty. */
const STATIC_LINES = `
:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`;

export const STATIC_TABLE: readonly Header[] = STATIC_LINES.trim()
  .split("\n")
  .map((line): Header => {
    const space = line.indexOf(" ");
    return space < 0 ? [line, ""] : [line.slice(0, space), line.slice(space + 1)];
  });

/** RFC 7541 §4.1: what an entry counts for besides its octets. */
const ENTRY_OVERHEAD = 32;

export function headerSize([name, value]: Header): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

/** What both ends of a connection remember of headers that were sent before, the newest first (RFC 7541 §2.3.2). */
export class DynamicTable {
  // Oldest first, from `#oldest` on: adding and evicting move nothing.
  #entries: Header[] = [];
  #oldest = 0;
  #size = 0;
  #maxSize: number;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  /** @param index 0 is the newest */
  find(index: number): Header | undefined {
    const at = this.#entries.length - 1 - index;
    return at < this.#oldest ? undefined : this.#entries[at];
  }

  /** One that is larger than the table empties it, and is no error (§4.4). */
  add(header: Header): void {
    this.#entries.push(header);
    this.#size += headerSize(header);
    this.#evict();
  }

  resize(maxSize: number): void {
    this.#maxSize = maxSize;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#maxSize) {
      const header = this.#entries[this.#oldest++];
      // INVARIANT: a size above zero has entries.
      if (header) this.#size -= headerSize(header);
    }
    if (this.#oldest > 64 && 2 * this.#oldest > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}
