/**
 * A server of four kinds of traffic that ends as Kubernetes asks of programs: mixed-server.ts HTTP_PORT RAW_PORT
 * GET anything: 200; POST: the number of bytes; a WebSocket: each message back; raw TCP: each line back. After SIGTERM it
 * serves on for a while, says "bye" where the other side has to let go, and ends when nobody is left.
 */
const [httpPort, rawPort] = process.argv.slice(2, 4).map(Number);
/** Others have to hear first that this pod serves no more. */
const LAME_DUCK_MS = 2000;
const webSockets = new Set<Bun.ServerWebSocket<undefined>>();
const rawSockets = new Set<Bun.Socket<{ rest: string }>>();

const http = Bun.serve<undefined>({
  port: httpPort as number,
  hostname: "0.0.0.0",
  idleTimeout: 0,
  async fetch(request, server) {
    if (request.headers.get("upgrade") === "websocket" && server.upgrade(request, { data: undefined })) return;
    let bytes = 0;
    if (request.body) for await (const chunk of request.body) bytes += chunk.length;
    return new Response(request.method === "POST" ? String(bytes) : (process.env.HOSTNAME ?? "ok"));
  },
  websocket: {
    open: (socket) => void webSockets.add(socket),
    message: (socket, message) => void socket.send(message),
    close: (socket) => void webSockets.delete(socket),
  },
});

const raw = Bun.listen<{ rest: string }>({
  port: rawPort as number,
  hostname: "0.0.0.0",
  socket: {
    open(socket) {
      socket.data = { rest: "" };
      rawSockets.add(socket);
    },
    data(socket, chunk) {
      const lines = (socket.data.rest + chunk.toString("latin1")).split("\n");
      socket.data.rest = lines.pop() ?? "";
      for (const line of lines) socket.write(`${line}\n`);
    },
    end: (socket) => void socket.end(),
    close: (socket) => void rawSockets.delete(socket),
    error: (socket) => void socket.end(),
  },
});

process.on("SIGTERM", async () => {
  await Bun.sleep(LAME_DUCK_MS);
  raw.stop();
  for (const socket of rawSockets) socket.write("bye\n");
  for (const socket of webSockets) socket.send("bye");
  while (rawSockets.size + webSockets.size > 0) await Bun.sleep(20);
  await http.stop();
  process.exit(0);
});
