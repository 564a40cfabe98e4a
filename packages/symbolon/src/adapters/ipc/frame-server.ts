import { errorText, type Log } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import {
  type FrameConnection,
  type FrameHandlers,
  frameSocketHandlers,
  openFrameStream,
  type StreamState,
} from "./frame-connection.ts";

/** Runs `listen` at a path that has been made free and private (`listenOnUnixSocket` of adapters/os). */
export type ListenPrivately = <T>(path: string, listen: (path: string) => T) => Promise<T>;

export interface FrameServer {
  /** Stops listening and closes every connection. May be called twice. */
  close(): void;
}

/** More than any mesh of one machine has use for; a caller beyond it is closed at once. */
const MAX_CONNECTIONS = 4096;

/**
 * Listens for frame streams on a Unix socket.
 * @param accept handlers of a new connection; a throw refuses it
 */
export async function serveFrames(options: {
  readonly path: string;
  readonly listen: ListenPrivately;
  readonly accept: (connection: FrameConnection) => FrameHandlers;
  readonly log: Log;
}): Promise<FrameServer> {
  const { path, listen, accept, log } = options;
  const open = new Set<FrameConnection>();
  const server = await listen(path, (unix) =>
    Bun.listen<StreamState>({
      unix,
      socket: {
        ...frameSocketHandlers,
        open(socket) {
          // The stream exists before its handlers: they are chosen with the connection in hand.
          let handlers: FrameHandlers | undefined;
          const connection = openFrameStream(socket, {
            onFrame: (frame, self) => handlers?.onFrame(frame, self),
            onDrain: (self) => handlers?.onDrain?.(self),
            onClose: (self, error) => {
              open.delete(self);
              handlers?.onClose(self, error);
            },
          });
          try {
            if (open.size >= MAX_CONNECTIONS)
              throw productError("ERR_FRAME_INVALID", `"${path}" has ${MAX_CONNECTIONS} connections already`);
            handlers = accept(connection);
            open.add(connection);
          } catch (error) {
            log.warn("connection refused", { path, reason: errorText(error) });
            connection.close();
          }
        },
      },
    }),
  );
  return {
    close() {
      server.stop(true);
      for (const connection of [...open]) connection.close();
    },
  };
}
