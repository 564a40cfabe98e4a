import { errorText, systemClock } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import { secretDirectory } from "../adapters/fs/index.ts";
import { subnets } from "../adapters/http/index.ts";
import { loadPluggedInAuthority } from "../ca/index.ts";
import { productError } from "../core/index.ts";
import { addressRanges } from "./address-ranges.ts";
import type { MeshConfig } from "./mesh-config.ts";

/**
 * Everything of a mesh's options that can be wrong by itself, before a process is started.
 * @throws ERR_CONFIG_INVALID, ERR_CA_FILES_INVALID, ERR_TRUST_DOMAIN_*, ERR_FILE_*
 */
export async function checkConfig(config: Omit<MeshConfig, "capture">): Promise<void> {
  const trustDomain = TrustDomain.parse(config.trustDomain);
  addressRanges(config);
  checkKeySetRanges(config.keySetRanges ?? []);
  if (config.caCertificatesDirectory)
    await loadPluggedInAuthority({
      trustDomain,
      directory: secretDirectory(config.caCertificatesDirectory),
      clock: systemClock,
    });
}

function checkKeySetRanges(ranges: readonly string[]): void {
  try {
    subnets(ranges);
  } catch (error) {
    throw productError("ERR_CONFIG_INVALID", `--jwks-allow: ${errorText(error)}`);
  }
}
