import { windowUpdateFrame } from "./frame-writer.ts";
import { ConnectionError, H2_ERROR, StreamError } from "./protocol.ts";
import { ReceiveWindow } from "./receive-window.ts";
import type { ServerStream } from "./server-stream.ts";

const NO_FRAMES: readonly Buffer[] = [];

/** The windows of a connection and of its streams, which give back what is used by half: consumers have limits of their own. */
export class ReceiveWindows {
  readonly #ofConnection = new ReceiveWindow();
  /** Streams whose clients wait for a WINDOW_UPDATE, or soon will. */
  readonly #due = new Set<ServerStream>();
  readonly #onDue: () => void;

  /** @param onDue `updates` has something to write */
  constructor(onDue: () => void) {
    this.#onDue = onDue;
  }

  /** Counts a DATA frame, whatever becomes of its stream: the client has. @throws ConnectionError FLOW_CONTROL_ERROR */
  takeOfConnection(bytes: number): void {
    if (!this.#ofConnection.take(bytes))
      throw new ConnectionError(H2_ERROR.flowControlError, "more data than the connection's window allows");
    if (this.#ofConnection.isDue) this.#onDue();
  }

  /** @throws StreamError FLOW_CONTROL_ERROR */
  takeOfStream(stream: ServerStream, bytes: number): void {
    if (!stream.receiveWindow.take(bytes))
      throw new StreamError(H2_ERROR.flowControlError, "more data than the stream's window allows");
  }

  /** The client may have more to send on a stream. */
  renew(stream: ServerStream): void {
    if (!stream.receiveWindow.isDue) return;
    this.#due.add(stream);
    this.#onDue();
  }

  closed(stream: ServerStream): void {
    this.#due.delete(stream);
  }

  /** The frames that are written now. */
  updates(): readonly Buffer[] {
    if (!this.#ofConnection.isDue && this.#due.size === 0) return NO_FRAMES;
    const frames = [...this.#due].map(({ id, receiveWindow }) => windowUpdateFrame(id, receiveWindow.giveBack()));
    this.#due.clear();
    if (this.#ofConnection.isDue) frames.push(windowUpdateFrame(0, this.#ofConnection.giveBack()));
    return frames;
  }
}
