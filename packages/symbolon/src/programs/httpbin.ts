import { randomFillSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { readBody, requestHeaders, requestOrigin, requestUrl, sendError, sendJson, sendText } from "./http-answer.ts";
import { type Program, parsePort } from "./program.ts";
import { serveHttp } from "./serve-http.ts";

/** `httpbin PORT`: stands for kennethreitz/httpbin and mccutchen/go-httpbin, with the latter's JSON. */
export const httpbin: Program = async (args, io) => {
  const port = parsePort(args[0]);
  if (port === undefined) {
    io.stderr.write(`httpbin: "${args[0] ?? ""}" is not a port; usage: httpbin PORT\n`);
    return 2;
  }
  return serveHttp("httpbin", port, answer, io);
};

const MAX_BODY_BYTES = 1 << 20;
const MAX_DELAY_SECONDS = 60;
const MAX_RANDOM_BYTES = 1 << 30;
const RANDOM_CHUNK_BYTES = 64 * 1024;
const ANY = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

type Handler = (request: IncomingMessage, response: ServerResponse, argument: string) => Promise<void> | void;

interface Route {
  readonly methods: readonly string[];
  /** True: the path goes on with one more segment, the handler's argument. */
  readonly argument?: true;
  readonly handle: Handler;
}

const ROUTES: Readonly<Record<string, Route>> = {
  "": { methods: ["GET"], handle: (_request, response) => sendText(response, 200, `${INDEX}\n`) },
  ip: { methods: ["GET"], handle: (request, response) => sendJson(response, 200, { origin: requestOrigin(request) }) },
  headers: {
    methods: ["GET"],
    handle: (request, response) => sendJson(response, 200, { headers: requestHeaders(request) }),
  },
  uuid: { methods: ["GET"], handle: (_request, response) => sendJson(response, 200, { uuid: randomUUID() }) },
  get: { methods: ["GET"], handle: (request, response) => sendJson(response, 200, requestFacts(request)) },
  post: { methods: ["POST"], handle: echo },
  put: { methods: ["PUT"], handle: echo },
  patch: { methods: ["PATCH"], handle: echo },
  delete: { methods: ["DELETE"], handle: echo },
  anything: { methods: ANY, handle: echo },
  status: { methods: ANY, argument: true, handle: status },
  delay: { methods: ANY, argument: true, handle: delay },
  bytes: { methods: ["GET"], argument: true, handle: bytes },
};

const INDEX = Object.entries(ROUTES)
  .map(([name, route]) => `${route.methods.join(",")} /${name}${route.argument ? "/N" : ""}`)
  .join("\n");

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, name = "", ...rest] = requestUrl(request).pathname.split("/");
  const route = Object.hasOwn(ROUTES, name) ? ROUTES[name] : undefined;
  const segments = route?.argument ? 1 : 0;
  if (!route || (name !== "anything" && rest.length !== segments)) return sendError(response, 404, "Not Found");
  const method = request.method ?? "GET";
  const allowed = route.methods.includes(method) || (method === "HEAD" && route.methods.includes("GET"));
  if (!allowed) {
    response.setHeader("allow", route.methods.join(", "));
    return sendError(response, 405, "Method Not Allowed");
  }
  await route.handle(request, response, rest[0] ?? "");
}

function requestFacts(request: IncomingMessage): Record<string, unknown> {
  const url = requestUrl(request);
  const args: Record<string, string[]> = {};
  for (const name of new Set(url.searchParams.keys())) args[name] = url.searchParams.getAll(name);
  return {
    args,
    headers: requestHeaders(request),
    method: request.method,
    origin: requestOrigin(request),
    url: url.href,
  };
}

async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request, MAX_BODY_BYTES);
  if (!body) return sendError(response, 413, `body is longer than ${MAX_BODY_BYTES} bytes`);
  const data = body.toString("utf8");
  const type = request.headers["content-type"] ?? "";
  const form: Record<string, string[]> = {};
  if (type.startsWith("application/x-www-form-urlencoded")) {
    const fields = new URLSearchParams(data);
    for (const name of new Set(fields.keys())) form[name] = fields.getAll(name);
  }
  sendJson(response, 200, { ...requestFacts(request), data, files: {}, form, json: jsonOf(type, data) });
}

function jsonOf(type: string, data: string): unknown {
  if (!/^application\/(?:[\w.+-]+\+)?json\b/.test(type)) return null;
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

function status(_request: IncomingMessage, response: ServerResponse, argument: string): void {
  const code = Number(argument);
  if (!/^\d{3}$/.test(argument) || code < 200 || code > 599)
    return sendError(response, 400, `invalid status code: "${argument}", wanted 200 to 599`);
  if ([301, 302, 303, 307, 308].includes(code)) response.setHeader("location", "/get");
  response.writeHead(code, STATUS_CODES[code] ?? "", { "content-length": "0" });
  response.end();
}

async function delay(request: IncomingMessage, response: ServerResponse, argument: string): Promise<void> {
  const seconds = Number(argument.replace(/s$/, ""));
  if (!(argument !== "" && seconds >= 0 && seconds <= MAX_DELAY_SECONDS))
    return sendError(response, 400, `invalid delay: "${argument}", wanted 0 to ${MAX_DELAY_SECONDS} seconds`);
  await Bun.sleep(seconds * 1000);
  sendJson(response, 200, requestFacts(request));
}

async function bytes(_request: IncomingMessage, response: ServerResponse, argument: string): Promise<void> {
  const count = Number(argument);
  if (!/^\d+$/.test(argument) || count > MAX_RANDOM_BYTES)
    return sendError(response, 400, `invalid byte count: "${argument}", wanted 0 to ${MAX_RANDOM_BYTES}`);
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": count });
  for (let left = count; left > 0 && !response.destroyed; left -= RANDOM_CHUNK_BYTES) {
    const chunk = randomFillSync(Buffer.allocUnsafe(Math.min(left, RANDOM_CHUNK_BYTES)));
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}
