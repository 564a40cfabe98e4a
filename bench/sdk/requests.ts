/** A request over the library's mutual TLS against the same in plaintext through a pair of sidecars, one at a time: `requests.ts [N] [ROUNDS] [bare]`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { join } from "node:path";
import { allow, createHttpsAgent } from "@symbolon/spiffe/tls";
import { SERVER_ID } from "../harness/credentials.ts";
import { machineFacts } from "../harness/machine-facts.ts";
import { OURS, openSession } from "../harness/session.ts";
import { summarize } from "../harness/statistics.ts";
import { HTTP, HTTP_WITH_EVERYTHING } from "../harness/traffic.ts";
import { sourceOfFiles } from "./source-of-files.ts";

const count = Number(process.argv[2] ?? 2000);
const rounds = Number(process.argv[3] ?? 5);
/** As the product does it, or bare: without policies and access records. */
const traffic = process.argv[4] === "bare" ? HTTP : HTTP_WITH_EVERYTHING;
const session = await openSession();
const { caFile, client, server } = session.credentials;
const env = { ...process.env, BENCH_SERVER: JSON.stringify({ caFile, ...server }) };
const child = spawn(process.execPath, [join(import.meta.dir, "server.ts")], {
  env,
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const port = Number(String((await once(child.stdout, "data"))[0]));
  const pair = await session.pair(OURS, traffic, { pinned: false });
  const source = sourceOfFiles(...([client.certFile, client.keyFile, caFile].map(text) as [string, string, string]));
  const agent = createHttpsAgent(source, { allow: allow.id(SERVER_ID), maxSockets: 1 });
  const plain = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const library = () => https.request({ host: "127.0.0.1", port, path: "/1024", agent });
  const sidecars = () =>
    http.request({ host: pair.outboundAddress, port: session.load.port, path: "/1024", agent: plain });
  const facts = machineFacts();
  console.log(`${facts.date}, ${facts.cpu}, ${facts.cores} cores, load ${facts.load.join(" ")}; ${count} requests`);
  const ratios: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const [own, pairs] = [await medianOf(library), await medianOf(sidecars)];
    // The first round warms up.
    if (round === 0) continue;
    ratios.push(own / pairs);
    console.log(
      `p50: library ${own.toFixed(3)} ms, sidecars ${pairs.toFixed(3)} ms, ratio ${(own / pairs).toFixed(2)}`,
    );
  }
  console.log(`library over sidecars, median of ${rounds}: ${summarize(ratios).median.toFixed(2)}`);
  agent.destroy();
  plain.destroy();
} finally {
  child.kill();
  await session.close();
}
process.exit();

function text(path: string): string {
  return readFileSync(path, "utf8");
}

/** Milliseconds from a request to the end of its answer. @throws when an answer is not 200 with 1 KiB */
async function medianOf(send: () => http.ClientRequest): Promise<number> {
  const times: number[] = [];
  for (let sent = 0; sent < count; sent++) {
    const start = performance.now();
    const request = send().end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    let bytes = 0;
    response.on("data", (data: Buffer) => {
      bytes += data.length;
    });
    await once(response, "end");
    if (response.statusCode !== 200 || bytes !== 1024) throw new Error(`answer ${response.statusCode}, ${bytes} bytes`);
    times.push(performance.now() - start);
  }
  return summarize(times).median;
}
