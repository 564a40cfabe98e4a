import type { IncomingMessage, ServerResponse } from "node:http";

export function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = `${JSON.stringify(value, null, 2)}\n`;
  response.writeHead(status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

/** go-httpbin's form of an error. */
export function sendError(response: ServerResponse, status: number, error: string): void {
  sendJson(response, status, { status_code: status, error });
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** Each name in Go's canonical spelling with all its values, as go-httpbin shows them. */
export function requestHeaders(request: IncomingMessage): Record<string, string[]> {
  const headers = new Map<string, string[]>();
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = canonicalName(request.rawHeaders[i] ?? "");
    headers.set(name, [...(headers.get(name) ?? []), request.rawHeaders[i + 1] ?? ""]);
  }
  return Object.fromEntries([...headers].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The first address that a forwarder noted, else the peer's. */
export function requestOrigin(request: IncomingMessage): string {
  const forwarded = request.headers["x-forwarded-for"];
  const first = (Array.isArray(forwarded) ? forwarded[0] : forwarded)?.split(",")[0]?.trim();
  return first || (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
}

export function requestUrl(request: IncomingMessage): URL {
  const target = request.url?.startsWith("/") ? request.url : "/";
  try {
    return new URL(`http://${request.headers.host ?? "localhost"}${target}`);
  } catch {
    return new URL(`http://localhost${target}`);
  }
}

/** The request's body, or `undefined` when it is longer than `maxBytes`. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function canonicalName(name: string): string {
  return name
    .split("-")
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1).toLowerCase())
    .join("-");
}
