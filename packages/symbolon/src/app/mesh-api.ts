import { systemClock } from "@symbolon/spiffe/core";
import { type ApiClient, createApiClient } from "../adapters/http/index.ts";
import type { MeshPaths } from "../core/index.ts";
import { isAlive, readMeshProcesses } from "./mesh-processes.ts";

/** A control plane that died is back within a second; a mesh that is stopping is not waited for. */
const PATIENCE_MS = 5000;

/**
 * The API for commands: while the mesh lives, a control plane that is being started again is waited for.
 * @param actor who changes something, for the audit log
 */
export function meshApi(paths: MeshPaths, actor?: string): ApiClient {
  return createApiClient({
    ...(actor === undefined ? {} : { actor }),
    socketPath: paths.apiSocket,
    patience: {
      clock: systemClock,
      withinMs: PATIENCE_MS,
      worthwhile: () => isAlive(readMeshProcesses(paths)?.launcher),
    },
  });
}
