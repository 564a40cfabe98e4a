import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";

export interface Place {
  readonly address: string;
  readonly port: number;
}

/** Two proxies in a process of their own. */
export interface ProxyProcess {
  /** The server's: plaintext and mTLS. */
  readonly inbound: Place;
  /** The client's: over mTLS to the server's. */
  readonly outbound: Place;
  residentBytes(): number;
  close(): Promise<void>;
}

export async function startProxies(application: Place): Promise<ProxyProcess> {
  const program = join(import.meta.dir, "proxy-process.ts");
  const child = spawn(process.execPath, [program, application.address, String(application.port)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(child.stdout, "data");
  const { inbound, outbound }: Pick<ProxyProcess, "inbound" | "outbound"> = JSON.parse(String(line));
  return { inbound, outbound, residentBytes: () => residentBytes(child), close: () => end(child) };
}

function residentBytes({ pid }: ChildProcess): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGKILL");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

export const GET = "GET / HTTP/1.1\r\nHost: s\r\n\r\n";
export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/** An open connection; what comes is thrown away until somebody listens. */
export async function open(place: Place, localAddress?: string): Promise<net.Socket> {
  const socket = net.connect({ host: place.address, port: place.port, ...(localAddress ? { localAddress } : {}) });
  await once(socket, "connect");
  socket.on("error", () => undefined);
  return socket;
}

/** One request that is answered with `OK`; how long it took, in ms. */
export async function ask(socket: net.Socket): Promise<number> {
  const startedAt = performance.now();
  let text = "";
  await new Promise<void>((resolve, reject) => {
    const ended = (): void => reject(new Error(`the connection ended after ${JSON.stringify(text)}`));
    const take = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (text.length < OK.length) return;
      socket.off("data", take).off("close", ended);
      resolve();
    };
    socket.on("data", take).on("close", ended);
    socket.write(GET);
  });
  if (text !== OK) throw new Error(`unexpected answer ${JSON.stringify(text)}`);
  return performance.now() - startedAt;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export const megabytes = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(0)} MB`;
