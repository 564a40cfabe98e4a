import { lstatSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorText } from "@symbolon/spiffe/core";
import type { HintedJwtSvid, X509Context } from "@symbolon/spiffe/workload-api";
import { certificatesToPem } from "@symbolon/spiffe/x509";
import { type FileSet, replaceFileSet } from "../../adapters/fs/index.ts";
import { privateKeyPem } from "../../core/index.ts";
import { CommandExit, EXIT } from "../exit-status.ts";

/** Two sets, each with a link of its own: one process may write the one and another process the other. */
const X509_FILES: FileSet = {
  link: "..data",
  kind: "x509",
  names: /^(svid\.\d+\.(pem|key)|bundle\.\d+\.pem|federated_bundle\.\d+\.\d+\.pem)$/,
  secretNames: /\.key$/,
};
const JWT_FILES: FileSet = {
  link: "..jwt_data",
  kind: "jwt",
  names: /^jwt_svid\.\d+\.token$/,
  secretNames: /\.token$/,
};

/**
 * Writes an identity as `spire-agent api fetch -write` names it: svid.N.pem, svid.N.key (mode 0600), bundle.N.pem and
 * federated_bundle.N.M.pem. All are replaced at once, so that key and certificate belong together also after a kill. What
 * an earlier identity left under such names goes, so that no bundle is trusted longer than the agent says.
 * @returns the paths
 * @throws ERR_FILE_IN_THE_WAY, ERR_FILE_UNWRITABLE
 */
export function writeX509Context(directory: string, { svids, bundles }: X509Context): readonly string[] {
  prepare(directory);
  const files = new Map<string, Uint8Array>();
  const keys: Uint8Array[] = [];
  try {
    for (const [index, { svid }] of svids.entries()) {
      const key = privateKeyPem(svid).expose();
      keys.push(key);
      files.set(`svid.${index}.key`, key);
      files.set(`svid.${index}.pem`, text(certificatesToPem(svid.chain)));
      const own = svid.spiffeId.trustDomain.name;
      const bundle = bundles.get(svid.spiffeId.trustDomain);
      if (bundle) files.set(`bundle.${index}.pem`, text(bundle.toPem()));
      const foreign = bundles.bundles.filter(({ trustDomain }) => trustDomain.name !== own);
      for (const [number, other] of foreign.entries())
        files.set(`federated_bundle.${index}.${number}.pem`, text(other.toPem()));
    }
    replaceFileSet(directory, X509_FILES, files);
  } finally {
    for (const key of keys) key.fill(0);
  }
  return pathsOf(directory, files);
}

/** `jwt_svid.N.token`, mode 0600: whoever reads one can use it. All are replaced at once. @returns the paths */
export function writeJwtSvids(directory: string, svids: readonly HintedJwtSvid[]): readonly string[] {
  prepare(directory);
  const files = new Map(svids.map(({ svid }, index) => [`jwt_svid.${index}.token`, text(svid.token.expose())]));
  replaceFileSet(directory, JWT_FILES, files);
  return pathsOf(directory, files);
}

const pathsOf = (directory: string, files: ReadonlyMap<string, Uint8Array>): readonly string[] =>
  Array.from(files.keys(), (name) => join(directory, name));

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
