import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import type { ProxyPair, Traffic } from "../pairs/pair.ts";
import type { CredentialFiles } from "./credentials.ts";

const PROBE = "GET /5 HTTP/1.1\r\nHost: echo\r\n\r\n";
const PATIENCE_MS = 1000;

/** What was negotiated with the caller that has to be accepted. */
export interface Negotiated {
  readonly tlsVersion: string;
  readonly cipher: string;
}

/**
 * Callers without certificate, with somebody else's certificate, in plaintext, or whom policies refuse: whoever lets one through has no figure
 * (performance.md T10).
 * @throws when one passes, or the right one does not
 */
export async function proveRefusals(
  pair: ProxyPair,
  port: number,
  credentials: CredentialFiles,
  { group, policies }: Traffic,
): Promise<Negotiated> {
  const own = (files: CredentialFiles["client"]) => ({
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  });
  const secure = (options: tls.ConnectionOptions) => () =>
    tls.connect({
      host: pair.inboundAddress,
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ["istio-http/1.1", "istio", "http/1.1"],
      ecdhCurve: group,
      ...options,
    });
  const callers: readonly [string, () => net.Socket][] = [
    ["no certificate", secure({})],
    ["a certificate of a foreign CA", secure(own(credentials.foreign))],
    ["plaintext", () => net.connect(port, pair.inboundAddress)],
    ...(policies > 0 ? [["another workload", secure(own(credentials.intruder))] as [string, () => net.Socket]] : []),
  ];
  const passed: string[] = [];
  for (const [name, connect] of callers) if (await isAnswered(connect())) passed.push(name);
  if (passed.length > 0) throw new Error(`${pair.name} lets through: ${passed.join(", ")}`);
  // The nearest accepted caller: without it, a pair that refuses everybody would pass.
  const accepted = secure(own(credentials.client))() as tls.TLSSocket;
  const negotiated = new Promise<Negotiated>((resolve) =>
    accepted.once("secureConnect", () =>
      resolve({ tlsVersion: accepted.getProtocol() ?? "", cipher: accepted.getCipher().name }),
    ),
  );
  if (!(await isAnswered(accepted))) throw new Error(`${pair.name} does not let the right certificate through`);
  return negotiated;
}

function isAnswered(socket: net.Socket): Promise<boolean> {
  return new Promise((done) => {
    const finish = (result: boolean): void => {
      socket.destroy();
      done(result);
    };
    socket.setTimeout(PATIENCE_MS, () => finish(false));
    socket.on("data", (data) => finish(data.includes("HTTP/1.1 200 ")));
    socket.on("error", () => finish(false)).on("close", () => finish(false));
    socket.write(PROBE);
  });
}
