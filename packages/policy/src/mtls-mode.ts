/** What a PeerAuthentication says; "unset" inherits. */
export type MtlsMode = "unset" | "disable" | "permissive" | "strict";

/** What is in force: "unset" has been resolved. */
export type EffectiveMtlsMode = Exclude<MtlsMode, "unset">;

/**
 * The words of proto JSON and of the CRD's enum; case matters. The numbers that proto JSON also allows are refused,
 * as the CRD refuses them: `type: string`.
 */
export const MTLS_MODE_WORDS = {
  UNSET: "unset",
  DISABLE: "disable",
  PERMISSIVE: "permissive",
  STRICT: "strict",
} as const satisfies Readonly<Record<string, MtlsMode>>;
