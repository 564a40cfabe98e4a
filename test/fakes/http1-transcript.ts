/** What a parser says of a stream of bytes, as text that does not depend on how the stream was cut. */
import { type MessageErrorCode, RequestParser, ResponseParser } from "../../packages/symbolon/src/proxy/http1/index.ts";

export interface Transcript {
  /** Complete messages, each with its head, its content and its trailers. */
  readonly messages: readonly TranscriptMessage[];
  /** The head of a message that did not end. */
  readonly unfinished?: TranscriptMessage;
  readonly error?: MessageErrorCode;
  /** The limit that was exceeded. */
  readonly limit?: string;
  readonly status?: number;
  readonly tunnel?: string;
}

export interface TranscriptMessage {
  readonly start: string;
  readonly fields: readonly (readonly [string, string])[];
  readonly framing: string;
  readonly flags: string;
  body: string;
  trailers: readonly (readonly [string, string])[];
}

export function readRequests(
  pieces: readonly Buffer[],
  options?: ConstructorParameters<typeof RequestParser>[0],
): Transcript {
  return transcribe(new RequestParser(options), pieces);
}

export function readResponses(pieces: readonly Buffer[], requestMethod = "GET"): Transcript {
  const parser = new ResponseParser();
  parser.requestMethod = requestMethod;
  return transcribe(parser, pieces);
}

function transcribe(parser: RequestParser | ResponseParser, pieces: readonly Buffer[]): Transcript {
  const messages: TranscriptMessage[] = [];
  let current: TranscriptMessage | undefined;
  let tunnel: string | undefined;
  /** False when there is nothing more to be had. */
  const take = (event: ReturnType<RequestParser["next"]>): boolean => {
    switch (event) {
      case "head":
        current = describeHead(parser);
        return true;
      case "body":
        if (current) current.body += parser.bytes.toString("latin1", parser.bodyStart, parser.bodyEnd);
        return true;
      case "end":
        if (current) messages.push({ ...current, trailers: [...parser.trailers] });
        current = undefined;
        return true;
      case "tunnel":
        tunnel = (tunnel ?? "") + parser.takeRest().toString("latin1");
        return false;
      default:
        return false;
    }
  };
  for (const piece of pieces) {
    // The parser must not hold on to what it was lent.
    const lent = Buffer.from(piece);
    parser.push(lent);
    while (take(parser.next()));
    parser.keepRest();
    lent.fill(0x58);
  }
  if (tunnel === undefined) while (take(parser.finish()));
  return {
    messages,
    ...(current ? { unfinished: current } : {}),
    ...(parser.error
      ? {
          error: parser.error.code,
          status: parser.error.status,
          ...(parser.error.limit ? { limit: parser.error.limit } : {}),
        }
      : {}),
    ...(tunnel === undefined ? {} : { tunnel }),
  };
}

function describeHead({ head }: RequestParser | ResponseParser): TranscriptMessage {
  const start = "method" in head ? `${head.method} ${head.target} @${head.authority ?? "-"}` : String(head.status);
  return {
    start: head.http10 ? `${start} HTTP/1.0` : start,
    fields: head.fields.entries(),
    framing: head.framing === "length" ? `length ${head.contentLength}` : head.framing,
    flags: [
      head.keepAlive ? "keep-alive" : "close",
      head.webSocket ? "websocket" : "",
      "expectContinue" in head && head.expectContinue ? "expect-continue" : "",
    ]
      .filter((flag) => flag !== "")
      .join(" "),
    body: "",
    trailers: [],
  };
}
