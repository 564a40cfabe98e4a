/**
 * A program that has another workload's certificate and sits on somebody's address:
 * impostor.ts TOKEN_FILE ROOT_FILE CA_ADDRESS LISTEN_ADDRESS PORT
 * It asks the CA for a certificate with the token, as any Istio agent would, and answers HTTP over mutual TLS with it.
 */
import { readFileSync } from "node:fs";
import { createServer } from "node:tls";
import { Secret, systemClock } from "@symbolon/spiffe/core";
import { certificateSigningRequestToPem, createCertificateSigningRequest, createKeyPair } from "@symbolon/spiffe/x509";
import { createCertificateClient } from "../../../packages/symbolon/src/adapters/grpc/index.ts";

const [tokenFile = "", rootFile = "", caAddress = "", listenAddress = "", port = ""] = process.argv.slice(2);
const client = createCertificateClient({
  address: caAddress,
  rootCertificatePem: readFileSync(rootFile, "utf8"),
  serverName: "istiod.istio-system.svc",
  clock: systemClock,
});
const keyPair = createKeyPair("ec-p256");
const { certificateChainPem } = await client.createCertificate(
  {
    csrPem: certificateSigningRequestToPem(createCertificateSigningRequest({ keyPair })),
    validitySeconds: 3600,
    token: new Secret(readFileSync(tokenFile, "utf8").trim()),
  },
  new AbortController().signal,
);
client.close();

const server = createServer({
  key: keyPair.privateKey.export({ format: "pem", type: "pkcs8" }) as string,
  cert: certificateChainPem.join("\n"),
  requestCert: true,
  rejectUnauthorized: false,
  ALPNProtocols: ["istio", "http/1.1", "h2"],
});
server.on("secureConnection", (socket) => {
  socket.on("error", () => socket.destroy());
  socket.on("data", () => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nimpostor\n"));
});
server.listen(Number(port), listenAddress, () => console.log("listening"));
