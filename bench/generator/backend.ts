import { isPattern, LONGEST_PIECE, patternAt } from "./pattern.ts";

/** State of one connection: where in a request it is, and what is still to be sent of the answer. */
interface Served {
  head: string;
  upload: number;
  received: number;
  download: number;
  sent: number;
  answering: boolean;
}

const HEAD_END = "\r\n\r\n";

/** Counts requests; what it checks of them it answers with 500. */
export interface Backend {
  readonly port: number;
  readonly requests: number;
  stop(): void;
}

/**
 * A back end for HTTP/1.1 on a raw socket, as cheap as it can be: `GET /N` is answered with N bytes, and so is a POST
 * once its content has come. It reads only what the generator sends.
 */
export function startBackend(hostname: string): Backend {
  let requests = 0;
  const listener = Bun.listen<Served>({
    hostname,
    port: 0,
    socket: {
      open(socket) {
        socket.setNoDelay(true);
        socket.data = { head: "", upload: 0, received: 0, download: 0, sent: 0, answering: false };
      },
      data(socket, chunk) {
        read(socket, chunk);
      },
      drain: (socket) => void (socket.data.answering && write(socket)),
      error: () => undefined,
    },
  });
  return {
    port: listener.port,
    get requests() {
      return requests;
    },
    stop: () => listener.stop(true),
  };

  function read(socket: Bun.Socket<Served>, chunk: Buffer): void {
    const { data } = socket;
    let at = 0;
    if (data.received === data.upload) {
      data.head += chunk.toString("latin1");
      const end = data.head.indexOf(HEAD_END);
      if (end < 0) return;
      at = chunk.length - (data.head.length - end - HEAD_END.length);
      const head = data.head.slice(0, end);
      data.head = "";
      data.upload = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
      data.download = Number(/^\S+ \/(\d+) /.exec(head)?.[1] ?? Number.NaN);
      data.received = 0;
      data.sent = 0;
    }
    const { upload, received } = data;
    const ok = chunk.length - at <= upload - received && isPattern(received, chunk, at, chunk.length);
    if (!ok || Number.isNaN(data.download))
      return void socket.end("HTTP/1.1 500 Not what was sent\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    data.received += chunk.length - at;
    if (data.received < upload) return;
    requests++;
    data.received = data.upload = 0;
    data.answering = true;
    answer(socket);
  }

  function answer(socket: Bun.Socket<Served>): void {
    const { download } = socket.data;
    const head = `HTTP/1.1 200 OK\r\nServer: backend\r\nDate: Thu, 26 Nov 2026 01:13:00 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: ${download}\r\n\r\n`;
    if (download <= 4096) {
      socket.data.answering = false;
      // The generator waits for each answer: a short write cannot happen.
      if (socket.write(Buffer.concat([Buffer.from(head), patternAt(0, download)])) < head.length) socket.terminate();
      return;
    }
    socket.write(head);
    write(socket);
  }

  function write(socket: Bun.Socket<Served>): void {
    const { data } = socket;
    while (data.sent < data.download) {
      const piece = Math.min(LONGEST_PIECE, data.download - data.sent);
      const written = socket.write(patternAt(data.sent, piece));
      if (written < 0) return;
      data.sent += written;
      if (written < piece) return;
    }
    data.answering = false;
  }
}
