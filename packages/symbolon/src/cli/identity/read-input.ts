import { parseJwsCompact } from "@symbolon/spiffe/jwt";
import { type Certificate, parseCertificatesPem, parsePem } from "@symbolon/spiffe/x509";
import { CommandExit, EXIT } from "../exit-status.ts";
import { readStandardInput, readTextOf } from "../read-text.ts";

/** What a file has that somebody calls an SVID. */
export type SvidInput =
  | { readonly kind: "x509"; readonly certificates: readonly Certificate[] }
  | { readonly kind: "jwt"; readonly token: string };

/** @param file `-` is standard input @throws CommandExit, bad input */
export async function readInput(file: string): Promise<string> {
  return file === "-" ? await readStandardInput() : readTextOf(file, file);
}

/**
 * PEM with certificates, the leaf first, or a compact JWT. A private key beside the certificates is left alone.
 * @throws CommandExit, bad input; ERR_X509_*, ERR_DER_*, ERR_PEM_*
 */
export async function readSvidInput(file: string): Promise<SvidInput> {
  const text = (await readInput(file)).trim();
  if (isCompactJwt(text)) return { kind: "jwt", token: text };
  if (!text.includes("-----BEGIN "))
    throw new CommandExit(EXIT.badInput, `error: "${file}" holds neither certificates as PEM nor a JWT-SVID`);
  const blocks = parsePem(text).filter(({ label }) => label === "CERTIFICATE");
  if (blocks.length === 0) throw new CommandExit(EXIT.badInput, `error: "${file}" holds no certificate`);
  return { kind: "x509", certificates: parseCertificatesPem(certificateBlocks(text)) };
}

/** Three parts whose first is a header: whether it is a good one is told later, with the reason. */
function isCompactJwt(text: string): boolean {
  if (!/^[\w-]+\.[\w-]*\.[\w-]*$/.test(text)) return false;
  parseJwsCompact(text);
  return true;
}

function certificateBlocks(text: string): string {
  return (text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []).join("\n");
}
