const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  407: "Proxy Authentication Required",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

export interface LocalReplyOptions {
  /** Of the request. */
  readonly method: string;
  readonly close: boolean;
  /** The status in words when absent. */
  readonly body?: string;
  /** More fields: whole lines with CRLF. */
  readonly fields?: string;
}

/** An answer of the proxy's own; it tells the client what is wrong, and nothing of what is behind the proxy. */
export function localReply(status: number, options: LocalReplyOptions): Buffer {
  const reason = REASONS[status] ?? "Error";
  const { body = `${reason.toLowerCase()}\n`, fields = "" } = options;
  // RFC 9110 §15.5.8: a 407 says how.
  const challenge = status === 407 ? 'Proxy-Authenticate: Basic realm="symbolon"\r\n' : "";
  const close = options.close ? "Connection: close\r\n" : "";
  const head = `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n${challenge}${fields}${close}\r\n`;
  return Buffer.from(options.method === "HEAD" ? head : head + body, "latin1");
}
