import { relative } from "node:path";
import { type Finding, formatFinding } from "@symbolon/policy";
import { systemClock } from "@symbolon/spiffe/core";
import { createConfigFiles } from "../adapters/fs/index.ts";
import { checkManifests } from "../control-plane/index.ts";
import { productError } from "../core/index.ts";
import { addressRanges } from "./address-ranges.ts";
import { manifestFiles, manifestRules } from "./manifest-rules.ts";
import type { MeshConfig } from "./mesh-config.ts";

/**
 * Reads the manifests as the control plane will, before anything is started.
 * @returns warnings and notes, formatted
 * @throws ERR_MANIFEST_INVALID with every error
 */
export async function validateManifests(config: MeshConfig): Promise<readonly string[]> {
  const { manifestPaths, recursive, rootNamespace, trustDomain } = config;
  const read = await createConfigFiles(manifestFiles(config)).read();
  const nothing = read.files.length === 0 && read.problems.length === 0;
  if (nothing)
    throw productError(
      "ERR_MANIFEST_INVALID",
      `${manifestPaths.join(", ")}: no *.yaml, *.yml or *.json file is there${recursive ? "" : "; -R looks into directories below"}`,
    );
  const findings = checkManifests(read, {
    manifests: manifestRules(config),
    rootNamespace,
    trustDomain,
    serviceRange: addressRanges(config).services,
    now: systemClock.now(),
  });
  const errors = findings.filter(({ severity }) => severity === "error").map((finding) => format(finding, config));
  if (errors.length > 0) {
    const count = errors.length === 1 ? "one error" : `${errors.length} errors`;
    throw productError("ERR_MANIFEST_INVALID", `${count} in the manifests, nothing was started\n${errors.join("\n")}`);
  }
  return findings.map((finding) => format(finding, config));
}

/** With the path as the user would type it. */
function format(finding: Finding, { workingDirectory }: MeshConfig): string {
  const { file } = finding.position;
  const short = relative(workingDirectory, file);
  const shown = short === "" || short.startsWith("..") ? file : short;
  return formatFinding({ ...finding, position: { ...finding.position, file: shown } });
}
