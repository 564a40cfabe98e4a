/**
 * Mixed load on connections that stay open, for `mixed-server.ts`: mixed-load.ts SECONDS RATE HOST HTTP_PORT RAW_PORT
 * GETs in turn at RATE a second; uploads in chunks of random sizes; messages over WebSockets; lines over raw TCP. Every
 * answer is checked. Prints the counts as JSON; whatever was asked and not answered is a failure.
 */
import { connect, type Socket } from "node:net";

const [seconds = 0, rate = 0] = process.argv.slice(2, 4).map(Number);
const [host = "", httpPort = "", rawPort = ""] = process.argv.slice(4);
const GETTERS = 48;
const OTHERS = 8;
const result = {
  gets: 0,
  uploads: 0,
  uploadedBytes: 0,
  webSocketMessages: 0,
  rawLines: 0,
  reopened: 0,
  failures: 0,
  firstFailure: "",
};
const startedAt = performance.now();
const endAt = startedAt + seconds * 1000;
const running = (): boolean => performance.now() < endAt;

/** A connection on which one thing at a time is asked, and which is opened again when its end has come in between. */
class Asker {
  #socket: Socket | undefined;
  #opening = false;
  #text = "";
  #answered: ((text: string) => void) | undefined;
  readonly #port: number;
  readonly #answerEnd: (text: string) => number;

  /** @param answerEnd length of the answer that the text begins with, or -1 */
  constructor(port: number, answerEnd: (text: string) => number) {
    this.#port = port;
    this.#answerEnd = answerEnd;
  }

  get busy(): boolean {
    return this.#opening || this.#answered !== undefined;
  }

  async ask(...pieces: readonly string[]): Promise<string> {
    this.#opening = true;
    const socket = this.#socket ?? (await this.#open());
    this.#opening = false;
    return new Promise((resolve) => {
      this.#answered = resolve;
      for (const piece of pieces) socket.write(piece, "latin1");
      this.#deliver();
    });
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  /** The other side wants this connection to end. */
  letGo(): void {
    result.reopened++;
    this.#socket?.end();
    this.#socket = undefined;
  }

  #open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#port, host, () => {
        this.#socket = socket;
        resolve(socket);
      });
      socket.setEncoding("latin1").setNoDelay(true);
      socket.on("data", (text: string) => {
        if (socket !== this.#socket) return;
        this.#text += text;
        this.#deliver();
        if (this.busy || this.#text !== "bye\n") return;
        this.#text = "";
        this.letGo();
      });
      socket.on("error", reject);
      socket.on("close", () => this.#closed(socket));
    });
  }

  #deliver(): void {
    const end = this.#answerEnd(this.#text);
    const answered = this.#answered;
    if (end < 0 || !answered) return;
    const answer = this.#text.slice(0, end);
    this.#text = this.#text.slice(end);
    this.#answered = undefined;
    answered(answer);
  }

  #closed(socket: Socket): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    this.#text = "";
    if (!running()) return;
    if (!this.#answered) {
      result.reopened++;
      return;
    }
    const answered = this.#answered;
    this.#answered = undefined;
    answered("connection closed");
  }
}

