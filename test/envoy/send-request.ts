import net from "node:net";
import tls from "node:tls";
import type { ConnectionAttributes, RequestAttributes } from "@symbolon/policy";

export interface ClientKeys {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** One request on a connection of its own, from the source address and with the certificate that the case asks for. */
export async function sendRequest(
  connection: ConnectionAttributes,
  request: RequestAttributes,
  { keys, token }: { readonly keys: ClientKeys | undefined; readonly token: string | undefined },
): Promise<Answer & { readonly localPort: number }> {
  const { socket, localPort } = await connect(connection, keys);
  const lines = [...request.headers].flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
  if (connection.remoteAddress !== undefined) lines.push(`x-forwarded-for: ${connection.remoteAddress}`);
  const authorization = token === undefined ? [] : [`authorization: Bearer ${token}`];
  const head = [`${request.method} ${request.path} HTTP/1.1`, `host: ${request.host}`, ...lines, ...authorization];
  socket.write(`${head.join("\r\n")}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, "latin1");
  return { ...parseAnswer(await everything(socket)), localPort };
}

/** Some bytes on such a connection, which is ended when they come back. */
export async function sendBytes(
  connection: ConnectionAttributes,
  keys: ClientKeys | undefined,
): Promise<{ readonly localPort: number }> {
  const { socket, localPort } = await connect(connection, keys);
  socket.once("data", () => socket.end());
  // Fewer than a TLS record has as header would leave the inspector waiting.
  socket.write("what comes back");
  await everything(socket);
  return { localPort };
}

async function connect(
  connection: ConnectionAttributes,
  keys: ClientKeys | undefined,
): Promise<{ readonly socket: net.Socket; readonly localPort: number }> {
  const raw = net.connect({
    host: connection.destinationAddress,
    port: connection.destinationPort,
    localAddress: connection.sourceAddress,
  });
  await opened(raw, "connect");
  const localPort = raw.localPort ?? 0;
  if (!keys) return { socket: raw, localPort };
  // Who answers is not under test.
  const secure = tls.connect({ socket: raw, ...keys, servername: connection.sni ?? "", rejectUnauthorized: false });
  await opened(secure, "secureConnect");
  return { socket: secure, localPort };
}

function opened(socket: net.Socket, event: string): Promise<void> {
  return new Promise((done, refuse) => {
    socket.once(event, () => done());
    socket.once("error", refuse);
  });
}

function everything(socket: net.Socket): Promise<string> {
  return new Promise((done) => {
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    // A reset after the answer is an end as well.
    socket.on("error", () => done(text));
    socket.on("close", () => done(text));
  });
}

function parseAnswer(text: string): Answer {
  const [head = "", ...body] = text.split("\r\n\r\n");
  const [status = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(status.split(" ")[1]), headers: new Map(headers), body: body.join("\r\n\r\n") };
}
