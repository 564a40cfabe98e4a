import { describe, expect, test } from "bun:test";
import { formatAuditLine, NO_LINE, parseAuditLine } from "./audit-line.ts";

/** What a client may choose: a path, a host, a request's id, a server name, the subject of a token. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ["a line end and a whole line", '\n{"seq":2,"kind":"request.deny","outcome":"success","decision":"allow"}\n'],
  ["CR, next line, and what JavaScript takes for line ends", "\r\n\u0085\u2028\u2029"],
  ["the end of its string and another field", '","outcome":"success","x":"'],
  ["a backslash at the end", "\\"],
  ["every byte", Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join("")],
  ["a lone surrogate", "\ud800"],
];

describe("an audit line", () => {
  test.each(HOSTILE)("with %s is one line, and says that (CV-23)", (_name, text) => {
    const event = {
      kind: "request.deny",
      outcome: "refused",
      actor: text,
      subject: text,
      authority: text,
      code: text,
      details: { method: text, path: text, host: text, requestId: text, [text]: text },
    } as const;
    const line = formatAuditLine(1, new Date(0), event, NO_LINE);
    expect(line).not.toMatch(/[\n\r\0]/);
    const read = parseAuditLine(Buffer.from(line));
    expect(read).toEqual({ seq: 1, time: "1970-01-01T00:00:00.000Z", ...event, prev: NO_LINE });
  });
});
