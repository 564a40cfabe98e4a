import { JwtBundle, SpiffeBundle, X509Bundle } from "@symbolon/spiffe/bundle";
import type { TrustDomain } from "@symbolon/spiffe/id";
import { readInput } from "./read-input.ts";

/** Authorities of one trust domain, whatever they were written as. */
export interface BundleFile {
  readonly format: "pem" | "document";
  readonly x509: X509Bundle;
  readonly jwt: JwtBundle;
  readonly sequence?: number;
  readonly refreshHintSeconds?: number;
}

/**
 * PEM certificates, a SPIFFE bundle document, or a JWK Set without `use` as the Workload API sends it. None of them names
 * its trust domain.
 * @throws CommandExit, bad input; ERR_BUNDLE_*, ERR_JWT_KEY_SET_INVALID, ERR_PEM_*, ERR_X509_*, ERR_DER_*
 */
export async function readBundle(file: string, trustDomain: TrustDomain): Promise<BundleFile> {
  const text = await readInput(file);
  if (!text.trimStart().startsWith("{"))
    return { format: "pem", x509: X509Bundle.fromPem(trustDomain, text), jwt: JwtBundle.fromKeys(trustDomain, []) };
  const { x509Bundle, sequence, refreshHintSeconds } = SpiffeBundle.parse(trustDomain, text);
  return {
    format: "document",
    x509: x509Bundle,
    jwt: JwtBundle.fromJwkSet(trustDomain, text),
    ...(sequence === undefined ? {} : { sequence }),
    ...(refreshHintSeconds === undefined ? {} : { refreshHintSeconds }),
  };
}
