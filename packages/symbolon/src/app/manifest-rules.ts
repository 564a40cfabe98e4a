import { isSymbolonError, systemClock } from "@symbolon/spiffe/core";
import type { ConfigFilesOptions } from "../adapters/fs/index.ts";
import type { ParseManifestsOptions } from "../mesh/index.ts";
import { createImageMap, parseImageOption } from "../pod-runtime/index.ts";
import { captureStrategy } from "./capture/index.ts";
import type { MeshConfig } from "./mesh-config.ts";
import { selfCommand } from "./self-command.ts";

/** How this mesh reads manifests: an image that nothing can run is refused before it is wanted. */
export function manifestRules({
  defaultNamespace,
  allowUnenforced,
  imageMap,
  capture,
}: MeshConfig): ParseManifestsOptions {
  const resolve = createImageMap({ entries: imageMap.map(parseImageOption), self: selfCommand() });
  return {
    ...captureStrategy(capture).manifestRules(resolve),
    defaultNamespace,
    allowUnenforced,
    explainUnknownImage(image) {
      // A port, so that an entry with {port} is known too; whether the container has one is the pod runtime's question.
      const ports = [{ containerPort: 1, protocol: "tcp" }] as const;
      try {
        resolve({ name: "container", image, args: [], env: [], ports });
        return undefined;
      } catch (error) {
        if (!isSymbolonError(error)) throw error;
        return `nothing is known to run for image "${image}"; give the container a "command", or start with --image '${image}=COMMAND ARGUMENTS'`;
      }
    },
  };
}

/** Which files this mesh reads and follows. */
export function manifestFiles({ manifestPaths, recursive, meshConfigPath }: MeshConfig): ConfigFilesOptions {
  return {
    paths: manifestPaths,
    recursive,
    ...(meshConfigPath === undefined ? {} : { meshConfigPath }),
    clock: systemClock,
  };
}
