/**
 * Steady load on connections that stay open: load.ts SECONDS RATE HTTP_CONNECTIONS HOST PORT RAW_CONNECTIONS RAW_HOST RAW_PORT
 * HTTP connections send GET /ip in turn at RATE requests a second together; raw ones send a line each second and want its echo
 * with the prefix "hello ". Prints {"requests", "failures", "rawMessages", "closed"}.
 */
import { connect, type Socket } from "node:net";

const [seconds = 0, rate = 0, httpCount = 0] = process.argv.slice(2, 5).map(Number);
const [host = "", port = "", rawCount = "", rawHost = "", rawPort = ""] = process.argv.slice(5);
const result = { requests: 0, failures: 0, rawMessages: 0, closed: 0, firstFailure: "" };
let ending = false;

interface Waiting {
  readonly socket: Socket;
  answer: ((text: string) => void) | undefined;
}

const http = await Promise.all(Array.from({ length: httpCount }, () => open(host, Number(port), httpAnswerIsComplete)));
const raw = await Promise.all(
  Array.from({ length: Number(rawCount) }, () => open(rawHost, Number(rawPort), (text) => text.endsWith("\n"))),
);
const startedAt = performance.now();
const endAt = startedAt + seconds * 1000;
const tickMs = 10;
let sent = 0;
let turn = 0;
let nextRaw = startedAt;
while (performance.now() < endAt) {
  // By the clock, not by ticks: after a pause of the machine the rate is made up for, as far as connections are free.
  const wanted = ((performance.now() - startedAt) / 1000) * rate;
  for (let tried = 0; sent < wanted && tried < http.length; tried++) {
    const connection = http[turn++ % http.length];
    if (!connection || connection.answer) continue;
    sent++;
    tried = 0;
    void exchange(connection, "GET /ip HTTP/1.1\r\nHost: load\r\n\r\n", (text) => text.startsWith("HTTP/1.1 200"));
  }
  if (performance.now() >= nextRaw) {
    nextRaw += 1000;
    for (const [index, connection] of raw.entries()) {
      result.rawMessages++;
      void exchange(connection, `line ${index}\n`, (text) => text === `hello line ${index}\n`);
    }
  }
  await Bun.sleep(tickMs);
}
await Bun.sleep(1000);
result.failures += [...http, ...raw].filter((connection) => connection.answer).length;
ending = true;
for (const { socket } of [...http, ...raw]) socket.destroy();
console.log(JSON.stringify(result));

async function exchange(connection: Waiting, message: string, accepted: (text: string) => boolean): Promise<void> {
  result.requests++;
  const text = await new Promise<string>((resolve) => {
    connection.answer = resolve;
    connection.socket.write(message);
  });
  if (!accepted(text)) fail(`unexpected answer ${JSON.stringify(text.slice(0, 100))}`);
}

function open(toHost: string, toPort: number, isComplete: (text: string) => boolean): Promise<Waiting> {
  return new Promise((resolve) => {
    const socket = connect(toPort, toHost);
    const connection: Waiting = { socket, answer: undefined };
    let buffer = "";
    socket.setEncoding("latin1");
    socket.on("connect", () => resolve(connection));
    socket.on("error", (error) => fail(error.message));
    socket.on("close", () => {
      if (ending) return;
      result.closed++;
      fail("connection closed");
    });
    socket.on("data", (text: string) => {
      buffer += text;
      if (!isComplete(buffer)) return;
      const answer = connection.answer;
      connection.answer = undefined;
      answer?.(buffer);
      buffer = "";
    });
  });
}

function httpAnswerIsComplete(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  const length = /content-length: (\d+)/i.exec(text)?.[1];
  return head >= 0 && text.length >= head + 4 + Number(length ?? 0);
}

function fail(reason: string): void {
  result.failures++;
  result.firstFailure ||= reason;
}
