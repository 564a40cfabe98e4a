import type { Random } from "@symbolon/spiffe/core";
import { UUID_LENGTH, writeUuid } from "./http1/index.ts";

const BYTES = 16;
/** Ids that are made at once: a call into the runtime, for random bytes or for a text of bytes, costs more than an id. */
const BATCH = 128;

/** New request ids, each from 16 random bytes that nothing else uses. */
export function createRequestIds(random: Random): () => string {
  const ids = Buffer.alloc(UUID_LENGTH * BATCH);
  let text = "";
  let at = 0;
  return () => {
    if (at === text.length) {
      const bytes = random.bytes(BYTES * BATCH);
      for (let index = 0; index < BATCH; index++) writeUuid(ids, UUID_LENGTH * index, bytes, BYTES * index);
      text = ids.toString("latin1");
      at = 0;
    }
    at += UUID_LENGTH;
    return text.slice(at - UUID_LENGTH, at);
  };
}
