import { readFileSync } from "node:fs";
import type { ClientTls, Exchange, Target } from "./orders.ts";
import { isPattern, LONGEST_PIECE, patternAt } from "./pattern.ts";

type Socket = Bun.Socket<ClientConnection>;

const HEAD_END = Buffer.from("\r\n\r\n");
const LONGEST_HEAD = 4096;
/** Addresses that connections come from: a proxy limits those of one, and ports of one come to an end. */
const SOURCES = 8;
let opened = 0;
/** Of all connections: which request is next. */
let sent = 0;

export interface ClientEvents {
  /** The answer has come whole, and is what was expected. */
  answered(connection: ClientConnection): void;
  failed(connection: ClientConnection, why: string): void;
}

/** One connection of the generator; an exchange at a time, every byte of the answers looked at. */
export class ClientConnection {
  #socket: Socket | undefined;
  readonly #requests: readonly Buffer[];
  readonly #exchange: Exchange;
  readonly #events: ClientEvents;
  #uploaded = 0;
  #uploading = false;
  #head: Buffer | undefined;
  #downloaded = -1;
  #over = false;
  /** Until the connection is there. */
  #refused: ((why: Error) => void) | undefined;
  exchanges = 0;
  /** When its request was written, in milliseconds; for whoever measures how long it takes. */
  startedMs = 0;
  busy = false;

  private constructor(exchange: Exchange, events: ClientEvents) {
    this.#exchange = exchange;
    this.#events = events;
    this.#requests = requestsOf(exchange);
  }

  static async open(target: Target, port: number, exchange: Exchange, events: ClientEvents): Promise<ClientConnection> {
    const connection = new ClientConnection(exchange, events);
    await new Promise<void>((resolve, reject) => {
      connection.#refused = reject;
      const ready = (socket: Socket): void => {
        connection.#refused = undefined;
        socket.setNoDelay(true);
        connection.#socket = socket;
        resolve();
      };
      const options = {
        hostname: target.address,
        port,
        localAddress: `127.78.0.${1 + (opened++ % SOURCES)}`,
        data: connection,
        ...(target.tls ? { tls: clientTls(target.tls) } : {}),
        socket: {
          open: (socket: Socket) => void (target.tls || ready(socket)),
          handshake: ready,
          data: (_socket: Socket, chunk: Buffer) => connection.#read(chunk),
          drain() {
            if (connection.#uploading) connection.#upload();
          },
          close: () => connection.#fail("the connection was closed"),
          error: (_socket: Socket, error: Error) => connection.#fail(error.message),
        },
      };
      // Bun's types do not know `localAddress`.
      Bun.connect(options as Bun.TCPSocketConnectOptions<ClientConnection>).catch(reject);
    });
    return connection;
  }

  send(): void {
    this.busy = true;
    this.startedMs = performance.now();
    this.#socket?.write(this.#requests[sent++ % this.#requests.length] ?? Buffer.alloc(0));
    this.#uploaded = 0;
    if (this.#exchange.upload > 0) this.#upload();
  }

  close(): void {
    this.#over = true;
    this.#socket?.end();
  }

  #upload(): void {
    const { upload } = this.#exchange;
    while (this.#uploaded < upload) {
      const piece = Math.min(LONGEST_PIECE, upload - this.#uploaded);
      const written = this.#socket?.write(patternAt(this.#uploaded, piece)) ?? -1;
      if (written < 0) return;
      this.#uploaded += written;
      this.#uploading = written < piece;
      if (this.#uploading) return;
    }
  }

  #read(chunk: Buffer): void {
    let at = 0;
    if (this.#downloaded < 0) {
      const bytes = this.#head ? Buffer.concat([this.#head, chunk]) : chunk;
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) {
        this.#head = Buffer.from(bytes);
        return bytes.length > LONGEST_HEAD ? this.#fail("an answer without end of its head") : undefined;
      }
      this.#head = undefined;
      const head = bytes.toString("latin1", 0, end + 2);
      if (!this.#isExpected(head)) return this.#fail(`an answer that was not expected: ${head}`);
      at = end + HEAD_END.length;
      this.#downloaded = 0;
      return this.#readContent(bytes, at);
    }
    this.#readContent(chunk, at);
  }

  #isExpected(head: string): boolean {
    if (!head.startsWith("HTTP/1.1 200 ")) return false;
    return Number(/\r\ncontent-length: (\d+)\r\n/i.exec(head)?.[1]) === this.#exchange.download;
  }

  #readContent(bytes: Buffer, at: number): void {
    const { download } = this.#exchange;
    const end = this.#downloaded + bytes.length - at;
    if (!this.busy || end > download || !isPattern(this.#downloaded, bytes, at, bytes.length))
      return this.#fail("an answer with other content");
    this.#downloaded = end;
    if (end < download) return;
    this.#downloaded = -1;
    this.busy = false;
    this.exchanges++;
    this.#events.answered(this);
  }

  #fail(why: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket?.terminate();
    if (this.#refused) this.#refused(new Error(why));
    else this.#events.failed(this, why);
  }
}

const requestsOfFiles = new Map<string, readonly Buffer[]>();

/** One, or one for each token. */
function requestsOf(exchange: Exchange): readonly Buffer[] {
  const { tokensFile } = exchange;
  const head = requestHead(exchange);
  if (tokensFile === undefined) return [Buffer.from(head)];
  const known = requestsOfFiles.get(tokensFile);
  if (known) return known;
  const made = readFileSync(tokensFile, "utf8")
    .split("\n")
    .map((token) => Buffer.from(head.replace(/\r\n\r\n$/, `\r\nAuthorization: Bearer ${token}\r\n\r\n`)));
  requestsOfFiles.set(tokensFile, made);
  return made;
}

/** What a program's HTTP client sends, with a trace context. */
function requestHead({ upload, download }: Exchange): string {
  const content = upload > 0 ? `Content-Type: application/octet-stream\r\nContent-Length: ${upload}\r\n` : "";
  return `${upload > 0 ? "POST" : "GET"} /${download} HTTP/1.1\r\nHost: echo.bench.svc.cluster.local\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, deflate\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n${content}\r\n`;
}

const tlsOptions = new Map<string, object>();

/** The proxy under test verifies us; whom we talk to is certain, it is on a loopback address of this run. */
function clientTls({ certFile, keyFile, serverName, groups }: ClientTls): object {
  let options = tlsOptions.get(certFile);
  if (!options) {
    options = {
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      serverName,
      ecdhCurve: groups,
      rejectUnauthorized: false,
      // SSL_OP_NO_TICKET
      secureOptions: 1 << 14,
    };
    tlsOptions.set(certFile, options);
  }
  return options;
}
