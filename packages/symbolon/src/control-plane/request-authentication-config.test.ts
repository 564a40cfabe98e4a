import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import type { JwtRule, RequestAuthentication } from "@symbolon/policy";
import { jwkFromPublicKey } from "@symbolon/spiffe/jwt";
import { publicKeySets } from "./request-authentication-config.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const position = { file: "f.yaml", line: 1, column: 1 };
const policy = (name: string, ...uris: readonly string[]): RequestAuthentication => ({
  kind: "RequestAuthentication",
  namespace: "foo",
  name,
  position,
  targetRefs: [],
  jwtRules: uris.map((jwksUri) => ({ issuer: "i", jwksUri, timeoutMs: 1000 }) as unknown as JwtRule),
});

test("sets that were fetched are told once each; one that holds a private key is told as one without keys", () => {
  const good = JSON.stringify({ keys: [jwkFromPublicKey(publicKey, { kid: "k" })] });
  const leaked = JSON.stringify({ keys: [privateKey.export({ format: "jwk" })] });
  const fetched = new Map([
    ["https://a", good],
    ["https://b", leaked],
    ["https://nobody-wants-it", good],
  ]);
  const policies = [policy("one", "https://a", "https://b"), policy("two", "https://a", "https://c")];
  expect(publicKeySets(policies, (source) => fetched.get(source))).toEqual([
    { source: "https://a", jwks: good },
    { source: "https://b", jwks: '{"keys":[]}' },
  ]);
});
