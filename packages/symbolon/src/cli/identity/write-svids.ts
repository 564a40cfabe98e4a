import { lstatSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "@symbolon/spiffe/core";
import type { HintedJwtSvid, X509Context } from "@symbolon/spiffe/workload-api";
import { certificatesToPem } from "@symbolon/spiffe/x509";
import { writeFileAtomically } from "../../adapters/fs/index.ts";
import { privateKeyPem } from "../../core/index.ts";
import { CommandExit, EXIT } from "../exit-status.ts";

/**
 * Writes an identity as `spire-agent api fetch -write` names it: svid.N.pem, svid.N.key (mode 0600), bundle.N.pem and
 * federated_bundle.N.M.pem. Each file is whole at any time, the pair of key and certificate is not: the key comes first. What
 * an earlier identity left under such names goes, so that no bundle is trusted longer than the agent says.
 * @returns the paths, in the order of writing
 */
export async function writeX509Context(directory: string, { svids, bundles }: X509Context): Promise<readonly string[]> {
  prepare(directory);
  const written: string[] = [];
  const write = async (name: string, content: Uint8Array, mode: number): Promise<void> => {
    const path = join(directory, name);
    await writeFileAtomically(path, content, mode);
    written.push(path);
  };
  for (const [index, { svid }] of svids.entries()) {
    const key = privateKeyPem(svid).expose();
    try {
      await write(`svid.${index}.key`, key, 0o600);
    } finally {
      key.fill(0);
    }
    await write(`svid.${index}.pem`, text(certificatesToPem(svid.chain)), 0o644);
    const own = svid.spiffeId.trustDomain.name;
    const bundle = bundles.get(svid.spiffeId.trustDomain);
    if (bundle) await write(`bundle.${index}.pem`, text(bundle.toPem()), 0o644);
    const foreign = bundles.bundles.filter(({ trustDomain }) => trustDomain.name !== own);
    for (const [number, other] of foreign.entries())
      await write(`federated_bundle.${index}.${number}.pem`, text(other.toPem()), 0o644);
  }
  removeOthers(directory, X509_FILE, written);
  return written;
}

const X509_FILE = /^(svid\.\d+\.(pem|key)|bundle\.\d+\.pem|federated_bundle\.\d+\.\d+\.pem)$/;
const JWT_FILE = /^jwt_svid\.\d+\.token$/;

function removeOthers(directory: string, pattern: RegExp, written: readonly string[]): void {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    if (pattern.test(name) && !written.includes(path)) rmSync(path);
  }
}

/** `jwt_svid.N.token`, mode 0600: whoever reads one can use it. */
export async function writeJwtSvids(directory: string, svids: readonly HintedJwtSvid[]): Promise<readonly string[]> {
  prepare(directory);
  const paths = svids.map((_, index) => join(directory, `jwt_svid.${index}.token`));
  for (const [index, { svid }] of svids.entries())
    await writeFileAtomically(paths[index] ?? "", text(svid.token.expose()), 0o600);
  removeOthers(directory, JWT_FILE, paths);
  return paths;
}

/** A directory that others may write could have anybody's files under our names. */
function prepare(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CommandExit(EXIT.badInput, `error: cannot make the directory "${directory}": ${errorText(error)}`);
  }
  const found = lstatSync(directory);
  if (!found.isDirectory() || found.uid !== process.geteuid?.() || (found.mode & 0o022) !== 0)
    throw new CommandExit(
      EXIT.badInput,
      `error: others may write the directory "${directory}", or it is not yours; choose another one, or chmod go-w it`,
    );
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
