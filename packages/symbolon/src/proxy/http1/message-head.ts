import { SLASH } from "./characters.ts";
import { FieldLines } from "./field-lines.ts";
import { FIELD } from "./field-names.ts";
import { RecurringText } from "./recurring-text.ts";

/** How the end of a message's content is found (RFC 9112 §6.3). */
export type Framing = "none" | "length" | "chunked" | "until-close";

/** What requests and responses have in common. One object a parser, filled anew for each message. */
export class MessageHead {
  readonly fields = new FieldLines();
  http10 = false;
  framing: Framing = "none";
  /** Of "length"; in a response without content what its Content-Length said. */
  contentLength = 0;
  /** The sender lets the connection live after this message. */
  keepAlive = true;
  /** The only protocol that is switched to: `Upgrade: websocket` (RFC 6455 §4), in requests only as GET without content. */
  webSocket = false;
  /** Connection listed "upgrade". */
  upgradeOption = false;
  closeOption = false;
  keepAliveOption = false;
  /** Fields that Connection names, in lower case: they end here (RFC 9110 §7.6.1). */
  nominated: Set<string> | undefined;

  protected clearCommon(): void {
    this.fields.clear();
    this.http10 = false;
    this.framing = "none";
    this.contentLength = 0;
    this.keepAlive = true;
    this.webSocket = false;
    this.upgradeOption = false;
    this.closeOption = false;
    this.keepAliveOption = false;
    this.nominated = undefined;
  }

  /** False for fields between this hop's two ends, which no policy and no other hop sees. */
  isEndToEnd(index: number): boolean {
    const id = this.fields.id(index);
    if (id === FIELD.connection || id === FIELD.hopByHop || id === FIELD.upgrade || id === FIELD.transferEncoding)
      return false;
    return this.nominated === undefined || !this.nominated.has(this.fields.name(index));
  }
}

export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

export class RequestHead extends MessageHead {
  method = "GET";
  form: TargetForm = "origin";
  /** Places of path and query, relative to the head; empty for an absolute form without path. */
  pathStart = 0;
  pathEnd = 0;
  /** Place of the authority: of the target when that has one, else of Host; -1 in HTTP/1.0 without either. */
  authorityStart = -1;
  authorityEnd = -1;
  expectContinue = false;
  readonly #path = new RecurringText();
  readonly #authority = new RecurringText();
  readonly #userAgent = new RecurringText();

  clear(): void {
    this.clearCommon();
    this.method = "GET";
    this.form = "origin";
    this.pathStart = 0;
    this.pathEnd = 0;
    this.authorityStart = -1;
    this.authorityEnd = -1;
    this.expectContinue = false;
  }

  /** Target in the form that is forwarded: origin form, "*", or host:port of a CONNECT. */
  get target(): string {
    const { bytes, base } = this.fields;
    return this.pathPrefix + this.#path.read(bytes, base + this.pathStart, base + this.pathEnd);
  }

  /** What an absolute form leaves out before its path (RFC 9112 §3.2.1, §3.2.4). */
  get pathPrefix(): "" | "/" | "*" {
    if (this.form !== "absolute") return "";
    if (this.pathStart === this.pathEnd) return this.method === "OPTIONS" ? "*" : "/";
    return this.fields.bytes[this.fields.base + this.pathStart] === SLASH ? "" : "/";
  }

  /** As it was written. */
  get authority(): string | undefined {
    if (this.authorityStart < 0) return undefined;
    const { bytes, base } = this.fields;
    return this.#authority.read(bytes, base + this.authorityStart, base + this.authorityEnd);
  }

  /** Of the first such field. */
  get userAgent(): string | undefined {
    const { fields } = this;
    const index = fields.indexOf(FIELD.userAgent);
    if (index < 0) return undefined;
    return this.#userAgent.read(fields.bytes, fields.valueStart(index), fields.valueEnd(index));
  }
}

export class ResponseHead extends MessageHead {
  status = 200;
  reasonStart = 0;
  reasonEnd = 0;

  clear(): void {
    this.clearCommon();
    this.status = 200;
    this.reasonStart = 0;
    this.reasonEnd = 0;
  }
}
