import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { BundleSet } from "@symbolon/spiffe/bundle";
import { verifyX509Svid } from "@symbolon/spiffe/svid";
import { createTestAuthority, type TestAuthority } from "@symbolon/spiffe/testing";
import { type Certificate, encodePem, keyPairOf } from "@symbolon/spiffe/x509";
import {
  createAndParse,
  createCaFixture,
  failureOf,
  memoryDirectory,
  TRUST_DOMAIN,
} from "../../../../test/fakes/ca-fixture.ts";

type Files = Readonly<Record<string, string | Buffer>>;

const root = createTestAuthority(TRUST_DOMAIN);
const issuing = root.intermediate();
const stranger = createTestAuthority(TRUST_DOMAIN, { commonName: "stranger" });

const pem = (...certificates: readonly (Certificate | { readonly certificate: Certificate })[]) =>
  certificates.map((one) => encodePem("CERTIFICATE", "certificate" in one ? one.certificate.der : one.der)).join("");
const keyPem = ({ keyPair }: TestAuthority, type: "pkcs8" | "sec1" | "pkcs1" = "pkcs8") =>
  keyPair.privateKey.export({ type, format: "pem" });

/** Istio's four files of one authority. */
function filesOf(authority: TestAuthority, changes: Files = {}): Files {
  return {
    "ca-cert.pem": pem(authority),
    "ca-key.pem": keyPem(authority),
    "cert-chain.pem": pem(...authority.intermediates, root),
    "root-cert.pem": pem(root),
    ...changes,
  };
}

const rsa1024 = () => keyPairOf(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);

const start = (files: Files) => createCaFixture({ pluggedIn: memoryDirectory(files) });

describe("plug-in CA files are accepted", () => {
  const accepted: readonly [string, () => Files][] = [
    ["with the root at the end of the chain", () => filesOf(issuing)],
    ["with a chain without the root", () => filesOf(issuing, { "cert-chain.pem": pem(issuing) })],
    ["with a key in SEC1", () => filesOf(issuing, { "ca-key.pem": keyPem(issuing, "sec1") })],
    [
      "of RSA in PKCS#1",
      () => {
        const rsa = root.intermediate({ keyKind: "rsa-2048" });
        return filesOf(rsa, { "ca-key.pem": keyPem(rsa, "pkcs1") });
      },
    ],
    ["of P-384", () => filesOf(root.intermediate({ keyKind: "ec-p384" }))],
    ["that are a root itself", () => filesOf(root, { "cert-chain.pem": pem(root) })],
    [
      "without a SPIFFE ID in the signing certificate",
      () => filesOf(root.intermediate({ template: { subjectAltName: undefined } as never })),
    ],
    [
      "with path length 0 on the issuer",
      () => filesOf(root.intermediate({ template: { basicConstraints: { ca: true, pathLength: 0 } } })),
    ],
    ["two levels below the root", () => filesOf(issuing.intermediate())],
    [
      "in disorder in the chain",
      () => {
        const lower = issuing.intermediate();
        return filesOf(lower, { "cert-chain.pem": pem(root, issuing, lower) });
      },
    ],
  ];
  for (const [what, files] of accepted)
    test(what, async () => {
      const fixture = await start(files());
      expect(fixture.ca.kind).toBe("plugged-in");
      const { chain } = await createAndParse(fixture);
      verifyX509Svid(
        chain.map(({ der }) => der),
        BundleSet.of(fixture.ca.bundle),
        { now: fixture.clock.now() },
      );
      expect(fixture.ca.rootsPem).toBe(pem(root));
      // No root of our own.
      expect([...fixture.stateDirectory.files.keys()]).toEqual(["jwt-authority.pem"]);
    });
});

