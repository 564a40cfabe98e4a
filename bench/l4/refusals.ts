import { readFileSync } from "node:fs";
import net from "node:net";
import tls from "node:tls";
import type { CredentialFiles } from "./credentials.ts";
import type { ProxyPair } from "./pairs/pair.ts";

const PROBE = "must not come back";
const PATIENCE_MS = 1000;

/**
 * What a pair lets through although it must not: callers without certificate, with somebody else's certificate, in
 * plaintext. Whoever lets one through has no figure (performance.md T10).
 */
export async function forbiddenCallersThatPass(
  pair: ProxyPair,
  port: number,
  credentials: CredentialFiles,
): Promise<readonly string[]> {
  const own = (files: CredentialFiles["client"]) => ({
    cert: readFileSync(files.certFile),
    key: readFileSync(files.keyFile),
  });
  const secure = (options: tls.ConnectionOptions) => () =>
    tls.connect({ host: pair.inboundAddress, port, rejectUnauthorized: false, ALPNProtocols: ["istio"], ...options });
  const callers: readonly [string, () => net.Socket][] = [
    ["no certificate", secure({})],
    ["a certificate of a foreign CA", secure(own(credentials.foreign))],
    ["plaintext", () => net.connect(port, pair.inboundAddress)],
  ];
  const passed: string[] = [];
  for (const [name, connect] of callers) if (await echoes(connect())) passed.push(name);
  // The nearest accepted caller: without it, a pair that refuses everybody would pass.
  if (!(await echoes(secure(own(credentials.client))()))) passed.push("(the right certificate does not)");
  return passed;
}

function echoes(socket: net.Socket): Promise<boolean> {
  return new Promise((done) => {
    const finish = (result: boolean): void => {
      socket.destroy();
      done(result);
    };
    socket.setTimeout(PATIENCE_MS, () => finish(false));
    socket.on("data", (data) => finish(data.includes(PROBE.slice(0, 4))));
    socket.on("error", () => finish(false)).on("close", () => finish(false));
    socket.write(PROBE);
  });
}
