import type { Clock, Random } from "@symbolon/spiffe/core";
import { isSymbolonError } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import {
  assembleCertificate,
  buildTbsCertificate,
  createKeyPair,
  encodePem,
  OID,
  signatureAlgorithmFor,
  signDer,
} from "@symbolon/spiffe/x509";
import type { Entitlement } from "../workload.ts";
import type { FoundSecrets, SecretContent, SecretValidator } from "./secret-content.ts";
import { SECRET_NAMES } from "./secret-names.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const LIFE_MS = 3650 * DAY_MS;

/**
 * A proxy goes on using a trust bundle that it is told to forget (Envoy ignores the removal of a secret). Under the name of a
 * bundle that has gone away, while the proxy has it, there is one by which nobody can be believed.
 * @param held names of which the proxy has something
 */
export function withdrawBundles(
  found: FoundSecrets,
  entitlement: Entitlement,
  held: ReadonlySet<string>,
  validator: SecretValidator,
  nobodysPem: () => string,
): FoundSecrets {
  if (entitlement.kind !== "granted") return found;
  const secrets = new Map(found.secrets);
  const missing = new Map(found.missing);
  for (const name of found.missing.keys()) {
    const trustDomain = held.has(name) ? trustDomainOf(name, entitlement) : undefined;
    if (trustDomain === undefined) continue;
    secrets.set(name, nobody(trustDomain, validator, nobodysPem()));
    missing.delete(name);
  }
  return { ...found, secrets, missing };
}

function nobody(trustDomain: string, kind: SecretValidator, authoritiesPem: string): SecretContent {
  return kind === "trusted-ca" ? { kind, authoritiesPem } : { kind, trustDomains: [{ trustDomain, authoritiesPem }] };
}

/** Of names of bundles alone. */
function trustDomainOf(name: string, { svids }: Extract<Entitlement, { kind: "granted" }>): string | undefined {
  if (name === SECRET_NAMES.ownBundle || name === SECRET_NAMES.allBundles)
    return svids[0]?.svid.spiffeId.trustDomain.name;
  try {
    const { trustDomain, path } = SpiffeId.parse(name);
    return path === "" ? trustDomain.name : undefined;
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return undefined;
  }
}

/** An authority whose key nobody has: it is forgotten here. */
export function createNobodysAuthority(clock: Clock, random: Random): string {
  const { privateKey, spki } = createKeyPair();
  const name = [{ oid: OID.organizationName, value: "withdrawn: nobody is to be believed" }];
  const now = clock.now().getTime();
  const tbs = buildTbsCertificate({
    serialNumber: random.bytes(16).reduce((serial, byte) => (serial << 8n) | BigInt(byte), 1n),
    issuer: name,
    subject: name,
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + LIFE_MS),
    spki,
    signatureAlgorithm: signatureAlgorithmFor(privateKey),
    basicConstraints: { ca: true },
    keyUsage: ["keyCertSign"],
  });
  const { algorithm, signature } = signDer(privateKey, tbs);
  return encodePem("CERTIFICATE", assembleCertificate(tbs, algorithm, signature));
}
