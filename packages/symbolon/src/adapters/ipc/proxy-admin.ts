import { type Log, systemClock } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import { createFrameDecoder, encodeMessage, parseMessage } from "./frame.ts";
import { type FrameServer, type ListenPrivately, serveFrames } from "./frame-server.ts";

/** What a proxy answers about itself; never a key. */
export interface ProxyAdminHandler {
  ready(): boolean;
  dump(): unknown;
}

const QUESTIONS = ["ready", "dump"] as const;
export type ProxyAdminQuestion = (typeof QUESTIONS)[number];

/** The proxy's admin surface. Whoever can open the socket's directory (0700) may ask. */
export function serveProxyAdmin(options: {
  readonly path: string;
  readonly listen: ListenPrivately;
  readonly handler: ProxyAdminHandler;
  readonly log: Log;
}): Promise<FrameServer> {
  const { handler } = options;
  return serveFrames({
    ...options,
    accept: () => ({
      onFrame(frame, connection) {
        const { get } = parseMessage(frame);
        if (get === "ready") connection.send(encodeMessage({ answer: handler.ready() }));
        else if (get === "dump") connection.send(encodeMessage({ answer: handler.dump() }));
        else throw productError("ERR_FRAME_INVALID", `"${String(get)}" is not one of ${QUESTIONS.join(", ")}`);
      },
      onClose() {},
    }),
  });
}

const ANSWER_WITHIN_MS = 3000;

/** Asks a proxy one question. @throws ERR_PROXY_UNREACHABLE */
export function readProxyAdmin(path: string, question: ProxyAdminQuestion): Promise<unknown> {
  const unreachable = (why: string) => productError("ERR_PROXY_UNREACHABLE", `the proxy behind "${path}" ${why}`);
  return new Promise((resolve, reject) => {
    const decoder = createFrameDecoder();
    let socket: { terminate(): void } | undefined;
    const timer = systemClock.setTimer(ANSWER_WITHIN_MS, () =>
      finish(() => reject(unreachable("did not answer in time"))),
    );
    const finish = (settle: () => void): void => {
      timer.cancel();
      settle();
      socket?.terminate();
    };
    Bun.connect({
      unix: path,
      socket: {
        open(opened) {
          socket = opened;
          opened.write(encodeMessage({ get: question }));
        },
        data(_socket, chunk) {
          try {
            const [frame] = decoder.push(chunk);
            if (frame) finish(() => resolve(parseMessage(frame).answer));
          } catch (error) {
            finish(() => reject(error));
          }
        },
        close: () => finish(() => reject(unreachable("closed the connection"))),
        error: () => finish(() => reject(unreachable("broke the connection"))),
      },
    }).catch(() => finish(() => reject(unreachable("is not there"))));
  });
}
