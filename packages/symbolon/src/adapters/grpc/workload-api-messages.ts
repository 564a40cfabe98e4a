import { create, type JsonObject } from "@bufbuild/protobuf";
import type { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { concatBytes } from "@symbolon/spiffe/core";
import type { TrustDomain } from "@symbolon/spiffe/id";
import type { JwtSvid, X509Svid } from "@symbolon/spiffe/svid";
import type { Certificate } from "@symbolon/spiffe/x509";
import type { Entitlement, ServedJwtSvid } from "../../agent/index.ts";
import {
  type JWTBundlesResponse,
  JWTBundlesResponseSchema,
  type JWTSVIDResponse,
  JWTSVIDResponseSchema,
  type ValidateJWTSVIDResponse,
  ValidateJWTSVIDResponseSchema,
  type X509BundlesResponse,
  X509BundlesResponseSchema,
  type X509SVIDResponse,
  X509SVIDResponseSchema,
} from "../../gen/index.ts";

export type Granted = Extract<Entitlement, { readonly kind: "granted" }>;

/** A message with a short name of its content: equal content is not sent twice (S11). */
export interface StateMessage<Message> {
  readonly key: string;
  readonly message: () => Message;
}

/** The latest message with an SVID as its first: many workloads may have the same, and its key is taken out once. */
const latestOf = new WeakMap<X509Svid, { readonly key: string; readonly message: X509SVIDResponse }>();

/** Workload API §5.2.1. */
export function x509SvidState(granted: Granted): StateMessage<X509SVIDResponse> {
  const { svids, bundles } = granted;
  const names = svids.map(({ svid, hint = "" }) => `${svid.leaf.serialNumberHex} ${svid.spiffeId} ${hint}`);
  const key = [bundles.generation, ...names].join("\n");
  return {
    key,
    message() {
      const [first] = svids;
      const latest = first && latestOf.get(first.svid);
      if (latest?.key === key) return latest.message;
      const message = x509SvidMessage(granted);
      if (first) latestOf.set(first.svid, { key, message });
      return message;
    },
  };
}

function x509SvidMessage({ svids, bundles }: Granted): X509SVIDResponse {
  const own = new Set(svids.map(({ svid }) => svid.spiffeId.trustDomain.name));
  return create(X509SVIDResponseSchema, {
    svids: svids.map(({ svid, hint = "" }) => ({
      spiffeId: svid.spiffeId.toString(),
      x509Svid: derOf(svid.chain),
      x509SvidKey: svid.privateKey.export({ format: "der", type: "pkcs8" }),
      bundle: derOf(bundles.get(svid.spiffeId.trustDomain)?.x509Authorities ?? []),
      hint,
    })),
    federatedBundles: x509BundleMap(bundles, ({ name }) => !own.has(name)),
  });
}

/** Workload API §5.2.2. */
export function x509BundlesState({ bundles }: Granted): StateMessage<X509BundlesResponse> {
  return {
    key: bundles.generation,
    message: () => create(X509BundlesResponseSchema, { bundles: x509BundleMap(bundles, () => true) }),
  };
}

/** Workload API §6.2.2. */
export function jwtBundlesState({ jwtBundles }: Granted): StateMessage<JWTBundlesResponse> {
  const bundles = jwtBundleMap(jwtBundles);
  return {
    key: JSON.stringify(Object.entries(bundles).map(([name, bytes]) => [name, Buffer.from(bytes).toString()])),
    message: () => create(JWTBundlesResponseSchema, { bundles }),
  };
}

export function jwtSvidMessage(svids: readonly ServedJwtSvid[]): JWTSVIDResponse {
  return create(JWTSVIDResponseSchema, {
    svids: svids.map(({ spiffeId, token, hint = "" }) => ({
      spiffeId: spiffeId.toString(),
      svid: token.expose(),
      hint,
    })),
  });
}

/**
 * Workload API §6.2.3. `aud` is a list, however the token writes it; of a foreign trust domain's token only what the
 * standard requires is passed on (S9).
 */
export function validatedMessage(svid: JwtSvid, isForeign: boolean): ValidateJWTSVIDResponse {
  const { sub, exp } = svid.claims;
  const audience = { aud: [...svid.audiences] };
  const claims = isForeign ? { sub, exp, ...audience } : { ...svid.claims, ...audience };
  // Claims were read from JSON.
  return create(ValidateJWTSVIDResponseSchema, { spiffeId: svid.spiffeId.toString(), claims: claims as JsonObject });
}

function x509BundleMap(bundles: BundleSet, wanted: (domain: TrustDomain) => boolean): Record<string, Uint8Array> {
  const chosen = bundles.bundles.filter(({ trustDomain }) => wanted(trustDomain));
  return Object.fromEntries(
    chosen.map(({ trustDomain, x509Authorities }) => [idOf(trustDomain), derOf(x509Authorities)]),
  );
}

function jwtBundleMap(bundles: JwtBundleSet): Record<string, Uint8Array> {
  return Object.fromEntries(
    bundles.bundles.map(({ trustDomain, json }) => [idOf(trustDomain), new TextEncoder().encode(json)]),
  );
}

/** Keys of the Workload API's maps are SPIFFE IDs of trust domains. */
function idOf({ name }: TrustDomain): string {
  return `spiffe://${name}`;
}

function derOf(certificates: readonly Certificate[]): Uint8Array {
  return concatBytes(...certificates.map(({ der }) => der));
}
