import { completeResponse } from "./framing.ts";
import { HTTP1_LIMITS, type Http1Limits } from "./limits.ts";
import type { MessageError } from "./message-error.ts";
import { ResponseHead } from "./message-head.ts";
import { MessageParser } from "./message-parser.ts";
import { type LineResult, readStatusLine } from "./start-line.ts";

const RESPONSE_LIMITS = forResponses(HTTP1_LIMITS);

/** Only requests may have empty lines before them (RFC 9112 §2.2). */
function forResponses(limits: Http1Limits): Http1Limits {
  return { ...limits, leadingEmptyLines: 0 };
}

/** Responses of one connection; interim ones (1xx) are messages of their own. */
export class ResponseParser extends MessageParser<ResponseHead> {
  readonly head = new ResponseHead();
  /** Of the request that the next response answers; undefined: nothing has been asked, so whatever comes is an error. */
  requestMethod: string | undefined;

  constructor(limits: Http1Limits = HTTP1_LIMITS) {
    super(limits === HTTP1_LIMITS ? RESPONSE_LIMITS : forResponses(limits));
  }

  protected override get becomesTunnel(): boolean {
    const { status } = this.head;
    return status === 101 || (this.requestMethod === "CONNECT" && status >= 200 && status < 300);
  }

  protected override startHead(): void {
    this.head.clear();
  }

  protected override readStartLine(start: number, stop: number): LineResult {
    return readStatusLine(this.head, start, stop, this.limits);
  }

  protected override completeHead(): MessageError | undefined {
    return completeResponse(this.head, this.requestMethod ?? "GET", this.limits);
  }
}
