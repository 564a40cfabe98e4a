import type { BundleSet, JwtBundleSet } from "../bundle/index.ts";
import { concatBytes, encodeUtf8, errorText, isSymbolonError, type JsonValue } from "../core/index.ts";
import { type JwtSvidSigningKey, signJwtSvid, verifyJwtSvid } from "../svid/index.ts";
import type { HintedX509Svid } from "../workload-api/index.ts";
import {
  encodeField,
  encodeMap,
  encodeMessageField,
  encodeRepeated,
  GRPC_STATUS,
  readFields,
  stringOf,
} from "../workload-api/wire.ts";
import { certificatesToDer } from "../x509/index.ts";

/** What a fake Workload API serves; without X.509 identities, PermissionDenied (S3). */
export interface FakeWorkloadApiState {
  readonly svids?: readonly HintedX509Svid[];
  readonly bundles?: BundleSet;
  readonly jwtBundles?: JwtBundleSet;
  /** Signs the tokens of FetchJWTSVID, for the identities of `svids`. */
  readonly jwtKey?: JwtSvidSigningKey;
  /** Life of those tokens; 300,000 (five minutes) without it. */
  readonly jwtTtlMs?: number;
}

export type FakeAnswer =
  | { readonly kind: "message"; readonly message: Uint8Array }
  | { readonly kind: "status"; readonly code: number; readonly text: string };

const NO_IDENTITY: FakeAnswer = { kind: "status", code: GRPC_STATUS.permissionDenied, text: "no identity issued" };
const DEFAULT_JWT_TTL_MS = 300_000;

export function encodeX509Svids({ svids = [], bundles }: FakeWorkloadApiState): FakeAnswer {
  if (svids.length === 0 || !bundles) return NO_IDENTITY;
  const own = new Set(svids.map(({ svid }) => svid.spiffeId.trustDomain.name));
  const federated = bundles.bundles.filter(({ trustDomain }) => !own.has(trustDomain.name));
  const identities = svids.map(({ svid, hint }) =>
    concatBytes(
      encodeField(1, svid.spiffeId.toString()),
      encodeField(2, certificatesToDer(svid.chain)),
      encodeField(3, svid.privateKey.export({ format: "der", type: "pkcs8" })),
      encodeField(4, certificatesToDer(bundles.get(svid.spiffeId.trustDomain)?.x509Authorities ?? [])),
      encodeField(5, hint),
    ),
  );
  return message(encodeRepeated(1, identities), encodeX509BundleMap(3, federated));
}

export function encodeX509Bundles({ bundles }: FakeWorkloadApiState): FakeAnswer {
  return bundles ? message(encodeX509BundleMap(2, bundles.bundles)) : NO_IDENTITY;
}

export function encodeJwtBundles({ jwtBundles }: FakeWorkloadApiState): FakeAnswer {
  if (!jwtBundles) return NO_IDENTITY;
  const entries = jwtBundles.bundles.map(
    ({ trustDomain, json }) => [trustDomain.id().toString(), encodeUtf8(json)] as const,
  );
  return message(encodeMap(1, entries));
}

export function answerJwtSvid(state: FakeWorkloadApiState, request: Uint8Array, now: Date): FakeAnswer {
  const fields = [...readFields(request)];
  const audiences = fields.filter(({ number }) => number === 1).map(stringOf);
  const wanted = fields.filter(({ number }) => number === 2).map(stringOf)[0];
  if (audiences.length === 0 || audiences.includes("")) return refused("audience must be specified");
  const { svids = [], jwtKey, jwtTtlMs = DEFAULT_JWT_TTL_MS } = state;
  const chosen = svids.filter(({ svid }) => wanted === undefined || svid.spiffeId.toString() === wanted);
  if (chosen.length === 0 || !jwtKey) return NO_IDENTITY;
  const expiresAt = new Date(now.getTime() + jwtTtlMs);
  const tokens = chosen.map(({ svid: { spiffeId }, hint }) => {
    const { token } = signJwtSvid({ spiffeId, audiences, issuedAt: now, expiresAt }, jwtKey);
    return concatBytes(encodeField(1, spiffeId.toString()), encodeField(2, token.expose()), encodeField(3, hint));
  });
  return message(encodeRepeated(1, tokens));
}

export function answerValidation(state: FakeWorkloadApiState, request: Uint8Array, now: Date): FakeAnswer {
  const fields = new Map([...readFields(request)].map((field) => [field.number, stringOf(field)]));
  const audience = fields.get(1) ?? "";
  const token = fields.get(2) ?? "";
  if (audience === "") return refused("audience must be specified");
  if (token === "") return refused("svid must be specified");
  if (!state.jwtBundles) return NO_IDENTITY;
  try {
    const { spiffeId, claims } = verifyJwtSvid(token, state.jwtBundles, { audiences: [audience], now });
    return message(encodeField(1, spiffeId.toString()), encodeMessageField(2, encodeStruct(claims)));
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return refused(errorText(error));
  }
}

function encodeX509BundleMap(number: number, bundles: BundleSet["bundles"]): Uint8Array {
  return encodeMap(
    number,
    bundles.map(
      ({ trustDomain, x509Authorities }) => [trustDomain.id().toString(), certificatesToDer(x509Authorities)] as const,
    ),
  );
}

/** google.protobuf.Struct of a JSON object. */
function encodeStruct(object: { readonly [key: string]: JsonValue }): Uint8Array {
  const entries = Object.entries(object).map(([key, value]) =>
    concatBytes(encodeField(1, key), encodeMessageField(2, encodeValue(value))),
  );
  return encodeRepeated(1, entries);
}

function encodeValue(value: JsonValue): Uint8Array {
  if (value === null) return Uint8Array.of(8, 0);
  if (typeof value === "boolean") return Uint8Array.of(32, value ? 1 : 0);
  if (typeof value === "string") return encodeMessageField(3, encodeUtf8(value));
  if (typeof value === "number") {
    const bytes = new Uint8Array(9);
    bytes[0] = 17;
    new DataView(bytes.buffer).setFloat64(1, value, true);
    return bytes;
  }
  if (isList(value)) return encodeMessageField(6, encodeRepeated(1, value.map(encodeValue)));
  return encodeMessageField(5, encodeStruct(value));
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function message(...parts: readonly Uint8Array[]): FakeAnswer {
  return { kind: "message", message: concatBytes(...parts) };
}

function refused(text: string): FakeAnswer {
  return { kind: "status", code: GRPC_STATUS.invalidArgument, text };
}
