/** A client that keeps its connection and asks one request after another, in bytes that it does not check. */
import type net from "node:net";

export interface Answer {
  readonly status: number;
  /** Whole, as it came. */
  readonly head: string;
  readonly body: string;
}

export interface KeptClient {
  /** Sends it whole; answers when an answer of known length has come. Opens a new connection when the last one has ended. */
  ask(request: string): Promise<Answer>;
  close(): void;
}

export function createKeptClient(open: () => Promise<net.Socket>): KeptClient {
  let socket: net.Socket | undefined;
  return {
    async ask(request) {
      if (!socket || socket.destroyed || socket.readableEnded) {
        socket = await open();
        socket.on("error", () => undefined);
      }
      const answer = readAnswer(socket);
      socket.write(request, "latin1");
      const { head } = await answer;
      // Whoever is told that the connection ends does not send on it again.
      if (/^connection: close/im.test(head)) {
        socket.destroy();
        socket = undefined;
      }
      return answer;
    },
    close: () => void socket?.destroy(),
  };
}

function readAnswer(socket: net.Socket): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let text = "";
    const onData = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const head = text.slice(0, end);
      const body = text.slice(end + 4);
      if (body.length < Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0)) return;
      socket.off("data", onData).off("close", onClose);
      resolve({ status: Number(head.split(" ")[1]), head, body });
    };
    const onClose = (): void => reject(new Error(`the connection ended after ${JSON.stringify(text)}`));
    socket.on("data", onData).on("close", onClose);
  });
}
