import type { JwtClaims, RequestAttributes } from "./attributes.ts";
import type { CompactToken } from "./compact-token.ts";
import type { JwtFailure, TokenRefusal } from "./jwt-failures.ts";
import type { TokenPlace } from "./jwt-locations.ts";
import type { HeaderLine } from "./jwt-outputs.ts";
import type { JwtRule, RequestAuthentication } from "./request-authentication.ts";

export type AuthenticatedRequest = Pick<RequestAttributes, "method" | "path" | "host" | "headers"> & {
  /** Of the request as it was sent; `http` if absent. Only for `WWW-Authenticate`. */
  readonly scheme?: "http" | "https";
};

/** A rule and where it stands. */
export interface AttachedJwtRule {
  readonly policy: RequestAuthentication;
  readonly rule: JwtRule;
  readonly index: number;
}

/** State of a rule's key set. Whatever is not ready refuses every token (fail closed), and lets pass who has none. */
export type RuleKeys<Keys> =
  | { readonly kind: "ready"; readonly keys: Keys }
  | { readonly kind: "not_json" | "no_keys" | "keys_not_list" | "no_valid_keys" | "fetch_failed" };

export interface TokenValidity {
  readonly notBefore?: number;
  readonly expires?: number;
}

/** What `checkSignature` of `@symbolon/spiffe/jwt` answers. */
export type SignatureVerdict = "verified" | "no_key" | "invalid";

/** The two things that are not in the token and the policies; asked only for a token whose claims pass. */
export interface TokenVerification<Keys> {
  /** Instead of `parseCompactToken`, for who remembers what it has read; of the same text, the same answer. */
  readonly readToken?: (text: string) => CompactToken | JwtFailure;
  readonly keysOf: (rule: JwtRule) => RuleKeys<Keys>;
  readonly verifySignature: (token: CompactToken, keys: Keys) => SignatureVerdict;
}

/** What is done to the request before it goes on, in this order: headers removed, headers added, path replaced. */
export interface RequestChanges {
  readonly removeHeaders: readonly string[];
  readonly addHeaders: readonly HeaderLine[];
  /** Only when a parameter is taken out. */
  readonly path?: string;
}

/**
 * anonymous: goes on without claims. authenticated: goes on with them; there is no principal without `iss` and `sub`.
 * refused: is answered.
 */
export type RequestAuthenticationOutcome =
  | { readonly kind: "anonymous"; readonly why: "no_token" | "cors_preflight"; readonly changes: RequestChanges }
  | {
      readonly kind: "authenticated";
      readonly by: AttachedJwtRule;
      readonly place: TokenPlace;
      readonly claims: JwtClaims;
      readonly requestPrincipal?: string;
      readonly changes: RequestChanges;
    }
  | {
      readonly kind: "refused";
      readonly failure: JwtFailure;
      readonly by: AttachedJwtRule;
      readonly place: TokenPlace;
      readonly answer: TokenRefusal;
      /** Of a token that is too early or too late, in seconds of Unix time: to be compared with a clock that may be off. */
      readonly validity?: TokenValidity;
    };
