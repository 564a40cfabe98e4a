import type { Socket } from "bun";
import { createFrameDecoder, type FrameDecoder } from "./frame.ts";

/** One end of a Unix-socket stream of frames. */
export interface FrameConnection {
  /** Kernel descriptor, for the peer's credentials. */
  readonly fd: number;
  /**
   * Queues one encoded frame. `wipe` overwrites the buffer with zeros once the kernel has all of it.
   * @returns false while the peer does not take what is queued: send nothing more before `onDrain`
   */
  send(frame: Buffer, options?: { readonly wipe?: boolean }): boolean;
  close(): void;
}

export interface FrameHandlers {
  onFrame(frame: Buffer, connection: FrameConnection): void;
  onDrain?(connection: FrameConnection): void;
  /** Once, however the stream ended. */
  onClose(connection: FrameConnection, error?: unknown): void;
}

interface QueuedFrame {
  readonly frame: Buffer;
  readonly wipe: boolean;
  offset: number;
}

export interface StreamState {
  readonly decoder: FrameDecoder;
  readonly handlers: FrameHandlers;
  readonly queue: QueuedFrame[];
  connection: FrameConnection;
  closed: boolean;
}

/** Handlers for Bun's sockets: the same for listeners and clients. `socket.data` is this stream's state. */
export const frameSocketHandlers = {
  data(socket: Socket<StreamState>, chunk: Buffer): void {
    const { decoder, handlers, connection } = socket.data;
    try {
      for (const frame of decoder.push(chunk)) handlers.onFrame(frame, connection);
    } catch (error) {
      end(socket, error);
    }
  },
  drain(socket: Socket<StreamState>): void {
    if (flush(socket)) socket.data.handlers.onDrain?.(socket.data.connection);
  },
  close(socket: Socket<StreamState>): void {
    end(socket);
  },
  error(socket: Socket<StreamState>, error: Error): void {
    end(socket, error);
  },
};

/** To be called in `open`: makes the connection of a new socket. */
export function openFrameStream(socket: Socket<StreamState>, handlers: FrameHandlers): FrameConnection {
  const connection: FrameConnection = {
    get fd() {
      return (socket as unknown as { readonly fd: number }).fd;
    },
    send(frame, { wipe = false } = {}) {
      if (socket.data.closed) {
        if (wipe) frame.fill(0);
        return false;
      }
      socket.data.queue.push({ frame, wipe, offset: 0 });
      return flush(socket);
    },
    close: () => end(socket),
  };
  socket.data = { decoder: createFrameDecoder(), handlers, queue: [], connection, closed: false };
  return connection;
}

/** @returns true when nothing is left to write */
function flush(socket: Socket<StreamState>): boolean {
  const { queue } = socket.data;
  for (let head = queue[0]; head; head = queue[0]) {
    const written = socket.write(head.offset === 0 ? head.frame : head.frame.subarray(head.offset));
    if (written < 0) {
      end(socket);
      return false;
    }
    head.offset += written;
    if (head.offset < head.frame.length) return false;
    queue.shift();
    if (head.wipe) head.frame.fill(0);
  }
  return true;
}

function end(socket: Socket<StreamState>, error?: unknown): void {
  const state = socket.data;
  if (!state || state.closed) return;
  state.closed = true;
  for (const { frame, wipe } of state.queue) if (wipe) frame.fill(0);
  state.queue.length = 0;
  socket.terminate();
  state.handlers.onClose(state.connection, error);
}
