import { type Clock, fullJitterBackoffMs, type Random, type Timer } from "@symbolon/spiffe/core";
import { type FrameConnection, frameSocketHandlers, openFrameStream, type StreamState } from "./frame-connection.ts";

export interface FrameClientOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  onOpen(connection: FrameConnection): void;
  onFrame(frame: Buffer, connection: FrameConnection): void;
  onDown?(error?: unknown): void;
}

export interface FrameClient {
  close(): void;
}

/** A local server that was killed is back in a fraction of a second. */
const RECONNECT_BACKOFF = { baseMs: 20, capMs: 1000 };

/** Keeps one frame stream to a Unix socket open: connects, and connects again for as long as it is not closed. */
export function connectFrames(options: FrameClientOptions): FrameClient {
  const { path, clock, random } = options;
  let closed = false;
  let failures = 0;
  let current: FrameConnection | undefined;
  let retry: Timer | undefined;

  const again = (): void => {
    if (closed) return;
    retry = clock.setTimer(fullJitterBackoffMs(failures++, random, RECONNECT_BACKOFF), connect);
  };
  const connect = (): void => {
    if (closed) return;
    Bun.connect<StreamState>({
      unix: path,
      socket: {
        ...frameSocketHandlers,
        open(socket) {
          const connection = openFrameStream(socket, {
            onFrame(frame, self) {
              // A server that takes connections and closes them at once does not count as back.
              failures = 0;
              options.onFrame(frame, self);
            },
            onClose(_self, error) {
              current = undefined;
              options.onDown?.(error);
              again();
            },
          });
          if (closed) return connection.close();
          current = connection;
          options.onOpen(connection);
        },
      },
    }).catch(again);
  };

  connect();
  return {
    close() {
      closed = true;
      retry?.cancel();
      current?.close();
    },
  };
}
