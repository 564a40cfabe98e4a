import { lookup } from "node:dns/promises";
import { connect, type Socket } from "node:net";
import type { Program } from "./program.ts";
import { proxyAuthorization, proxyFor } from "./proxy-variable.ts";

/** curl's exit codes, as far as this client can fail. */
const EXIT = {
  ok: 0,
  unsupportedProtocol: 1,
  usage: 2,
  badUrl: 3,
  unknownHost: 6,
  cannotConnect: 7,
  weirdAnswer: 8,
  partialBody: 18,
  timedOut: 28,
  emptyReply: 52,
  receiveFailed: 56,
} as const;

const DEFAULT_TIMEOUT_SECONDS = 30;
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * `fetch-url [-m SECONDS] URL`: for machines without curl. Prints and returns what
 * `curl -s -o /dev/null -w '%{http_code}' -m SECONDS URL` does, through `http_proxy` like it.
 */
export const fetchUrl: Program = async (args, io) => {
  const timeoutFlag = args.indexOf("-m");
  const seconds = timeoutFlag < 0 ? DEFAULT_TIMEOUT_SECONDS : Number(args[timeoutFlag + 1]);
  const [text, ...more] = timeoutFlag < 0 ? args : args.toSpliced(timeoutFlag, 2);
  if (text === undefined || more.length > 0 || !(seconds > 0)) {
    io.stderr.write("fetch-url: usage: fetch-url [-m SECONDS] URL\n");
    return EXIT.usage;
  }
  const result = await fetchOnce(text.includes("://") ? text : `http://${text}`, seconds * 1000);
  io.stdout.write(String(result.status).padStart(3, "0"));
  return result.exit;
};

interface FetchResult {
  readonly exit: number;
  readonly status: number;
}

async function fetchOnce(text: string, timeoutMs: number): Promise<FetchResult> {
  if (!URL.canParse(text)) return { exit: EXIT.badUrl, status: 0 };
  const url = new URL(text);
  if (url.protocol !== "http:") return { exit: EXIT.unsupportedProtocol, status: 0 };
  const proxy = proxyFor(url, process.env);
  const server = proxy ?? url;
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const deadline = AbortSignal.timeout(timeoutMs);
  const addresses = await Promise.race([lookup(host, { all: true }).catch(() => []), aborted(deadline)]);
  if (addresses === undefined) return { exit: EXIT.timedOut, status: 0 };
  if (addresses.length === 0) return { exit: EXIT.unknownHost, status: 0 };
  for (const { address } of addresses) {
    const socket = await connected(address, Number(server.port || 80), deadline);
    if (socket) return exchange(socket, requestOf(url, proxy), deadline);
    if (deadline.aborted) return { exit: EXIT.timedOut, status: 0 };
  }
  return { exit: EXIT.cannotConnect, status: 0 };
}

/** Also when the deadline has passed already: an abort is told only once. */
function aborted(deadline: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (deadline.aborted) resolve(undefined);
    else deadline.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

function connected(address: string, port: number, deadline: AbortSignal): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const fail = (): void => {
      socket.destroy();
      resolve(undefined);
    };
    void aborted(deadline).then(fail);
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.removeListener("error", fail);
      resolve(socket);
    });
  });
}

function requestOf(url: URL, proxy: URL | undefined): string {
  const path = `${url.pathname}${url.search}`;
  const target = proxy ? `http://${url.host}${path}` : path;
  const authorization = proxy ? proxyAuthorization(proxy) : "";
  return `GET ${target} HTTP/1.1\r\nHost: ${url.host}\r\n${authorization}User-Agent: symbolon-fetch-url\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

function exchange(socket: Socket, request: string, deadline: AbortSignal): Promise<FetchResult> {
  return new Promise((resolve) => {
    let answer = Buffer.alloc(0);
    let head: Head | undefined;
    let bodyBytes = 0;
    /** Last bytes of the body: a chunked one ends with an empty chunk. */
    let tail = "";
    const finish = (exit: number): void => {
      resolve({ exit, status: head?.status ?? 0 });
      socket.destroy();
    };
    void aborted(deadline).then(() => finish(EXIT.timedOut));
    const isComplete = (): boolean => {
      if (!head) return false;
      if (head.bodyless) return true;
      if (head.chunked) return tail === LAST_CHUNK || tail.endsWith(`\n${LAST_CHUNK}`);
      return head.length !== undefined && bodyBytes >= head.length;
    };
    const count = (body: Buffer): void => {
      bodyBytes += body.length;
      tail = (tail + body.toString("latin1")).slice(-LAST_CHUNK.length - 1);
    };
    socket.on("data", (chunk: Buffer) => {
      if (head) count(chunk);
      else {
        answer = Buffer.concat([answer, chunk]);
        const end = answer.indexOf("\r\n\r\n");
        if (end < 0 && answer.length < MAX_HEAD_BYTES) return;
        head = end < 0 ? undefined : parseHead(answer.subarray(0, end).toString("latin1"));
        if (!head) return finish(EXIT.weirdAnswer);
        count(answer.subarray(end + 4));
      }
      if (isComplete()) finish(EXIT.ok);
    });
    socket.once("end", () => {
      if (!head) return finish(answer.length === 0 ? EXIT.emptyReply : EXIT.weirdAnswer);
      const endsHere = !head.chunked && head.length === undefined;
      finish(endsHere || isComplete() ? EXIT.ok : EXIT.partialBody);
    });
    socket.once("error", () => finish(EXIT.receiveFailed));
    socket.write(request);
  });
}

interface Head {
  readonly status: number;
  readonly length: number | undefined;
  readonly chunked: boolean;
  readonly bodyless: boolean;
}

const LAST_CHUNK = "0\r\n\r\n";

function parseHead(text: string): Head | undefined {
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |\r\n|$)/.exec(text)?.[1]);
  if (!Number.isInteger(status)) return undefined;
  const length = /^content-length:[ \t]*(\d+)[ \t]*\r?$/im.exec(text)?.[1];
  return {
    status,
    length: length === undefined ? undefined : Number(length),
    chunked: /^transfer-encoding:[ \t]*chunked[ \t]*\r?$/im.test(text),
    bodyless: status === 204 || status === 304,
  };
}
