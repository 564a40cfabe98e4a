/** The client of bench/sdk/requests.ts, on whatever runtime it is started: one request at a time over one connection, each way in turn. */
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { allow, connectHttp2, createHttpsAgent } from "@symbolon/spiffe/tls";
import { SERVER_ID } from "../harness/credentials.ts";
import { summarize } from "../harness/statistics.ts";
import { sourceOfFiles } from "./source-of-files.ts";

/** Of the server's listeners. */
export interface Ports {
  /** Plaintext HTTP/1.1, also the sidecars' back end. */
  readonly plain: number;
  /** Mutual TLS as the runtime has it, without the library. */
  readonly runtimeTls: number;
  readonly https: number;
  readonly http2: number;
}

export interface ClientOrder {
  readonly count: number;
  readonly rounds: number;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly ports: Ports;
  /** Addresses of outbound sidecars, by product. */
  readonly sidecars: Readonly<Record<string, string>>;
}

/** Milliseconds, the median of each round; a line of the client. */
export interface Measured {
  readonly way: string;
  /** Ways through sidecars that it is compared with: by the same client, in plaintext. */
  readonly references: readonly string[];
  readonly rounds: readonly number[];
}

/** Sends a request and answers with the bytes of a 200's body. */
type Send = () => Promise<number>;

const order: ClientOrder = JSON.parse(process.env.BENCH_CLIENT ?? "{}");
const { ports } = order;
const products = Object.keys(order.sidecars);
/** Clients that have ways of their own through sidecars. */
const UNDICI_CLIENTS = ["fetch", "undici's request"];
const through = (product: string) => `through ${product}'s sidecars`;
const [cert, key, ca] = [order.certFile, order.keyFile, order.caFile].map((file) => readFileSync(file, "utf8")) as [
  string,
  string,
  string,
];
const source = sourceOfFiles(cert, key, ca);
const accepted = { allow: allow.id(SERVER_ID) };
const local = { host: "127.0.0.1", path: "/1024" };
const one = { keepAlive: true, maxSockets: 1 };

const plainAgent = new http.Agent(one);
const runtimeAgent = new https.Agent({ ...one, cert, key, ca, checkServerIdentity: () => undefined });
const libraryAgent = createHttpsAgent(source, { ...accepted, maxSockets: 1 });
const session = await connectHttp2(source, { ...accepted, host: "127.0.0.1", port: ports.http2 });

const ways: Record<string, Send> = {
  ...Object.fromEntries(
    Object.entries(order.sidecars).map(([product, host]) => {
      const agent = new http.Agent(one);
      return [through(product), () => answered(http.request({ ...local, host, port: ports.plain, agent }))];
    }),
  ),
  "no TLS": () => answered(http.request({ ...local, port: ports.plain, agent: plainAgent })),
  "runtime's own https": () => answered(https.request({ ...local, port: ports.runtimeTls, agent: runtimeAgent })),
  https: () => answered(https.request({ ...local, port: ports.https, agent: libraryAgent })),
  http2: () => answeredStream(),
  ...(await undiciWays()),
};
const medians = new Map<string, number[]>(Object.keys(ways).map((way) => [way, []]));
for (let round = 0; round <= order.rounds; round++) {
  for (const [way, send] of Object.entries(ways)) {
    const times: number[] = [];
    for (let sent = 0; sent < order.count; sent++) {
      const start = performance.now();
      const bytes = await send();
      times.push(performance.now() - start);
      if (bytes !== 1024) throw new Error(`${way}: ${bytes} bytes in the answer`);
    }
    // The first round warms up.
    if (round > 0) medians.get(way)?.push(summarize(times).median);
  }
}
for (const [way, rounds] of medians) {
  const client = UNDICI_CLIENTS.find((each) => way.startsWith(each));
  const references = products.map((product) => (client ? `${client} ${through(product)}` : through(product)));
  console.log(JSON.stringify({ way, references, rounds } satisfies Measured));
}
process.exit();

function answered(request: http.ClientRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    request.on("error", reject).on("response", (response) => {
      let bytes = 0;
      response.on("data", (data: Buffer) => {
        bytes += data.length;
      });
      response.on("end", () => resolve(response.statusCode === 200 ? bytes : -1));
    });
    request.end();
  });
}

function answeredStream(): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":path": local.path });
    let status: unknown;
    let bytes = 0;
    stream.on("response", (headers) => {
      status = headers[":status"];
    });
    stream.on("data", (data: Buffer) => {
      bytes += data.length;
    });
    stream.on("error", reject).on("end", () => resolve(status === 200 ? bytes : -1));
    stream.end();
  });
}

/** Bun replaces undici by a stand-in. */
async function undiciWays(): Promise<Record<string, Send>> {
  if ("Bun" in globalThis) return {};
  const { createFetch, createUndiciAgent } = await import("@symbolon/spiffe/undici");
  const { Agent, fetch: undiciFetch, request } = await import("undici");
  const direct = `https://127.0.0.1:${ports.https}${local.path}`;
  const pool = { connections: 1 };
  const fetch = createFetch(source, { ...accepted, pool });
  const dispatcher = createUndiciAgent(source, { ...accepted, pool });
  type Response = { readonly status: number; arrayBuffer(): Promise<ArrayBuffer> };
  const ofFetch = async (response: Response) => {
    const { byteLength } = await response.arrayBuffer();
    return response.status === 200 ? byteLength : -1;
  };
  const ofRequest = async (url: string, by: InstanceType<typeof Agent>) => {
    const { statusCode, body } = await request(url, { dispatcher: by });
    const { byteLength } = await body.arrayBuffer();
    return statusCode === 200 ? byteLength : -1;
  };
  const ways: Record<string, Send> = {
    fetch: async () => ofFetch(await fetch(direct)),
    "undici's request": () => ofRequest(direct, dispatcher),
  };
  for (const [product, address] of Object.entries(order.sidecars)) {
    const url = `http://${address}:${ports.plain}${local.path}`;
    const plain = new Agent(pool);
    ways[`fetch ${through(product)}`] = async () => ofFetch(await undiciFetch(url, { dispatcher: plain }));
    ways[`undici's request ${through(product)}`] = () => ofRequest(url, plain);
  }
  return ways;
}
