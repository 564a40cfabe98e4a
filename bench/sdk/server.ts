/** The back end of bench/sdk/requests.ts: 1 KiB over mutual TLS by the library. BENCH_SERVER names its files. */
import { readFileSync } from "node:fs";
import { allow, createHttpsServer } from "@symbolon/spiffe/tls";
import { CLIENT_ID } from "../harness/credentials.ts";
import { sourceOfFiles } from "./source-of-files.ts";

const { caFile, certFile, keyFile } = JSON.parse(process.env.BENCH_SERVER ?? "{}");
const body = Buffer.alloc(1024, "x");
const source = sourceOfFiles(
  readFileSync(certFile, "utf8"),
  readFileSync(keyFile, "utf8"),
  readFileSync(caFile, "utf8"),
);
const server = createHttpsServer(source, { allow: allow.id(CLIENT_ID) }, (_req, res) => void res.end(body));
console.log((await server.listen({ port: 0, host: "127.0.0.1" })).port);
