import type { KeyObject } from "node:crypto";
import type { Clock, Log } from "@symbolon/spiffe/core";
import type { TrustDomain } from "@symbolon/spiffe/id";
import { signJwtSvid } from "@symbolon/spiffe/svid";
import { type AuditSink, productError } from "../core/index.ts";
import type { JwtAuthority, JwtSvidOrder } from "./jwt-authority.ts";
import { jwtAlgorithmOf } from "./jwt-authority-bundle.ts";
import type { JwtKey } from "./jwt-keys.ts";

export interface JwtSvidIssuerDependencies {
  readonly trustDomain: TrustDomain;
  signingKey(): Promise<(JwtKey & { readonly privateKey: KeyObject }) | undefined>;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Log;
}

/** A stolen token is of use for so long (J7); SPIRE's default. */
export const DEFAULT_JWT_SVID_LIFETIME_SECONDS = 5 * 60;
/** Less than a key signs and stays in the bundle behind the next one. */
export const MAX_JWT_SVID_LIFETIME_SECONDS = 24 * 60 * 60;
const MAX_AUDIENCES = 32;
const MAX_AUDIENCE_CHARACTERS = 1024;
/** Together: the token has at most 16 Ki characters, and JSON and base64 make three of one at the worst. */
const MAX_AUDIENCES_CHARACTERS = 4096;

/** Checks the order, signs, reads the token back, writes the audit line, and only then hands the token out. */
export function createJwtSvidIssuer(dependencies: JwtSvidIssuerDependencies): JwtAuthority["createJwtSvid"] {
  const { trustDomain, audit, clock, log } = dependencies;
  return async (order, caller) => {
    checkOrder(order, trustDomain);
    const { spiffeId, audiences, lifetimeSeconds = DEFAULT_JWT_SVID_LIFETIME_SECONDS } = order;
    const key = await dependencies.signingKey();
    if (!key)
      throw productError("ERR_CA_EXPIRED", "every key for JWT-SVIDs has expired, and no new one could be stored");
    const issuedAt = clock.now();
    const expiresAt = new Date(Math.min(issuedAt.getTime() + lifetimeSeconds * 1000, key.expiresAt.getTime()));
    const svid = signJwtSvid(
      { spiffeId, audiences, issuedAt, expiresAt },
      { keyId: key.keyId, privateKey: key.privateKey, algorithm: jwtAlgorithmOf(key) },
    );
    await audit.write({
      kind: "token.issue",
      outcome: "success",
      actor: caller.name,
      subject: spiffeId.toString(),
      authority: caller.authenticator,
      details: {
        ...caller.details,
        audiences: audiences.join(" "),
        keyId: key.keyId,
        expiresAt: svid.expiresAt.toISOString(),
      },
    });
    log.info("token issued", { spiffeId: spiffeId.toString(), expiresAt: svid.expiresAt.toISOString() });
    return { token: svid.token, expiresAt: svid.expiresAt };
  };
}

function checkOrder({ spiffeId, audiences, lifetimeSeconds }: JwtSvidOrder, trustDomain: TrustDomain): void {
  if (spiffeId.trustDomain.name !== trustDomain.name)
    throw invalid(`"${spiffeId}" is not in the trust domain "${trustDomain.name}"`);
  if (spiffeId.path === "") throw invalid(`"${spiffeId}" has no path: it is no workload's ID`);
  if (audiences.length === 0) throw invalid("audience must be specified");
  if (audiences.length > MAX_AUDIENCES) throw invalid(`${audiences.length} audiences, more than ${MAX_AUDIENCES}`);
  if (new Set(audiences).size !== audiences.length) throw invalid("an audience is named twice");
  for (const audience of audiences) {
    if (audience === "") throw invalid("an audience is empty");
    if (audience.length > MAX_AUDIENCE_CHARACTERS)
      throw invalid(`an audience has ${audience.length} characters, more than ${MAX_AUDIENCE_CHARACTERS}`);
    if (!audience.isWellFormed()) throw invalid("an audience has a surrogate without its pair");
  }
  const characters = audiences.join("").length;
  if (characters > MAX_AUDIENCES_CHARACTERS)
    throw invalid(`audiences have ${characters} characters together, more than ${MAX_AUDIENCES_CHARACTERS}`);
  if (lifetimeSeconds === undefined) return;
  if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1)
    throw invalid(`lifetime "${lifetimeSeconds}" is not a whole number of seconds`);
  if (lifetimeSeconds > MAX_JWT_SVID_LIFETIME_SECONDS)
    throw productError(
      "ERR_CA_LIFETIME_TOO_LONG",
      `a JWT-SVID for ${lifetimeSeconds} seconds was asked for, more than ${MAX_JWT_SVID_LIFETIME_SECONDS}`,
    );
}

function invalid(message: string) {
  return productError("ERR_JWT_SVID_REQUEST_INVALID", message);
}
