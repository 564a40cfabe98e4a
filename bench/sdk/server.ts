/** The back ends of bench/sdk/requests.ts, each with the same answer of 1 KiB. BENCH_SERVER names its files; its ports are its only line. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import * as https from "node:https";
import type { AddressInfo, Server } from "node:net";
import { allow, createHttp2Server, createHttpsServer } from "@symbolon/spiffe/tls";
import { CLIENT_ID } from "../harness/credentials.ts";
import type { Ports } from "./client.ts";
import { sourceOfFiles } from "./source-of-files.ts";

const { caFile, certFile, keyFile } = JSON.parse(process.env.BENCH_SERVER ?? "{}");
const [cert, key, ca] = [certFile, keyFile, caFile].map((file) => readFileSync(file, "utf8")) as [
  string,
  string,
  string,
];
const source = sourceOfFiles(cert, key, ca);
const body = Buffer.alloc(1024, "x");
const answer: RequestListener = (_request, response) => void response.end(body);
const accepted = { allow: allow.id(CLIENT_ID) };
const somewhere = { port: 0, host: "127.0.0.1" };

const ports: Ports = {
  plain: await listen(createServer(answer)),
  runtimeTls: await listen(https.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true }, answer)),
  https: (await createHttpsServer(source, accepted, answer).listen(somewhere)).port,
  http2: (await createHttp2Server(source, accepted, (_request, response) => void response.end(body)).listen(somewhere))
    .port,
};
console.log(JSON.stringify(ports));

async function listen(server: Server): Promise<number> {
  server.listen(somewhere);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
