import type { Finding } from "@symbolon/policy";
import type { ParseManifestsOptions } from "../mesh/index.ts";
import { mergeConfig, unreadableFile } from "./merge-config.ts";
import type { ManifestRead } from "./ports.ts";

export interface CheckManifestsOptions {
  readonly manifests: ParseManifestsOptions;
  readonly rootNamespace: string;
  readonly now: Date;
}

/** Everything that would be said about manifests if a mesh were started with them, and with nothing else. */
export function checkManifests({ files, problems }: ManifestRead, options: CheckManifestsOptions): readonly Finding[] {
  const sources = { files, applied: new Map<string, never>() };
  const unreadable = problems.map(({ path, message }) => unreadableFile(path, message));
  return [
    ...unreadable,
    ...mergeConfig(sources, { ...options, filesTakeOver: true, createdAt: () => options.now }).findings,
  ];
}
