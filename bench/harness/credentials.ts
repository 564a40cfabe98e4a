import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { X509Svid } from "@symbolon/spiffe/svid";
import { createTestAuthority, type TestAuthority } from "@symbolon/spiffe/testing";

export const TRUST_DOMAIN = "bench.example";
export const CLIENT_ID = `spiffe://${TRUST_DOMAIN}/ns/bench/sa/client`;
export const SERVER_ID = `spiffe://${TRUST_DOMAIN}/ns/bench/sa/server`;
/** nginx and haproxy can compare a server only with a DNS name, so the server's SVID has one beside its SPIFFE ID. */
export const SERVER_DNS_NAME = "server.bench.example";

/** Files of one test CA, one level deep, P-256: what every pair is configured with. */
export interface CredentialFiles {
  readonly caFile: string;
  readonly client: KeyFiles;
  readonly server: KeyFiles;
  /** The client's SPIFFE ID, signed by somebody else. */
  readonly foreign: KeyFiles;
  /** Another SPIFFE ID, signed by the right CA: whom policies refuse. */
  readonly intruder: KeyFiles;
}

export interface KeyFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Both in one file, for haproxy. */
  readonly combinedFile: string;
}

/** @param directory of mode 0700, removed by the caller: keys of no worth outside this run */
export function writeCredentials(directory: string): CredentialFiles {
  const authority = createTestAuthority(TRUST_DOMAIN);
  const caFile = join(directory, "ca.pem");
  writeFileSync(caFile, authority.bundle.toPem());
  const write = (name: string, issuer: TestAuthority, uri: string, dnsNames: readonly string[] = []): KeyFiles => {
    const issued = issuer.issueCertificate({ uris: [uri], dnsNames });
    const svid = X509Svid.fromCertificates(issued.chain, issued.keyPair.privateKey);
    const key = svid.privateKey.export({ format: "pem", type: "pkcs8" });
    const files = {
      certFile: join(directory, `${name}.pem`),
      keyFile: join(directory, `${name}.key`),
      combinedFile: join(directory, `${name}.combined.pem`),
    };
    writeFileSync(files.certFile, svid.certificateChainPem());
    writeFileSync(files.keyFile, key, { mode: 0o600 });
    writeFileSync(files.combinedFile, `${svid.certificateChainPem()}${key}`, { mode: 0o600 });
    return files;
  };
  return {
    caFile,
    client: write("client", authority, CLIENT_ID),
    server: write("server", authority, SERVER_ID, [SERVER_DNS_NAME]),
    intruder: write("intruder", authority, CLIENT_ID.replace(/[^/]+$/, "intruder")),
    foreign: write("foreign", createTestAuthority(TRUST_DOMAIN), CLIENT_ID),
  };
}
