import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { Clock } from "@symbolon/spiffe/core";
import { createAuthorityRewriter } from "./authority-rewriter.ts";

/** What a connection must have sent by then: the preface of HTTP/2 costs a client nothing. */
const PREFACE_TIMEOUT_MS = 10_000;

/**
 * A client's connection as the HTTP/2 layer gets it: with a harmless `:authority`, under a name that gRPC hands back as
 * the peer's address, and closed when no preface comes (runtime-facts §2, W1, W3, W8).
 * @param name what `call.getPeer()` will answer
 */
export function workloadConnection(socket: Socket, name: string, clock: Clock): Duplex {
  const rewriter = createAuthorityRewriter();
  const timer = clock.setTimer(PREFACE_TIMEOUT_MS, () => socket.destroy());
  const connection = new Duplex({
    read: () => void socket.resume(),
    write: (chunk: Uint8Array, _encoding, done) => void socket.write(chunk, (error) => done(error ?? null)),
    final: (done) => void socket.end(() => done()),
    destroy(error, done) {
      timer.cancel();
      socket.destroy();
      done(error);
    },
  });
  socket.on("data", (chunk: Uint8Array) => {
    let wantsMore = true;
    for (const part of rewriter.push(chunk)) wantsMore = connection.push(part);
    if (rewriter.hasPreface) timer.cancel();
    if (!wantsMore) socket.pause();
  });
  socket.on("end", () => connection.push(null));
  socket.on("error", (error) => connection.destroy(error));
  socket.on("close", () => connection.destroy());
  // The HTTP/2 layer passes on what is wrong with a connection; there is nobody else to tell.
  connection.on("error", () => undefined);
  return Object.defineProperty(connection, "remoteAddress", { value: name });
}
