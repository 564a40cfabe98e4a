/**
 * Large transfers both ways at once, checked by hash: bulk.ts serve PORT | bulk.ts send HOST PORT CONNECTIONS MEGABYTES
 * Each side sends its data and then the SHA-256 of it, and half-closes; the server adds one byte: 1 when what it received was right.
 */
import { createHash, randomBytes } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";

const CHUNK = randomBytes(1 << 20);
const [role = "", ...args] = process.argv.slice(2);

if (role === "serve") {
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    void serve(socket);
  }).listen(Number(args[0]), "0.0.0.0");
} else {
  const [host = "", port = "", connections = "", megabytes = ""] = args;
  const results = await Promise.all(
    Array.from({ length: Number(connections) }, () => send(host, Number(port), Number(megabytes))),
  );
  console.log(JSON.stringify({ transfers: results.length, right: results.filter(Boolean).length }));
}

async function serve(socket: Socket): Promise<void> {
  const size = await firstBytes(socket, 4);
  const received = receive(socket, 0);
  await transmit(socket, size.readUInt32BE(0), Buffer.alloc(0));
  const { right } = await received;
  socket.end(Buffer.from([right ? 1 : 0]));
}

async function send(host: string, port: number, megabytes: number): Promise<boolean> {
  const socket = connect({ host, port, allowHalfOpen: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const received = receive(socket, 1);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(megabytes);
  await transmit(socket, megabytes, size);
  socket.end();
  const { right, rest } = await received;
  return right && rest[0] === 1;
}

async function transmit(socket: Socket, megabytes: number, preface: Buffer): Promise<void> {
  const hash = createHash("sha256");
  if (preface.length > 0) socket.write(preface);
  for (let sent = 0; sent < megabytes; sent++) {
    hash.update(CHUNK);
    if (!socket.write(CHUNK)) await new Promise((resolve) => socket.once("drain", resolve));
  }
  socket.write(hash.digest());
}

/** Hashes everything but the last 32 bytes (and what follows them), and compares. */
function receive(socket: Socket, trailer: number): Promise<{ right: boolean; rest: Buffer }> {
  const hash = createHash("sha256");
  let tail = Buffer.alloc(0);
  return new Promise((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      const all = Buffer.concat([tail, chunk]);
      const keep = Math.min(all.length, 32 + trailer);
      hash.update(all.subarray(0, all.length - keep));
      tail = Buffer.from(all.subarray(all.length - keep));
    });
    socket.on("end", () => {
      const digest = tail.subarray(0, 32);
      resolve({ right: hash.digest().equals(digest), rest: tail.subarray(32) });
    });
    socket.on("error", reject);
  });
}

function firstBytes(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve) => {
    const take = (): void => {
      const bytes = socket.read(count) as Buffer | null;
      if (bytes) resolve(bytes);
      else socket.once("readable", take);
    };
    take();
  });
}
