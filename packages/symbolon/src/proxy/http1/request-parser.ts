import { completeRequest } from "./framing.ts";
import { HTTP1_LIMITS, type Http1Limits } from "./limits.ts";
import type { MessageError } from "./message-error.ts";
import { RequestHead } from "./message-head.ts";
import { MessageParser } from "./message-parser.ts";
import { type LineResult, type RequestLineOptions, readRequestLine } from "./start-line.ts";

export interface RequestParserOptions {
  readonly limits?: Http1Limits;
  /** For a forward proxy only. */
  readonly allowConnect?: boolean;
}

/**
 * Requests of one connection. After a request that asks for another protocol, the caller reads on only when the answer
 * has refused it: what follows may be no HTTP (CV-28).
 */
export class RequestParser extends MessageParser<RequestHead> {
  readonly head = new RequestHead();
  readonly #options: RequestLineOptions;

  constructor({ limits = HTTP1_LIMITS, allowConnect = false }: RequestParserOptions = {}) {
    super(limits);
    this.#options = { limits, allowConnect };
  }

  protected override get becomesTunnel(): boolean {
    return false;
  }

  protected override startHead(): void {
    this.head.clear();
  }

  protected override readStartLine(start: number, stop: number): LineResult {
    return readRequestLine(this.head, start, stop, this.#options);
  }

  protected override completeHead(): MessageError | undefined {
    return completeRequest(this.head, this.limits);
  }
}
