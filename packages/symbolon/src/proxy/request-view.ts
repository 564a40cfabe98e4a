import type { JwtClaims, RequestAttributes, RequestChanges } from "@symbolon/policy";
import { FIELD, type RequestHead } from "./http1/index.ts";

/** Fields that are the proxy's own word, whatever came under their names (CV-14, CV-15). */
export interface OwnFields {
  /** Absent: none is sent on. */
  readonly "x-forwarded-client-cert": string | undefined;
  readonly "x-forwarded-proto": "http" | "https";
}

const OWN_NAMES = ["x-forwarded-client-cert", "x-forwarded-proto"] as const;
const NOBODYS: OwnFields = { "x-forwarded-client-cert": undefined, "x-forwarded-proto": "http" };

/**
 * One request as policies see it: what the application will see of it. One object, filled anew for each request, so that
 * a decision allocates nothing; valid as long as the head is.
 */
export class RequestView implements RequestAttributes {
  method = "";
  path = "";
  host = "";
  readonly headers = new VisibleFields();
  claims: JwtClaims | undefined;
  /** Of the request that the client wrote, as far as somebody trustworthy says: Envoy's `:scheme`. */
  scheme: "http" | "https" = "http";

  /** @param path in origin form, as it came: the engine normalises it */
  fill(head: RequestHead, path: string, host: string, own: OwnFields): void {
    this.method = head.method;
    this.path = path;
    this.host = host;
    this.claims = undefined;
    this.headers.head = head;
    this.headers.change(undefined, []);
    this.headers.own = own;
    this.scheme = own["x-forwarded-proto"];
  }
}

/**
 * Field lines without those that end here: between two hops, named by Connection, or for proxies only. Reading one name
 * makes strings of that name's values alone; everything else of a Map makes them all.
 */
export class VisibleFields implements ReadonlyMap<string, readonly string[]> {
  head: RequestHead | undefined;
  own: OwnFields = NOBODYS;
  #dropped: ReadonlySet<string> | undefined;
  #added: RequestChanges["addHeaders"] = [];

  /**
   * What request authentication takes out and writes: fields of these names are its word, never the client's.
   * @param dropped in lower case; has the names of all that is added
   */
  change(dropped: ReadonlySet<string> | undefined, added: RequestChanges["addHeaders"]): void {
    this.#dropped = dropped;
    this.#added = added;
  }

  get(lowerName: string): readonly string[] | undefined {
    const { head } = this;
    if (!head) return undefined;
    if (isOwn(lowerName)) {
      const value = this.own[lowerName];
      return value === undefined ? undefined : [value];
    }
    if (this.#dropped?.has(lowerName)) return this.#addedValues(lowerName);
    const { fields } = head;
    let found: string[] | undefined;
    for (let index = 0; index < fields.count; index++) {
      if (fields.nameEnd(index) - fields.nameStart(index) !== lowerName.length || !isVisible(head, index)) continue;
      if (fields.name(index) !== lowerName) continue;
      found ??= [];
      found.push(fields.value(index));
    }
    return found;
  }

  has(lowerName: string): boolean {
    return this.get(lowerName) !== undefined;
  }

  get size(): number {
    return this.#all().size;
  }

  forEach(visit: (value: readonly string[], key: string, map: ReadonlyMap<string, readonly string[]>) => void): void {
    for (const [name, values] of this.#all()) visit(values, name, this);
  }

  entries(): MapIterator<[string, readonly string[]]> {
    return this.#all().entries();
  }

  keys(): MapIterator<string> {
    return this.#all().keys();
  }

  values(): MapIterator<readonly string[]> {
    return this.#all().values();
  }

  [Symbol.iterator](): MapIterator<[string, readonly string[]]> {
    return this.entries();
  }

  #addedValues(lowerName: string): readonly string[] | undefined {
    const values = this.#added.flatMap(({ name, value }) => (name === lowerName ? [value] : []));
    return values.length > 0 ? values : undefined;
  }

  /** Names in lower case, in the order in which they came first. */
  #all(): Map<string, readonly string[]> {
    const all = new Map<string, readonly string[]>();
    const { head } = this;
    if (!head) return all;
    for (let index = 0; index < head.fields.count; index++) {
      if (!isVisible(head, index)) continue;
      const name = head.fields.name(index);
      if (this.#dropped?.has(name)) continue;
      all.set(name, [...(all.get(name) ?? []), head.fields.value(index)]);
    }
    for (const { name } of this.#added) all.set(name, this.#addedValues(name) ?? []);
    for (const name of OWN_NAMES) {
      const value = this.own[name];
      if (value !== undefined) all.set(name, [value]);
    }
    return all;
  }
}

function isOwn(lowerName: string): lowerName is keyof OwnFields {
  return lowerName === OWN_NAMES[0] || lowerName === OWN_NAMES[1];
}

function isVisible(head: RequestHead, index: number): boolean {
  const id = head.fields.id(index);
  if (id === FIELD.internal || id === FIELD.forwardedClientCert || id === FIELD.forwardedProto) return false;
  return head.isEndToEnd(index);
}
