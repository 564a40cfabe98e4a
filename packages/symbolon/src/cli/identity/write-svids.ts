import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { HintedJwtSvid, X509Context } from "@symbolon/spiffe/workload-api";
import { certificatesToPem } from "@symbolon/spiffe/x509";
import { writeFileAtomically } from "../../adapters/fs/index.ts";
import { privateKeyPem } from "../../core/index.ts";
import { CommandExit, EXIT } from "../exit-status.ts";

/**
 * Writes an identity as `spire-agent api fetch -write` names it: svid.N.pem, svid.N.key (mode 0600), bundle.N.pem and
 * federated_bundle.N.M.pem. Each file is whole at any time; the key comes before its certificate.
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
    await write(`bundle.${index}.pem`, text(bundles.get(svid.spiffeId.trustDomain)?.toPem() ?? ""), 0o644);
    const foreign = bundles.bundles.filter(({ trustDomain }) => trustDomain.name !== own);
    for (const [number, bundle] of foreign.entries())
      await write(`federated_bundle.${index}.${number}.pem`, text(bundle.toPem()), 0o644);
  }
  return written;
}

/** `jwt_svid.N.token`, mode 0600: whoever reads one can use it. */
export async function writeJwtSvids(directory: string, svids: readonly HintedJwtSvid[]): Promise<readonly string[]> {
  prepare(directory);
  const paths = svids.map((_, index) => join(directory, `jwt_svid.${index}.token`));
  for (const [index, { svid }] of svids.entries())
    await writeFileAtomically(paths[index] ?? "", text(svid.token.expose()), 0o600);
  return paths;
}

/** A directory that others may write could have anybody's files under our names. */
function prepare(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (statSync(directory).mode & 0o022)
    throw new CommandExit(
      EXIT.badInput,
      `error: others may write the directory "${directory}"; choose another one, or chmod go-w it`,
    );
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
