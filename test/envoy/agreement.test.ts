/**
 * The engine against a real Envoy 1.40: ENVOY_CASES requests from ORACLE_SEED (1,000 and a fixed seed by default), sent over
 * HTTP on loopback. What the two may differ in is in docs/reference/envoy-facts.md, and drawn around here.
 */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AuthorizationPolicy,
  type ConnectionAttributes,
  compileAuthorization,
  type JwtClaims,
  type RequestAttributes,
} from "@symbolon/policy";
import { installEnvoy } from "../../tools/envoy.ts";
import { buildPolicy, type PolicyText } from "../oracle/build-policy.ts";
import { SeededRandom } from "../oracle/random.ts";
import { randomCase, randomConnection, randomRequest } from "../oracle/random-case.ts";
import { type EnvoyListener, envoyBootstrap } from "./envoy-bootstrap.ts";
import { createPki } from "./envoy-pki.ts";
import { type Answer, sendRequest } from "./send-request.ts";
import { startEnvoy } from "./start-envoy.ts";

const CASES = Number(process.env.ENVOY_CASES ?? 1_000);
const SEED = Number(process.env.ORACLE_SEED ?? 20_261_126);
const REQUESTS_A_SET = 10;
const FIRST_PORT = 21_000;
/** The address of the vocabulary that is another one here: loopback is all there is. */
const NETWORK = { vocabulary: "10.0.", here: "127.0." };
const envoy = installEnvoy() ?? "";

describe.skipIf(envoy === "")("authorization", () => {
  test(`decides as Envoy does on ${CASES} random requests from seed ${SEED}`, async () => {
    const random = new SeededRandom(SEED);
    const listeners = Array.from({ length: Math.ceil(CASES / REQUESTS_A_SET) }, (_, index) =>
      drawListener(random, index),
    );
    const directory = mkdtempSync(join(tmpdir(), "symbolon-envoy-"));
    const pki = createPki(directory);
    const stop = await startEnvoy(
      envoy,
      directory,
      envoyBootstrap(listeners, { ...pki, jwks: JSON.stringify(pki.jwks) }),
    );
    const differences: string[] = [];
    const counts = new Map<string, number>();
    try {
      for (const listener of listeners) {
        const compiled = compileAuthorization(listener.policies, listener.options);
        for (let request = 0; request < REQUESTS_A_SET; request++) {
          const drawn = drawRequest(random, listener);
          const decision = compiled.connection(drawn.connection).decide(drawn.request);
          const keys =
            drawn.connection.peerSpiffeId === undefined ? undefined : pki.client(drawn.connection.peerSpiffeId);
          const token = drawn.request.claims && pki.token(drawn.request.claims);
          const answer = await sendRequest(drawn.connection, drawn.request, { keys, token });
          const wanted = `${decision.outcome} ${decision.by?.policyId ?? "-"}`;
          const actual = describeAnswer(answer);
          counts.set(decision.reason, (counts.get(decision.reason) ?? 0) + 1);
          if (decision.reason === "path_refused" ? answer.status !== 400 : actual !== wanted)
            differences.push(
              `Envoy ${actual}, engine ${wanted}: ${JSON.stringify({ ...drawn, headers: [...drawn.request.headers] })} ${JSON.stringify(rulesOf(listener.policies))} ${listener.options.pathNormalization}`,
            );
        }
      }
    } finally {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    }
    console.log(`seed ${SEED}: ${CASES} requests; ${[...counts].map((entry) => entry.join(" ")).join(", ")}`);
    for (const difference of differences) console.log(difference);
    expect(differences.length).toBe(0);
  }, 600_000);
});

/** ALLOW and DENY alone, over values that can be had on loopback. */
function drawListener(random: SeededRandom, index: number): EnvoyListener {
  const port = FIRST_PORT + index;
  const { policies: texts, options } = randomCase(random);
  const policies = texts
    .filter(({ action }) => action === "allow" || action === "deny")
    .map((text) => buildPolicy({ ...JSON.parse(here(JSON.stringify(text), port)), dryRun: false } as PolicyText));
  return { address: "127.0.0.9", port, policies, options };
}

interface DrawnRequest {
  readonly connection: ConnectionAttributes;
  readonly request: RequestAttributes;
}

function drawRequest(random: SeededRandom, listener: EnvoyListener): DrawnRequest {
  for (;;) {
    const { remoteAddress: _, sni, peerSpiffeId, ...connection } = randomConnection(random);
    const request = randomRequest(random);
    const sourceAddress = here(connection.sourceAddress, listener.port);
    // What a client cannot send, or Envoy does not take for HTTP or for a token.
    if (!sourceAddress.startsWith("127.")) continue;
    if (!["GET", "POST", "PUT"].includes(request.method) || request.host === "" || request.path.startsWith("*"))
      continue;
    if (request.claims && !isReadableByEnvoy(request.claims)) continue;
    return {
      connection: {
        sourceAddress,
        destinationAddress: listener.address,
        destinationPort: listener.port,
        ...(peerSpiffeId !== undefined && { peerSpiffeId, ...(sni !== undefined && { sni }) }),
      },
      request,
    };
  }
}

function isReadableByEnvoy({ iss, sub, aud }: JwtClaims): boolean {
  const isText = (claim: unknown) => claim === undefined || typeof claim === "string";
  return isText(iss) && isText(sub) && (isText(aud) || (Array.isArray(aud) && aud.every(isText)));
}

function here(text: string, port: number): string {
  // Envoy never finds an IPv4 peer in a block that is written as IPv4-mapped IPv6.
  const plain = text.replaceAll("::ffff:10.0.0.0/127", "10.0.0.0/31").replaceAll("::ffff:10.0.0.0/90", "fd00::/90");
  return plain.replaceAll(NETWORK.vocabulary, NETWORK.here).replaceAll("8080", String(port));
}

function describeAnswer({ status, headers, body }: Answer): string {
  if (status === 200) {
    const rule = headers.get("x-rule") ?? "-";
    return `allow ${rule === "" || rule === "none" ? "-" : rule}`;
  }
  const rule = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(body)?.[1];
  if (status === 403 && rule !== undefined) return `deny ${rule === "none" ? "-" : rule}`;
  return `${status} ${body}`;
}

function rulesOf(policies: readonly AuthorizationPolicy[]): unknown {
  return JSON.parse(
    JSON.stringify(policies, (key, value) => (key === "position" || key === "targetRefs" ? undefined : value)),
  );
}
