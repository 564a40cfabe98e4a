import { lazy, spiffeError } from "../core/index.ts";

/** The modules of the runtime that this package runs on. */
export interface BuiltinModules {
  readonly "node:crypto": typeof import("node:crypto");
  readonly "node:http": typeof import("node:http");
  readonly "node:http2": typeof import("node:http2");
  readonly "node:https": typeof import("node:https");
  readonly "node:net": typeof import("node:net");
  readonly "node:tls": typeof import("node:tls");
}

/** What Node 22.3, Bun and Deno 2 have on `process`. */
type GetBuiltinModule = <Name extends keyof BuiltinModules>(name: Name) => BuiltinModules[Name] | undefined;

/**
 * A module of the runtime, loaded with the first call of the function that this answers: on Node the modules of TLS and
 * HTTP take several times as long to load as this package, and `import` of `node:http` loads its WebSocket client as well.
 * Looking at an ID or a token needs none of them.
 * @throws (that function) ERR_RUNTIME_UNSUPPORTED where there is no such module
 */
export function builtinModule<Name extends keyof BuiltinModules>(name: Name): () => BuiltinModules[Name] {
  return lazy(() => {
    const { process } = globalThis as { readonly process?: { readonly getBuiltinModule?: GetBuiltinModule } };
    const found = process?.getBuiltinModule?.(name);
    if (found) return found;
    const message = `this runtime has no "${name}" by process.getBuiltinModule; Node 22.3, Bun 1.2 and Deno 2.1 are the first that have`;
    throw spiffeError("ERR_RUNTIME_UNSUPPORTED", message, { details: { module: name } });
  });
}
