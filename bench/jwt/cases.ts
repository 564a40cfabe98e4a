import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";
import type { Case } from "../harness/compare.ts";
import { HTTP_WITH_EVERYTHING } from "../harness/traffic.ts";

/** More than our proxies remember, so that each comes as if for the first time. */
const MANY = 20_000;
const ISSUER = "https://issuer.bench";

let made: readonly Case[] | undefined;

/**
 * The L7 load with a token (ES256, a dozen claims' worth) in every request, before the same policies and records. Envoy
 * verifies each as Istio configures it, without a cache.
 */
export function jwtCases(): readonly Case[] {
  if (made) return made;
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const directory = mkdtempSync(join(tmpdir(), "symbolon-bench-jwt-"));
  process.on("exit", () => Bun.spawnSync(["rm", "-r", directory]));
  const exp = Math.floor(Date.now() / 1000) + 6 * 3600;
  const token = (index: number): string =>
    signJws(
      { iss: ISSUER, sub: `user-${index}`, aud: "bench", exp, iat: exp, groups: ["group1", "group2"], scope: "a b c" },
      { kid: "bench", privateKey },
    );
  const file = (name: string, count: number): string => {
    const path = join(directory, name);
    writeFileSync(path, Array.from({ length: count }, (_, index) => token(index)).join("\n"));
    return path;
  };
  const jwks = JSON.stringify({ keys: [jwkFromPublicKey(publicKey, { kid: "bench" })] });
  const traffic = { ...HTTP_WITH_EVERYTHING, tokens: { issuer: ISSUER, jwks } };
  const wanted = (name: string, tokensFile: string, target: number): Case => ({
    name,
    unit: "requests",
    side: "server",
    load: { connections: 64, exchange: { upload: 0, download: 1024, tokensFile }, newConnections: false },
    ours: traffic,
    peers: { envoy: { traffic, target } },
  });
  const cached = { ...traffic, tokens: { ...traffic.tokens, cache: 1000 } };
  const few = wanted("JWT server side, 100 tokens", file("few", 100), 1.5);
  made = [
    few,
    {
      ...few,
      name: "JWT server side, 100 tokens, Envoy with a cache",
      peers: { envoy: { traffic: cached, target: 1.5 } },
    },
    wanted("JWT server side, 20,000 tokens in turn", file("many", MANY), 1),
  ];
  return made;
}
