/** Policy sets, connections and requests over values that can be had on loopback. */
import type { AuthorizationPolicy, ConnectionAttributes, JwtClaims, RequestAttributes } from "@symbolon/policy";
import { buildPolicy, type PolicyText } from "../oracle/build-policy.ts";
import type { SeededRandom } from "../oracle/random.ts";
import { randomCase, randomConnection, randomRequest } from "../oracle/random-case.ts";
import type { Verdict } from "./authorization-filters.ts";
import type { EnvoyListener } from "./envoy-bootstrap.ts";

/** The addresses of the vocabulary that are others here: loopback is all there is. */
const READABLE = /^(?:10|fd00)[.:]/;
const NETWORK = { vocabulary: "10.0.", here: "127.0." };

export function drawListener(random: SeededRandom, port: number): EnvoyListener {
  const { policies: texts, options } = randomCase(random);
  const policies = texts.map((text) => buildPolicy(JSON.parse(here(JSON.stringify(text), port)) as PolicyText));
  const verdicts = new Map<string, Verdict>();
  for (const provider of options.providers.keys()) verdicts.set(provider, random.pick(["allow", "allow", "deny"]));
  return { address: "127.0.0.9", port, policies, options, verdicts };
}

export function drawConnection(random: SeededRandom, listener: EnvoyListener): ConnectionAttributes {
  for (;;) {
    const { remoteAddress, sni, peerSpiffeId, ...connection } = randomConnection(random);
    const sourceAddress = here(connection.sourceAddress, listener.port);
    if (!sourceAddress.startsWith("127.")) continue;
    return {
      sourceAddress,
      destinationAddress: listener.address,
      destinationPort: listener.port,
      ...(remoteAddress !== undefined &&
        READABLE.test(remoteAddress) && { remoteAddress: here(remoteAddress, listener.port) }),
      ...(peerSpiffeId !== undefined && { peerSpiffeId, ...(sni !== undefined && { sni }) }),
    };
  }
}

/** None that a client cannot send, or that Envoy does not take for HTTP or for a token. */
export function drawRequest(random: SeededRandom): RequestAttributes {
  for (;;) {
    const request = randomRequest(random);
    if (!["GET", "POST", "PUT"].includes(request.method) || request.host === "" || request.path.startsWith("*"))
      continue;
    if (!request.claims || isReadableByEnvoy(request.claims)) return request;
  }
}

/** A case for people, without what it does not hang on. */
export function caseText(
  { policies, options, verdicts }: EnvoyListener,
  connection: ConnectionAttributes,
  request?: RequestAttributes,
): string {
  return JSON.stringify({
    policies: policies.map(plainPolicy),
    mode: options.pathNormalization,
    several: options.allowSeveralProviders,
    verdicts: [...verdicts],
    connection,
    ...(request && { request: { ...request, headers: [...request.headers] } }),
  });
}

function plainPolicy(policy: AuthorizationPolicy): unknown {
  return JSON.parse(
    JSON.stringify(policy, (key, value) => (key === "position" || key === "targetRefs" ? undefined : value)),
  );
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
