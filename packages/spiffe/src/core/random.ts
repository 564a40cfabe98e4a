import { runtime } from "./runtime-globals.ts";

/** Randomness as an argument, always from a cryptographic source outside tests. */
export interface Random {
  bytes(length: number): Uint8Array;
  /** Uniform in [0, 1). */
  fraction(): number;
}

export const systemRandom: Random = {
  bytes: (length) => runtime.crypto.getRandomValues(new Uint8Array(length)),
  fraction: () => (runtime.crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32,
};
