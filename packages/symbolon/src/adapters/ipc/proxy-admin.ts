import { type Log, systemClock } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import type { FamilySnapshot } from "../../telemetry/index.ts";
import { createFrameDecoder, encodeMessage, parseMessage } from "./frame.ts";
import { type FrameServer, type ListenPrivately, serveFrames } from "./frame-server.ts";

/** What a proxy answers about itself; never a key. Each answer is JSON-safe. */
export interface ProxyAdminHandler {
  ready(): boolean;
  /** Version of the configuration that it obeys; null before the first. Every waiting change asks, so it costs nothing. */
  configVersion(): number | null;
  /** Its state: certificates, listeners, connections. */
  dump(): unknown;
  /** The configuration that it was told, as it came. */
  config(): unknown;
  metrics(): readonly FamilySnapshot[];
  logLevel(): string;
  /** @returns false: there is no such level */
  setLogLevel(level: string): boolean;
}

const QUESTIONS = ["ready", "configVersion", "dump", "config", "metrics", "logLevel"] as const;
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
        const { get, setLogLevel } = parseMessage(frame);
        if (typeof setLogLevel === "string") {
          if (!handler.setLogLevel(setLogLevel))
            throw productError("ERR_FRAME_INVALID", `"${setLogLevel}" is no level of a log`);
          return void connection.send(encodeMessage({ answer: handler.logLevel() }));
        }
        const question = QUESTIONS.find((candidate) => candidate === get);
        if (!question)
          throw productError("ERR_FRAME_INVALID", `"${String(get)}" is not one of ${QUESTIONS.join(", ")}`);
        connection.send(encodeMessage({ answer: handler[question]() }));
      },
      onClose() {},
    }),
  });
}

const ANSWER_WITHIN_MS = 3000;

/** Asks a proxy one question. @throws ERR_PROXY_UNREACHABLE */
export function readProxyAdmin(path: string, question: ProxyAdminQuestion): Promise<unknown> {
  return askProxy(path, { get: question });
}

/** @returns the level in force. @throws ERR_PROXY_UNREACHABLE */
export function setProxyLogLevel(path: string, level: string): Promise<unknown> {
  return askProxy(path, { setLogLevel: level });
}

function askProxy(path: string, message: object): Promise<unknown> {
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
          opened.write(encodeMessage(message));
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
