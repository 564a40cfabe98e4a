/**
 * `clients.ts SOCKET first COUNT`: connects COUNT times, one after the other, and prints the milliseconds from connect to
 * the first SVID of each. `clients.ts SOCKET idle COUNT`: COUNT connections with a stream each; prints a line whenever all
 * of them have one more message: the time of the last one's arrival, ms since 1970.
 */
import { FRAME, grpcCall, grpcMessages, openRawHttp2, type RawHttp2 } from "../../test/fakes/raw-http2.ts";

const [socket = "", mode, count = "1"] = process.argv.slice(2);
const CALL = grpcCall("/SpiffeWorkloadAPI/FetchX509SVID");

if (mode === "first") await measureFirst(Number(count));
else await holdStreams(Number(count));

async function measureFirst(connections: number): Promise<void> {
  const times: number[] = [];
  for (let index = 0; index < connections; index++) {
    const before = performance.now();
    const client = openRawHttp2(socket);
    client.send(CALL);
    await client.until(() => grpcMessages(client.frames).length > 0);
    times.push(performance.now() - before);
    client.close();
    await client.closed;
  }
  console.log(JSON.stringify(times));
}

async function holdStreams(connections: number): Promise<void> {
  process.stdin.on("end", () => process.exit(0)).resume();
  const clients: RawHttp2[] = [];
  while (clients.length < connections) {
    const client = openRawHttp2(socket);
    client.send(CALL);
    // One after the other: the kernel queues only so many connections that nobody has accepted yet.
    await client.until(({ type }) => type === FRAME.data);
    clients.push(client);
  }
  for (let round = 1; ; round++) {
    await Promise.all(
      clients.map((client) =>
        client.until(({ type }) => type === FRAME.data && grpcMessages(client.frames).length >= round),
      ),
    );
    console.log(Date.now());
  }
}
