import { createServer, type Server, type Socket } from "node:net";
import { listenAddress, type Program, parsePort, untilEnded } from "./program.ts";

const MAX_LINE_BYTES = 1 << 20;

/** `tcp-echo 9000,9001 PREFIX`: Istio's tcp-echo-server; every line comes back with the prefix before it. */
export const tcpEcho: Program = async (args, io) => {
  const [portList = "", prefix = ""] = args;
  const ports = portList.split(",").map(parsePort);
  if (args.length !== 2 || ports.includes(undefined)) {
    io.stderr.write("tcp-echo: usage: tcp-echo PORT[,PORT...] PREFIX\n");
    return 2;
  }
  const ended = untilEnded(io);
  const host = listenAddress();
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  for (const port of ports) {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      echoLines(socket, prefix);
    });
    servers.push(server);
    const failure = await new Promise<Error | undefined>((resolve) => {
      server.once("error", resolve);
      server.listen(port, host, () => resolve(undefined));
    });
    if (failure) {
      io.stderr.write(`tcp-echo: cannot listen on port ${port}: ${failure.message}\n`);
      for (const each of servers) each.close();
      return 1;
    }
    const address = server.address();
    io.stdout.write(
      `tcp-echo: listening on ${host}:${typeof address === "object" ? address?.port : port}, prefix: ${prefix}\n`,
    );
  }
  await ended;
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return 0;
};

function echoLines(socket: Socket, prefix: string): void {
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let answer = "";
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      answer += `${prefix} ${rest.subarray(0, end + 1).toString("latin1")}`;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > MAX_LINE_BYTES) return void socket.destroy();
    if (answer !== "" && !socket.write(answer, "latin1")) {
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  });
  socket.on("end", () => socket.end());
  socket.on("error", () => socket.destroy());
}
