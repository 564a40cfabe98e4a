import { SeededRandom } from "../oracle/random.ts";

/** Hostile JWTs: whole texts, headers, payloads and signatures that nearly are those of a good token; repeatable by its seed. */
export interface TokenMutator {
  next(): string;
}

const MAX_EDITS = 4;
/** Of a part, in bytes: past the longest token that is looked at (16 Ki characters). */
const LARGE_PART_BYTES = 20_000;
const ALGORITHMS = ["none", "None", "HS256", "RS256", "RS384", "PS256", "ES256", "ES384", "EdDSA", "", "ES256K"];
const WORDS = [
  ".",
  "..",
  "=",
  "-",
  "_",
  "+",
  "/",
  " ",
  ",",
  '"',
  "\\",
  "\\ud800",
  "\\udfff\\ud800",
  "\\u0000",
  "\ud83d\ude00",
  "\0",
  "{}",
  "{",
  "}",
  "[[[[[[[[",
  "]",
  "null",
  "true",
  "-1",
  "1e999",
  "1e308",
  "18446744073709551616",
  "0.5",
  '"alg":"none",',
  '"kid":"../../one",',
  '"kid":0,',
  '"crit":["exp"],',
  '"b64":false,',
  '"jwk":{"kty":"oct","k":"AA"},',
  '"exp":"99999999999",',
  '"exp":null,',
  '"iss":["https://issuer.example"],',
  '"aud":{},',
  '"__proto__":{"sub":"admin"},',
  '"constructor":1,',
].map((word) => Buffer.from(word));

/** @param good tokens in compact form that pass as they are */
export function createTokenMutator(seed: number, good: readonly string[]): TokenMutator {
  const random = new SeededRandom(seed);

  const edit = (input: Buffer): Buffer => {
    const at = random.below(input.length + 1);
    const end = Math.min(input.length, at + random.below(32));
    switch (random.below(6)) {
      case 0:
        return Buffer.concat([input.subarray(0, at), Buffer.from([random.below(256)]), input.subarray(at)]);
      case 1:
        return Buffer.concat([input.subarray(0, at), input.subarray(end)]);
      case 2:
        return Buffer.concat([input.subarray(0, at), random.pick(WORDS), input.subarray(at)]);
      case 3:
        return Buffer.concat([input.subarray(0, at), random.pick(WORDS), input.subarray(end)]);
      case 4:
        return Buffer.concat([input.subarray(0, at), input.subarray(at, end), input.subarray(at)]);
      default: {
        const changed = Buffer.from(input);
        if (changed.length > 0) changed[random.below(changed.length)] = random.below(256);
        return changed;
      }
    }
  };
  const edited = (input: Buffer): Buffer => {
    let output = input;
    for (let edits = 1 + random.below(MAX_EDITS); edits > 0; edits--) output = edit(output);
    return output;
  };
  const partsOf = (token: string): Buffer[] => token.split(".").map((part) => Buffer.from(part, "base64url"));
  const join = (parts: readonly Buffer[]): string => parts.map((part) => part.toString("base64url")).join(".");

  return {
    next() {
      const token = random.pick(good);
      const parts = partsOf(token);
      switch (random.below(8)) {
        case 0:
          return edited(Buffer.from(token)).toString("latin1");
        case 1:
        case 2:
        case 3: {
          // Header, payload, signature.
          const which = random.below(3);
          return join(parts.map((part, index) => (index === which ? edited(part) : part)));
        }
        case 4: {
          // Parts of different tokens.
          const others = parts.map((_, index) => partsOf(random.pick(good))[index] ?? Buffer.alloc(0));
          return join(others);
        }
        case 5: {
          const header = { ...JSON.parse(String(parts[0])), alg: random.pick(ALGORITHMS) };
          return join([Buffer.from(JSON.stringify(header)), ...parts.slice(1)]);
        }
        case 6: {
          // Other numbers of parts, and empty ones.
          const texts = token.split(".").flatMap((part) => random.pick([[part], [part, part], [], [""]]));
          return texts.join(".");
        }
        default: {
          if (!random.chance(0.02)) return join(parts.map((part) => (random.chance(0.3) ? edited(part) : part)));
          const which = random.below(3);
          return join(parts.map((part, index) => (index === which ? Buffer.alloc(LARGE_PART_BYTES, part) : part)));
        }
      }
    },
  };
}
