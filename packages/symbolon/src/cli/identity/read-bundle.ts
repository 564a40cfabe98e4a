import { JwtBundle, SpiffeBundle, X509Bundle } from "@symbolon/spiffe/bundle";
import { isSymbolonError } from "@symbolon/spiffe/core";
import type { TrustDomain } from "@symbolon/spiffe/id";
import { CommandExit, EXIT } from "../exit-status.ts";
import { readInput } from "./read-input.ts";

/** Authorities of one trust domain, whatever they were written as. */
export interface BundleFile {
  readonly format: "pem" | "document";
  readonly x509: X509Bundle;
  readonly jwt: JwtBundle;
  readonly sequence?: number;
  readonly refreshHintSeconds?: number;
}

const MAX_BUNDLE_BYTES = 1024 * 1024;

/**
 * PEM certificates, a SPIFFE bundle document, or a JWK Set without `use` as the Workload API sends it. None of them names
 * its trust domain.
 * @throws CommandExit, bad input: which file, what is wrong with it, and its code
 */
export async function readBundle(file: string, trustDomain: TrustDomain): Promise<BundleFile> {
  const text = await readInput(file);
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BUNDLE_BYTES) throw unusable(file, `it has ${bytes} bytes, more than ${MAX_BUNDLE_BYTES}`);
  try {
    return parseBundle(text, trustDomain);
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    const next = hasPrivateKey(text)
      ? "\nnext: take the private key out, and replace it wherever the file has been: a bundle is for everybody"
      : "";
    throw unusable(file, `${error.message} (${error.code})${next}`);
  }
}

function parseBundle(text: string, trustDomain: TrustDomain): BundleFile {
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

/** In PEM, or as the private member of a JWK (RFC 7518 §6.2.2.1, §6.3.2.1; RFC 8037 §2). */
function hasPrivateKey(text: string): boolean {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----|"d"\s*:/.test(text);
}

function unusable(file: string, why: string): CommandExit {
  return new CommandExit(EXIT.badInput, `error: bundle "${file}": ${why}`);
}
