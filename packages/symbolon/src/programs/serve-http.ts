import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { listenAddress, type ProgramIo, untilEnded } from "./program.ts";

export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void> | void;

/** Serves until told to end; a busy port is exit status 1 and one line. */
export async function serveHttp(name: string, port: number, handler: HttpHandler, io: ProgramIo): Promise<number> {
  const server = createServer((request, response) => {
    Promise.resolve()
      .then(() => handler(request, response))
      .catch(() => response.destroy());
  });
  const ended = untilEnded(io);
  const host = listenAddress();
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    server.once("error", resolve);
    server.listen(port, host, () => resolve(undefined));
  });
  if (failure) {
    io.stderr.write(`${name}: cannot listen on port ${port}: ${failure.message}\n`);
    return 1;
  }
  const address = server.address();
  io.stdout.write(`${name}: listening on ${host}:${typeof address === "object" ? address?.port : port}\n`);
  await ended;
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return 0;
}
