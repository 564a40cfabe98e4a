/** Spellings of Transfer-Encoding beside a Content-Length: what smuggling tools send, built from parts. */

export interface FramingMutation {
  readonly id: string;
  readonly raw: Buffer;
  /** By rules of its own, which are not the parser's: how a strict reader has to take it. */
  readonly expected: "refused" | "length" | "chunked" | "none";
}

const CONTROL = [0, 1, 4, 7, 8, 9, 10, 11, 12, 13, 14, 27, 31, 32, 127, 128, 133, 160, 255].map((code) =>
  String.fromCharCode(code),
);
const NAME = "Transfer-Encoding";

/** `name:value` lines, without CRLF at the end. */
function spellings(): readonly string[] {
  const around = CONTROL.flatMap((byte) => [
    `${byte}${NAME}: chunked`,
    `${NAME}${byte}: chunked`,
    `${NAME}:${byte}chunked`,
    `${NAME}: chunked${byte}`,
    `${NAME}: ${byte}chunked`,
    `Transfer${byte}Encoding: chunked`,
    `${NAME}: chu${byte}nked`,
    `X: y${byte}${NAME}: chunked`,
    `${NAME}${byte}:chunked`,
    `${NAME}:${byte}${byte}chunked`,
  ]);
  const lineEnds = ["\r", "\n", "\r\n", "\n\r", "\r\r\n"].flatMap((end) => [
    `X: y${end}${NAME}: chunked`,
    `${NAME}:${end} chunked`,
    `${NAME}: ${end}\tchunked`,
    `${NAME}${end}: chunked`,
    `Foo${end} ${NAME}: chunked`,
  ]);
  const values = [
    "chunked",
    "Chunked",
    "CHUNKED",
    "cHuNkEd",
    "chunked ",
    "chunked\t",
    " chunked",
    "\tchunked",
    "xchunked",
    "chunkedx",
    "chunked-x",
    "identity",
    "gzip",
    "deflate",
    "compress",
    "",
    ",",
    "chunked,",
    ",chunked",
    "chunked, chunked",
    "chunked,chunked",
    "chunked, identity",
    "identity, chunked",
    "gzip, chunked",
    "gzip,chunked",
    "chunked, gzip",
    "chunked;q=1",
    "chunked; foo",
    '"chunked"',
    "'chunked'",
    "chunk",
    "chun",
    "ched",
    "chunked chunked",
    "=chunked",
    "chunked=",
    "(chunked)",
    "chunked#",
    "chunked\\r\\n",
    "chunked%20",
    "0",
    "null",
    "cow",
    "cow, chunked",
    "chunked, cow",
    "x, y, chunked",
    "\u00e7hunked",
    "chunkeD\u00a0",
    "trailers",
    "chunked/1.1",
  ].flatMap((value) => [`${NAME}: ${value}`, `${NAME}:${value}`, `${NAME.toLowerCase()}: ${value}`]);
  const names = [
    "transfer-encoding",
    "TRANSFER-ENCODING",
    "tRANSFER-eNCODING",
    "Transfer_Encoding",
    "Transfer Encoding",
    "TransferEncoding",
    "Transfer-Encodin",
    "ransfer-Encoding",
    "Transfer--Encoding",
    "Transfer-Encoding-",
    "X-Transfer-Encoding",
    "Transfer-Encoding ",
    "Transfer.Encoding",
    "Transfer-Encodings",
    "Content-Encoding",
    "TE",
    "Trailer",
    "Transfer-\u0415ncoding",
    "Transfer-Encod\u0131ng",
    '"Transfer-Encoding"',
    "Transfer-Encoding\\",
    "*Transfer-Encoding",
  ].flatMap((name) => [`${name}: chunked`, `${name}:chunked`, `${name} : chunked`]);
  const doubled = ["chunked", "identity", "", "gzip", "Chunked"].flatMap((first) =>
    ["chunked", "identity", "", "x"].map((second) => `${NAME}: ${first}\r\n${NAME}: ${second}`),
  );
  return [...new Set([...around, ...lineEnds, ...values, ...names, ...doubled])];
}

export function framingMutations(): readonly FramingMutation[] {
  return spellings().flatMap((line, index) =>
    (["before", "after", "without"] as const).map((length) => {
      const lines = [
        "Host: a.example",
        ...(length === "before" ? ["Content-Length: 5"] : []),
        line,
        ...(length === "after" ? ["Content-Length: 5"] : []),
      ];
      const rest = "0\r\n\r\n";
      // A character above latin1 loses its upper half, as in a client that truncates.
      const raw = Buffer.from(`POST / HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${rest}`, "latin1");
      return {
        id: `${index} ${length}: ${JSON.stringify(line)}`,
        raw,
        expected: expectation(lines, length !== "without"),
      };
    }),
  );
}

const FIELD_LINE = /^([!#$%&'*+\-.^`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

function expectation(lines: readonly string[], hasLength: boolean): FramingMutation["expected"] {
  const encodings: string[] = [];
  for (const line of lines.flatMap((text) => text.split("\r\n"))) {
    const latin1 = Buffer.from(line, "latin1").toString("latin1");
    const [, name = "", value = ""] = FIELD_LINE.exec(latin1) ?? [];
    if (name === "") return "refused";
    if (name.toLowerCase() === "transfer-encoding") encodings.push(value.replace(/^[ \t]+|[ \t]+$/g, "").toLowerCase());
  }
  if (encodings.length === 0) return hasLength ? "length" : "none";
  if (hasLength || encodings.length > 1) return "refused";
  return encodings[0] === "chunked" ? "chunked" : "refused";
}
