/** Where `install-envoy.ts` puts Envoy: outside of the repository, in the user's cache. */
import { homedir } from "node:os";
import { join } from "node:path";

export function envoyDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "symbolon-bench", "envoy");
}

/** A link that `install-envoy.ts` makes, whatever the Python version of the wheel's folder is. */
export function installedEnvoy(): string {
  return join(envoyDirectory(), "envoy");
}
