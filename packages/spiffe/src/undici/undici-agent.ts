import { Agent, fetch } from "undici";
import { spiffeError } from "../core/index.ts";
import type { X509Source } from "../source/index.ts";
import { connectVerified, createPeerCheck, type PeerCheckOptions } from "../tls/index.ts";

export interface UndiciAgentOptions extends PeerCheckOptions {
  /** undici's own options of a pool; how it connects is not among them. */
  readonly pool?: Omit<Agent.Options, "connect" | "factory">;
}

/** undici's `fetch` over mutual TLS. Never mixed with the global one, which may be another copy of undici, or none. */
export interface SpiffeFetch extends AsyncDisposable {
  (...args: Parameters<typeof fetch>): ReturnType<typeof fetch>;
  readonly dispatcher: Agent;
  /** Waits for requests under way. */
  close(): Promise<void>;
}

const HTTPS_PORT = 443;

/**
 * `fetch` that speaks with the peers of `allow` only, and refuses `http:`.
 * @throws ERR_TLS_AUTHORIZER_MISSING, ERR_TLS_RUNTIME_UNSUPPORTED; a call fails as undici's, its cause as `connectTls`
 */
export function createFetch(source: X509Source, options: UndiciAgentOptions): SpiffeFetch {
  const { agent, close } = createAgent(source, options);
  const bound: (...args: Parameters<typeof fetch>) => ReturnType<typeof fetch> = (input, init) =>
    fetch(input, { ...init, dispatcher: agent });
  return Object.assign(bound, { dispatcher: agent, close, [Symbol.asyncDispose]: close });
}

/**
 * A dispatcher for undici's own `fetch` and `request`. Every connection is made with the identity of that moment; close it.
 * @throws ERR_TLS_AUTHORIZER_MISSING, ERR_TLS_RUNTIME_UNSUPPORTED
 */
export function createUndiciAgent(source: X509Source, options: UndiciAgentOptions): Agent {
  return createAgent(source, options).agent;
}

function createAgent(source: X509Source, options: UndiciAgentOptions) {
  const check = createPeerCheck(source, "createFetch", options);
  requireRealUndici();
  const agent = new Agent({
    ...options.pool,
    connect: ({ hostname, port, protocol, servername }, callback) => {
      if (protocol !== "https:") {
        const message = `"${protocol}//${hostname}" is not https: nothing is sent without mutual TLS; write https://`;
        callback(spiffeError("ERR_TLS_CONNECT_FAILED", message), null);
        return;
      }
      const target = { host: withoutBrackets(hostname), port: Number(port || HTTPS_PORT), alpn: ["http/1.1"] };
      connectVerified(source, check, { ...target, ...(servername ? { servername } : {}) }, options).then(
        (socket) => callback(null, socket),
        (error: Error) => callback(error, null),
      );
    },
  });
  return { agent, close: () => agent.close() };
}

/** Bun answers `import "undici"` with a stand-in that ignores dispatchers: requests would go out without any identity. */
function requireRealUndici(): void {
  if (!("Bun" in globalThis)) return;
  const message =
    "Bun replaces undici by a stand-in that ignores dispatchers; use createHttpsAgent of @symbolon/spiffe/tls there";
  throw spiffeError("ERR_TLS_RUNTIME_UNSUPPORTED", message);
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}
