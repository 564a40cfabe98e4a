import { errorText, type Log } from "@symbolon/spiffe/core";
import { MAX_TCP_MESSAGE_BYTES } from "./resolve-name.ts";

export interface DnsServer {
  readonly port: number;
  close(): void;
}

const LENGTH_BYTES = 2;
const MAX_TCP_CLIENTS = 64;

/** DNS over UDP and TCP on one address. @param answer undefined: no answer at all */
export async function startDnsServer(options: {
  readonly address: string;
  readonly port: number;
  readonly answer: (query: Uint8Array, transport: "udp" | "tcp") => Uint8Array | undefined;
  readonly log: Log;
}): Promise<DnsServer> {
  const { address, answer, log } = options;
  const udp = await Bun.udpSocket({
    hostname: address,
    port: options.port,
    socket: {
      data(socket, query, port, client) {
        const response = answer(query, "udp");
        if (response) socket.send(response, port, client);
      },
      error(_socket, error) {
        log.warn("DNS socket failed", { reason: errorText(error) });
      },
    },
  });
  try {
    const tcp = listenTcp(address, udp.port, answer);
    return {
      port: udp.port,
      close() {
        udp.close();
        tcp.stop(true);
      },
    };
  } catch (error) {
    udp.close();
    throw error;
  }
}

function listenTcp(
  address: string,
  port: number,
  answer: (query: Uint8Array, transport: "tcp") => Uint8Array | undefined,
): { stop(closeConnections: boolean): void } {
  let clients = 0;
  return Bun.listen<{ pending: Buffer }>({
    hostname: address,
    port,
    socket: {
      open(socket) {
        socket.data = { pending: Buffer.alloc(0) };
        if (++clients > MAX_TCP_CLIENTS) socket.terminate();
        socket.timeout(10);
      },
      data(socket, chunk) {
        let pending = Buffer.concat([socket.data.pending, chunk]);
        while (pending.length >= LENGTH_BYTES && pending.length >= LENGTH_BYTES + pending.readUInt16BE(0)) {
          const end = LENGTH_BYTES + pending.readUInt16BE(0);
          const response = answer(pending.subarray(LENGTH_BYTES, end), "tcp");
          pending = pending.subarray(end);
          if (!response) continue;
          const length = Buffer.alloc(LENGTH_BYTES);
          length.writeUInt16BE(response.length);
          // A client that does not read its answers loses the connection.
          if (socket.write(Buffer.concat([length, response])) < LENGTH_BYTES + response.length)
            return socket.terminate();
        }
        socket.data.pending = Buffer.from(pending);
        if (pending.length > LENGTH_BYTES + MAX_TCP_MESSAGE_BYTES) socket.terminate();
      },
      timeout: (socket) => void socket.terminate(),
      close: () => void clients--,
      error: (socket) => void socket.terminate(),
    },
  });
}
