/**
 * Methods that are forwarded: the IANA registry (RFC 9110 §16.1.1) without PRI, and what caches, UPnP and streaming
 * clients use. Any other one is refused, as Envoy does by default: `MKCOLA` can be a mistake, or a policy's blind spot.
 */
const METHODS = [
  "GET POST PUT HEAD DELETE OPTIONS PATCH TRACE CONNECT",
  "ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF",
  "MKWORKSPACE MOVE ORDERPATCH PROPFIND PROPPATCH QUERY REBIND REPORT SEARCH UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE",
  "UPDATEREDIRECTREF VERSION-CONTROL",
  "PURGE SOURCE NOTIFY SUBSCRIBE UNSUBSCRIBE M-SEARCH",
].flatMap((line) => line.split(" "));

export const LONGEST_METHOD = Math.max(...METHODS.map((method) => method.length));

interface Method {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const BY_LENGTH: readonly (readonly Method[])[] = Array.from({ length: LONGEST_METHOD + 1 }, (_, length) =>
  METHODS.filter((name) => name.length === length).map((name) => ({ name, bytes: Buffer.from(name) })),
);

/** The method as one of a fixed set of strings; undefined when it is not forwarded. */
export function knownMethod(bytes: Uint8Array, start: number, end: number): string | undefined {
  const candidates = BY_LENGTH[end - start] ?? [];
  for (let index = 0; index < candidates.length; index++) {
    const method = candidates[index] as Method;
    let at = 0;
    while (at < method.bytes.length && method.bytes[at] === bytes[start + at]) at++;
    if (at === method.bytes.length) return method.name;
  }
  return undefined;
}
