import { type Finding, hasErrors } from "@symbolon/policy";
import type { Ipv4Range, ParseManifestsOptions } from "../mesh/index.ts";
import { mergeConfig, unreadableFile } from "./merge-config.ts";
import type { ManifestRead } from "./ports.ts";
import { assignServiceAddresses } from "./service-addresses.ts";

export interface CheckManifestsOptions {
  readonly manifests: ParseManifestsOptions;
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly serviceRange: Ipv4Range;
  readonly now: Date;
}

/** Everything that would be said about manifests if a mesh were started with them, and with nothing else. */
export function checkManifests({ files, problems }: ManifestRead, options: CheckManifestsOptions): readonly Finding[] {
  const sources = { files, applied: new Map<string, never>() };
  const unreadable = problems.map(({ path, message }) => unreadableFile(path, message));
  const merged = mergeConfig(sources, { ...options, filesTakeOver: true, createdAt: () => options.now });
  if (hasErrors(merged.findings)) return [...unreadable, ...merged.findings];
  const nothing = { addresses: new Map<string, string>(), cursor: undefined };
  const { findings } = assignServiceAddresses([...merged.objects.values()], nothing, options.serviceRange);
  return [...unreadable, ...merged.findings, ...findings];
}