function httpAnswerEnd(text: string): number {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return -1;
  const end = head + 4 + Number(/content-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
  return text.length >= end ? end : -1;
}

const lineEnd = (text: string): number => text.indexOf("\n") + 1 || -1;

async function get(asker: Asker): Promise<void> {
  const answer = await asker.ask("GET /ip HTTP/1.1\r\nHost: load\r\n\r\n");
  result.gets++;
  check(answer.startsWith("HTTP/1.1 200"), `GET: ${answer.slice(0, 200)}`);
  if (/^connection: close/im.test(answer)) asker.letGo();
}

async function upload(): Promise<void> {
  const asker = new Asker(Number(httpPort), httpAnswerEnd);
  while (running()) {
    let size = 0;
    const pieces = ["POST /upload HTTP/1.1\r\nHost: load\r\nTransfer-Encoding: chunked\r\n\r\n"];
    for (let chunks = 1 + random(16); chunks > 0; chunks--) {
      const length = 1 + random(16 * 1024);
      size += length;
      pieces.push(`${length.toString(16)}\r\n${"x".repeat(length)}\r\n`);
    }
    const answer = await asker.ask(...pieces, "0\r\n\r\n");
    result.uploads++;
    result.uploadedBytes += size;
    check(answer.startsWith("HTTP/1.1 200") && answer.endsWith(`\n${size}`), `upload: ${answer.slice(0, 200)}`);
    if (/^connection: close/im.test(answer)) asker.letGo();
    await Bun.sleep(50);
  }
  asker.close();
}

async function sendLines(): Promise<void> {
  const asker = new Asker(Number(rawPort), lineEnd);
  while (running()) {
    const line = `line ${result.rawLines++}\n`;
    const answer = await asker.ask(line);
    // An answer that a goodbye came before.
    if (answer === "bye\n") {
      const late = await asker.ask();
      asker.letGo();
      check(late === line, `raw: ${late.slice(0, 200)}`);
    } else check(answer === line, `raw: ${answer.slice(0, 200)}`);
    await Bun.sleep(100);
  }
  asker.close();
}

async function chat(): Promise<void> {
  while (running()) {
    const socket = new WebSocket(`ws://${host}:${httpPort}/chat`);
    await talkOver(socket);
    socket.close();
    if (running()) result.reopened++;
  }
}

/** Until the end of the load, or until the server says goodbye and everything has been answered. */
function talkOver(socket: WebSocket): Promise<void> {
  return new Promise((resolve) => {
    let wanted: string | undefined;
    let goodbye = false;
    let over = false;
    const end = (): void => {
      over = true;
      clearInterval(timer);
      resolve();
    };
    const timer = setInterval(() => {
      if (socket.readyState !== WebSocket.OPEN || wanted !== undefined) return;
      if (goodbye || !running()) return end();
      wanted = `message ${result.webSocketMessages++}`;
      socket.send(wanted);
    }, 100);
    socket.onmessage = ({ data }) => {
      if (data === "bye") {
        goodbye = true;
        return;
      }
      check(data === wanted, `WebSocket: ${String(data).slice(0, 200)}`);
      wanted = undefined;
    };
    socket.onclose = ({ code }) => {
      if (over) return;
      check(wanted === undefined && code === 1000, `WebSocket closed with ${code}`);
      end();
    };
  });
}

function check(right: boolean, what: string): void {
  if (right) return;
  result.failures++;
  result.firstFailure ||= what;
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

const unfinished = new Map<string, number>();
const others = [upload, sendLines, chat].flatMap((start) =>
  Array.from({ length: OTHERS }, async () => {
    unfinished.set(start.name, (unfinished.get(start.name) ?? 0) + 1);
    await start();
    unfinished.set(start.name, (unfinished.get(start.name) ?? 0) - 1);
  }),
);
const getters = Array.from({ length: GETTERS }, () => new Asker(Number(httpPort), httpAnswerEnd));
const open = new Set<Promise<void>>();
for (let turn = 0, sent = 0; running(); ) {
  // By the clock, not by ticks: after a pause of the machine the rate is made up for, as far as connections are free.
  const wanted = ((performance.now() - startedAt) / 1000) * rate;
  for (let tried = 0; sent < wanted && tried < GETTERS; tried++) {
    const asker = getters[turn++ % GETTERS];
    if (!asker || asker.busy) continue;
    sent++;
    tried = 0;
    const asked = get(asker).catch((error: Error) => check(false, `GET: ${error.message}`));
    open.add(asked);
    void asked.finally(() => open.delete(asked));
  }
  await Bun.sleep(10);
}
const late = Bun.sleep(5000).then(() => "late");
if ((await Promise.race([Promise.all([...others, ...open]), late])) === "late")
  check(false, `no answer at the end: ${JSON.stringify([...unfinished])}, ${open.size} GETs`);
for (const asker of getters) asker.close();
console.log(JSON.stringify(result));
process.exit(0);
