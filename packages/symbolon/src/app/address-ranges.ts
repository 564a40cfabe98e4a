import { productError } from "../core/index.ts";
import { type Ipv4Range, isInRange, parseIpv4Range } from "../mesh/ipv4.ts";
import type { MeshConfig } from "./mesh-config.ts";

/** @throws ERR_CONFIG_INVALID */
export function addressRanges(config: Pick<MeshConfig, "podCidr" | "serviceCidr">): {
  readonly pods: Ipv4Range;
  readonly services: Ipv4Range;
} {
  const pods = parseIpv4Range(config.podCidr);
  const services = parseIpv4Range(config.serviceCidr);
  if (isInRange(pods, services.network) || isInRange(services, pods.network))
    throw productError(
      "ERR_CONFIG_INVALID",
      `--pod-cidr ${config.podCidr} and --service-cidr ${config.serviceCidr} overlap; an address would mean two things`,
    );
  return { pods, services };
}
