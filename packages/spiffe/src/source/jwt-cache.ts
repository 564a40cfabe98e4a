import { type Clock, isSymbolonError } from "../core/index.ts";
import type { JwtSvid } from "../svid/index.ts";
import type { JwtSvidRequest } from "../workload-api/index.ts";

/** Tokens remembered; the least recently fetched one goes first. */
const MAX_ENTRIES = 1024;

interface Entry {
  readonly svid: JwtSvid;
  /** Wall time, in ms, from which another one is fetched. */
  readonly refreshAtMs: number;
}

/**
 * One token per audience and identity, fetched again after half of what was left of its life. Whoever asks while one is
 * being fetched waits for that one. An agent that does not answer is no reason to be without a token that is still valid.
 */
export function createJwtCache(clock: Clock, fetch: (request: JwtSvidRequest) => Promise<JwtSvid>) {
  const entries = new Map<string, Entry>();
  const underWay = new Map<string, Promise<JwtSvid>>();

  const fetchAndKeep = async (key: string, request: JwtSvidRequest): Promise<JwtSvid> => {
    try {
      const svid = await fetch(request);
      const nowMs = clock.now().getTime();
      entries.delete(key);
      entries.set(key, { svid, refreshAtMs: nowMs + (svid.expiresAt.getTime() - nowMs) / 2 });
      const oldest = entries.size > MAX_ENTRIES ? entries.keys().next() : undefined;
      if (oldest && !oldest.done) entries.delete(oldest.value);
      return svid;
    } catch (error) {
      const kept = entries.get(key)?.svid;
      if (kept && isPassing(error) && kept.expiresAt.getTime() > clock.now().getTime()) return kept;
      entries.delete(key);
      throw error;
    } finally {
      underWay.delete(key);
    }
  };

  return {
    get(request: JwtSvidRequest): Promise<JwtSvid> {
      const key = keyOf(request);
      const entry = entries.get(key);
      if (entry && clock.now().getTime() < entry.refreshAtMs) return Promise.resolve(entry.svid);
      const running = underWay.get(key) ?? fetchAndKeep(key, request);
      underWay.set(key, running);
      return running;
    },
    clear(): void {
      entries.clear();
    },
  };
}

function keyOf({ audience, spiffeId }: JwtSvidRequest): string {
  const audiences = typeof audience === "string" ? [audience] : [...audience].sort();
  return JSON.stringify([spiffeId?.toString() ?? "", ...audiences]);
}

/** Trouble of the agent's, other than the word that there is no identity, or that the request is wrong. */
function isPassing(error: unknown): boolean {
  return (
    isSymbolonError(error) &&
    [
      "ERR_WORKLOAD_API_UNAVAILABLE",
      "ERR_WORKLOAD_API_UNREACHABLE",
      "ERR_WORKLOAD_API_DEADLINE",
      "ERR_WORKLOAD_API_FAILED",
      "ERR_WORKLOAD_API_RESPONSE_INVALID",
    ].includes(error.code)
  );
}
