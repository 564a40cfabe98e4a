import { type Clock, isSymbolonError, type Random } from "@symbolon/spiffe/core";
import type { CreatedJwtSvid, CreateJwtSvid, NodeClient } from "./ports.ts";

/** Tokens that are given out again until about half of their life is over (spiffe.md §5.4). */
export interface JwtSvidCache {
  /**
   * A token for the caller and exactly these audiences. When the CA cannot give a new one, the old one while it lives;
   * when it will not, none.
   * @param owner whose tokens they are: never shared between two owners; another revision of an entry is another owner
   * @throws ERR_CA_CALL_RETRYABLE, ERR_CA_CALL_REFUSED
   */
  get(owner: string, order: CreateJwtSvid): Promise<CreatedJwtSvid>;
}

interface Kept {
  readonly svid: CreatedJwtSvid;
  /** Milliseconds since 1970. */
  readonly refreshAt: number;
}

const MAX_TOKENS = 1000;
/** Share of a token's life after which a new one is asked for; spread, so that tokens of one moment do not come back together. */
const REFRESH_WINDOW = { from: 0.45, to: 0.55 } as const;

export function createJwtSvidCache(options: {
  readonly client: Pick<NodeClient, "createJwtSvid">;
  readonly clock: Clock;
  readonly random: Random;
}): JwtSvidCache {
  const { client, clock, random } = options;
  /** The least recently used one is first. */
  const kept = new Map<string, Kept>();
  const running = new Map<string, Promise<CreatedJwtSvid>>();
  // Several may wait for one order: it ends by the client's own time limit, not when one of them goes.
  const { signal } = new AbortController();

  const order = async (key: string, request: CreateJwtSvid): Promise<CreatedJwtSvid> => {
    const svid = await client.createJwtSvid(request, signal);
    const now = clock.now().getTime();
    const share = REFRESH_WINDOW.from + (REFRESH_WINDOW.to - REFRESH_WINDOW.from) * random.fraction();
    kept.delete(key);
    kept.set(key, { svid, refreshAt: now + (svid.expiresAt.getTime() - now) * share });
    for (const [oldest] of kept) {
      if (kept.size <= MAX_TOKENS) break;
      kept.delete(oldest);
    }
    return svid;
  };

  return {
    async get(owner, request) {
      const key = JSON.stringify([owner, ...[...request.audiences].sort()]);
      const known = kept.get(key);
      const now = clock.now().getTime();
      if (known && now < known.refreshAt) {
        kept.delete(key);
        kept.set(key, known);
        return known.svid;
      }
      let call = running.get(key);
      if (!call) {
        call = order(key, request).finally(() => running.delete(key));
        running.set(key, call);
      }
      try {
        return await call;
      } catch (error) {
        const isRefusal = isSymbolonError(error) && error.code === "ERR_CA_CALL_REFUSED";
        if (known && !isRefusal && clock.now() < known.svid.expiresAt) return known.svid;
        kept.delete(key);
        throw error;
      }
    },
  };
}
