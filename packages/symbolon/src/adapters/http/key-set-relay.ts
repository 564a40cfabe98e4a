import { rmSync } from "node:fs";
import { errorText, isSymbolonError } from "@symbolon/spiffe/core";
import type { KeySetFetcher } from "../../control-plane/index.ts";
import { productError } from "../../core/index.ts";

/** More than any rule may ask for, plus the way here. */
const RELAY_TIMEOUT_MS = 65_000;
const MAX_REQUEST_BYTES = 16 * 1024;

/**
 * Fetches for a control plane that has no way out of its network namespace. One answer for one URL: no socket is handed
 * over, and the addresses that are refused are refused here, where they mean something.
 * @param socketPath in a directory of the mesh's user alone
 */
export function serveKeySetRelay(socketPath: string, fetcher: KeySetFetcher): { stop(): void } {
  rmSync(socketPath, { force: true });
  const server = Bun.serve({
    unix: socketPath,
    maxRequestBodySize: MAX_REQUEST_BYTES,
    async fetch(request, current) {
      current.timeout(request, 0);
      try {
        const { url, timeoutMs } = (await request.json()) as { readonly url: string; readonly timeoutMs: number };
        return new Response(await fetcher.fetch({ url: String(url), timeoutMs: Number(timeoutMs) }));
      } catch (error) {
        const code = isSymbolonError(error) ? error.code : "ERR_JWKS_FETCH";
        return Response.json({ code, message: errorText(error) }, { status: 502 });
      }
    },
  });
  return { stop: () => void server.stop(true) };
}

/** Pods of the mesh are dialled from here; everything else is fetched by whoever serves the relay. */
export function createRelayedKeySetFetcher(socketPath: string, pods: KeySetFetcher): KeySetFetcher {
  return {
    async fetch(request) {
      if (request.endpoint) return pods.fetch(request);
      const { url, timeoutMs } = request;
      const answer = await fetch("http://relay/", {
        unix: socketPath,
        method: "POST",
        body: JSON.stringify({ url, timeoutMs }),
        signal: AbortSignal.timeout(RELAY_TIMEOUT_MS),
      }).catch((error: unknown) => {
        throw productError("ERR_JWKS_FETCH", `${url}: the launcher does not answer: ${errorText(error)}`);
      });
      const text = await answer.text();
      if (answer.status === 200) return text;
      const { code, message } = JSON.parse(text) as { readonly code: string; readonly message: string };
      throw productError(code === "ERR_JWKS_ADDRESS_FORBIDDEN" ? code : "ERR_JWKS_FETCH", message);
    },
  };
}
