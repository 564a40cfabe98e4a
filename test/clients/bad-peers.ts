/** Peers that must be refused, and one that must not: certificates, and TLS ends that show them whatever the other side shows. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { createTestAuthority, type TestAuthority, type TestLeafOptions } from "@symbolon/spiffe/testing";
import { certificatesToPem } from "@symbolon/spiffe/x509";

export interface PeerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** The SPIFFE ID that clients and servers of these suites let in. */
export const RIGHT_ID = "spiffe://example.org/myservice";

const HOUR_MS = 3_600_000;

/** Undefined: no certificate at all. */
export function peerCertificates(authority: TestAuthority): Readonly<Record<string, PeerCertificate | undefined>> {
  const now = Date.now();
  const of = (options: TestLeafOptions, from = authority) => pemOf(from, options);
  return {
    "the right ID": of({ uris: [RIGHT_ID] }),
    "a wrong ID": of({ uris: ["spiffe://example.org/other"] }),
    "a wrong trust domain": of({ uris: ["spiffe://evil.example/myservice"] }, createTestAuthority("evil.example")),
    "the right ID from a wrong authority": of({ uris: [RIGHT_ID] }, createTestAuthority("example.org")),
    "an expired certificate": of({
      uris: [RIGHT_ID],
      notBefore: new Date(now - 2 * HOUR_MS),
      notAfter: new Date(now - HOUR_MS),
    }),
    "a certificate that is not yet valid": of({
      uris: [RIGHT_ID],
      notBefore: new Date(now + HOUR_MS),
      notAfter: new Date(now + 2 * HOUR_MS),
    }),
    "a CA certificate as leaf": of({ uris: [RIGHT_ID], ca: true }),
    "two URI names": of({ uris: [RIGHT_ID, "spiffe://example.org/other"] }),
    "no URI name": of({ uris: [], dnsNames: ["myservice"] }),
    "no certificate": undefined,
  };
}

function pemOf(authority: TestAuthority, options: TestLeafOptions): PeerCertificate {
  const { chain, keyPair } = authority.issueCertificate(options);
  return {
    cert: certificatesToPem(chain),
    key: keyPair.privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
  };
}

/** Connects with that certificate. @returns whether the server let it in */
export async function isLetIn(port: number, certificate: PeerCertificate | undefined): Promise<boolean> {
  const socket = tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...certificate });
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => undefined);
  socket.setTimeout(10_000, () => socket.destroy());
  await once(socket, "close").catch(() => undefined);
  return text === "welcome\n";
}

/** A server that shows this certificate and welcomes everybody. */
export async function welcomingServer(certificate: PeerCertificate) {
  const server = tls.createServer({ ...certificate, requestCert: true, rejectUnauthorized: false }, (socket) => {
    socket.on("error", () => undefined);
    socket.end("welcome\n");
  });
  server.on("tlsClientError", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: String((server.address() as AddressInfo).port), close: () => server.close() };
}
