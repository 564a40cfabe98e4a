import type { Random } from "@symbolon/spiffe/core";
import { uuidFrom } from "./http1/index.ts";

const BYTES = 16;
/** Ids whose random bytes are got at once: a call into the runtime costs more than an id. */
const BATCH = 128;

/** New request ids, each from 16 random bytes that nothing else uses. */
export function createRequestIds(random: Random): () => string {
  let bytes: Uint8Array = new Uint8Array();
  let at = 0;
  return () => {
    if (at === bytes.length) {
      bytes = random.bytes(BYTES * BATCH);
      at = 0;
    }
    const id = uuidFrom(bytes, at);
    bytes.fill(0, at, at + BYTES);
    at += BYTES;
    return id;
  };
}
