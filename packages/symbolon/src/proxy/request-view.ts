import type { JwtClaims, RequestAttributes } from "@symbolon/policy";
import { FIELD, type RequestHead } from "./http1/index.ts";

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
  scheme: "http" | "https" = "http";

  /** @param path in origin form, as it came: the engine normalises it */
  fill(head: RequestHead, path: string, host: string): void {
    this.method = head.method;
    this.path = path;
    this.host = host;
    this.claims = undefined;
    this.headers.head = head;
  }
}

/**
 * Field lines without those that end here: between two hops, named by Connection, or for proxies only. Reading one name
 * makes strings of that name's values alone; everything else of a Map makes them all.
 */
export class VisibleFields implements ReadonlyMap<string, readonly string[]> {
  head: RequestHead | undefined;

  get(lowerName: string): readonly string[] | undefined {
    const { head } = this;
    if (!head) return undefined;
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

  /** Names in lower case, in the order in which they came first. */
  #all(): Map<string, readonly string[]> {
    const all = new Map<string, readonly string[]>();
    const { head } = this;
    if (!head) return all;
    for (let index = 0; index < head.fields.count; index++) {
      if (!isVisible(head, index)) continue;
      const name = head.fields.name(index);
      all.set(name, [...(all.get(name) ?? []), head.fields.value(index)]);
    }
    return all;
  }
}

function isVisible(head: RequestHead, index: number): boolean {
  return head.fields.id(index) !== FIELD.internal && head.isEndToEnd(index);
}
