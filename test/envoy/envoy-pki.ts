import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JwtClaims } from "@symbolon/policy";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { encodePem } from "@symbolon/spiffe/x509";
import type { ClientKeys } from "./send-request.ts";

/** Certificates for whoever a case wants to be, and tokens that Envoy's listeners believe. */
export function createPki(directory: string) {
  const authority = createTestAuthority("cluster.local");
  const issue = (uri: string): ClientKeys => {
    const { chain, keyPair } = authority.issueCertificate({ uris: [uri] });
    return {
      ca: authority.bundle.toPem(),
      cert: chain.map(({ der }) => encodePem("CERTIFICATE", der)).join(""),
      key: keyPair.privateKey.export({ format: "pem", type: "pkcs8" }) as string,
    };
  };
  const server = issue("spiffe://cluster.local/ns/foo/sa/server");
  const files = {
    caFile: join(directory, "ca.pem"),
    certFile: join(directory, "cert.pem"),
    keyFile: join(directory, "key.pem"),
  };
  writeFileSync(files.caFile, server.ca);
  writeFileSync(files.certFile, server.cert);
  writeFileSync(files.keyFile, server.key, { mode: 0o600 });
  const clients = new Map<string, ClientKeys>();
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    ...files,
    jwks: { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "ES256", use: "sig" }] },
    client(spiffeId: string): ClientKeys {
      const keys = clients.get(spiffeId) ?? issue(spiffeId);
      clients.set(spiffeId, keys);
      return keys;
    },
    token: (claims: JwtClaims) => signToken(claims, privateKey),
  };
}

function signToken(claims: JwtClaims, key: KeyObject): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${encode({ alg: "ES256", kid: "k", typ: "JWT" })}.${encode(claims)}`;
  return `${input}.${sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}