describe("plug-in CA files are refused", () => {
  const refused: readonly [string, () => Files, string | RegExp][] = [
    ...["ca-cert.pem", "ca-key.pem", "cert-chain.pem", "root-cert.pem"].map((name): [string, () => Files, string] => [
      `without ${name}`,
      () => Object.fromEntries(Object.entries(filesOf(issuing)).filter(([file]) => file !== name)),
      `"/ca/${name}" missing; a plug-in CA needs ca-cert.pem, ca-key.pem, cert-chain.pem, root-cert.pem`,
    ]),
    [
      "from an empty directory",
      () => ({}),
      '"/ca/ca-cert.pem", "/ca/ca-key.pem", "/ca/cert-chain.pem", "/ca/root-cert.pem" missing; a plug-in CA needs ca-cert.pem, ca-key.pem, cert-chain.pem, root-cert.pem',
    ],
    [
      "with an empty certificate file",
      () => filesOf(issuing, { "ca-cert.pem": "" }),
      /^"\/ca\/ca-cert.pem" cannot be used: /,
    ],
    [
      "with text instead of a certificate",
      () => filesOf(issuing, { "ca-cert.pem": "hello" }),
      /^"\/ca\/ca-cert.pem" cannot be used: /,
    ],
    [
      "with two certificates in ca-cert.pem",
      () => filesOf(issuing, { "ca-cert.pem": pem(issuing, root) }),
      '"/ca/ca-cert.pem" holds 2 certificates, wanted 1; put the others into cert-chain.pem',
    ],
    [
      "with a key that is damaged",
      () => filesOf(issuing, { "ca-key.pem": keyPem(issuing).slice(0, 80) }),
      /^"\/ca\/ca-key.pem" cannot be used: /,
    ],
    [
      "with a certificate in place of the key",
      () => filesOf(issuing, { "ca-key.pem": pem(issuing) }),
      /^"\/ca\/ca-key.pem" cannot be used: /,
    ],
    [
      "half replaced: new key, old certificate",
      () => filesOf(issuing, { "ca-key.pem": keyPem(root.intermediate()) }),
      '"/ca/ca-key.pem" is not the key of "/ca/ca-cert.pem"; put both files of one pair there',
    ],
    [
      "with a leaf as signing certificate",
      () => {
        const { certificate, keyPair } = root.issueCertificate();
        const key = keyPair.privateKey.export({ type: "pkcs8", format: "pem" });
        return filesOf(issuing, { "ca-cert.pem": pem(certificate), "ca-key.pem": key });
      },
      '"/ca/ca-cert.pem" is not a CA certificate; make one with basicConstraints CA:TRUE',
    ],
    [
      "with a CA that may not sign certificates",
      () => filesOf(root.intermediate({ template: { keyUsage: ["cRLSign"] } })),
      '"/ca/ca-cert.pem" may not sign certificates; make one with key usage keyCertSign',
    ],
    [
      "with a signing certificate of another trust domain",
      () => filesOf(root.intermediate({ template: { subjectAltName: { uris: ["spiffe://other.test"] } } })),
      '"/ca/ca-cert.pem" is the SPIFFE ID "spiffe://other.test"; wanted "spiffe://cluster.local", or a certificate without one',
    ],
    [
      "with a signing certificate that is a workload's SVID",
      () =>
        filesOf(root.intermediate({ template: { subjectAltName: { uris: ["spiffe://cluster.local/ns/a/sa/b"] } } })),
      '"/ca/ca-cert.pem" is the SPIFFE ID "spiffe://cluster.local/ns/a/sa/b"; wanted "spiffe://cluster.local", or a certificate without one',
    ],
    [
      "that have expired",
      () => filesOf(root.intermediate({ notAfter: new Date("2025-12-31T23:59:59Z") })),
      '"/ca/ca-cert.pem" expired at 2025-12-31T23:59:59Z; replace it by a renewed one',
    ],
    [
      "that are not valid yet",
      () => filesOf(root.intermediate({ notBefore: new Date("2026-01-01T00:00:01Z") })),
      `"/ca/ca-cert.pem" is not valid before 2026-01-01T00:00:01Z; check this machine's clock`,
    ],
    [
      "with another authority's root",
      () => filesOf(issuing, { "cert-chain.pem": pem(issuing), "root-cert.pem": pem(stranger) }),
      /^"\/ca\/ca-cert.pem" does not chain to a root of "\/ca\/root-cert.pem" by way of "\/ca\/cert-chain.pem": .*; put the issuers there$/,
    ],
    [
      "with a gap in the chain",
      () => filesOf(issuing.intermediate(), { "cert-chain.pem": pem(root) }),
      /^"\/ca\/ca-cert.pem" does not chain to a root /,
    ],
    [
      "with an intermediate that has expired",
      () => filesOf(root.intermediate({ notAfter: new Date("2025-06-01T00:00:00Z") }).intermediate()),
      /^"\/ca\/ca-cert.pem" does not chain to a root /,
    ],
    [
      "below an intermediate that allows no CA below it",
      () => filesOf(root.intermediate({ template: { basicConstraints: { ca: true, pathLength: 0 } } }).intermediate()),
      /path length|allows 0 CAs below it/,
    ],
    [
      "with an empty root file",
      () => filesOf(issuing, { "root-cert.pem": "" }),
      /^"\/ca\/root-cert.pem" cannot be used: /,
    ],
    [
      "with a leaf among the roots",
      () => filesOf(issuing, { "root-cert.pem": pem(root, root.issueCertificate().certificate) }),
      /^"\/ca\/root-cert.pem" cannot be used: /,
    ],
    [
      "with a chain that is no PEM",
      () => filesOf(issuing, { "cert-chain.pem": "chain" }),
      /^"\/ca\/cert-chain.pem" cannot be used: /,
    ],
    [
      "with an RSA key of 1024 bits below a good root",
      () => filesOf(root.intermediate({ keyPair: rsa1024() })),
      '"/ca/ca-key.pem" may not sign: RSA key has 1024 bits, wanted 2048 to 8192; make a pair of P-256, or of RSA with 2048 bits',
    ],
    [
      "with a root of RSA with 1024 bits",
      () => {
        const weak = createTestAuthority(TRUST_DOMAIN, { keyPair: rsa1024() });
        return filesOf(weak, { "cert-chain.pem": pem(weak), "root-cert.pem": pem(weak) });
      },
      /1024 bits/,
    ],
  ];
  for (const [what, files, message] of refused)
    test(what, async () => {
      const error = await failureOf(start(files()));
      expect(error.code).toBe("ERR_CA_FILES_INVALID");
      if (typeof message === "string") expect(error.message).toBe(message);
      else expect(error.message).toMatch(message);
    });

  test("and no root of our own is made instead", async () => {
    const stateDirectory = memoryDirectory();
    await failureOf(createCaFixture({ stateDirectory, pluggedIn: memoryDirectory() }));
    expect(stateDirectory.files.size).toBe(0);
  });
});
