import {
  type DocumentNode,
  type FindingCode,
  type ObjectReader,
  type ReadContext,
  readObject,
  readString,
  reportAt,
} from "./document/index.ts";
import { parseGoDuration } from "./go-duration.ts";
import { checkJwks, checkJwksUri } from "./jwks-checks.ts";
import type { ClaimToHeader, JwtHeader, JwtRule } from "./request-authentication.ts";

/** One element of `jwtRules` with Istio's checks and texts (istio-security §2.1, §2.2). */
export function readJwtRule(node: DocumentNode, context: ReadContext): JwtRule | undefined {
  const reader = readObject(node, context);
  const issuer = reader.string("issuer") ?? "";
  const audiences = readNames(reader, "audiences", { code: "SYM0602", message: "audience must be non-empty string" });
  const jwksUri = readJwksUri(reader);
  const jwks = readJwks(reader);
  if (issuer === "" && jwksUri === "")
    reader.report("SYM0601", "issuer or jwksUri must be non-empty string", reader.has("issuer") ? "issuer" : undefined);
  if (jwksUri !== "" && jwks !== "") reader.report("SYM0605", "only one of jwks or jwksUri can be set", "jwks");
  const fromHeaders = reader.list("fromHeaders", readHeaderPlace) ?? [];
  const fromParams = readNames(reader, "fromParams", {
    code: "SYM0606",
    message: "location query must be non-empty string",
  });
  const fromCookies = readNames(reader, "fromCookies", {
    code: "SYM0606",
    message: "cookie name must be non-empty string",
  });
  const outputPayloadToHeader = readPayloadHeader(reader);
  const outputClaimToHeaders = reader.list("outputClaimToHeaders", readClaimToHeader) ?? [];
  const forwardOriginalToken = reader.boolean("forwardOriginalToken") ?? false;
  const isTokenRequired = reader.enumeration("presence", { OPTIONAL: false, REQUIRED: true }) ?? false;
  const timeoutMs = readTimeout(reader);
  const spaceDelimitedClaims = readNames(reader, "spaceDelimitedClaims", {
    code: "SYM0607",
    message: "the name of a claim must be non-empty string",
    max: 64,
  });
  return reader.finish(() => ({
    position: node.position,
    issuer,
    audiences,
    ...(jwksUri === "" ? {} : { jwksUri }),
    ...(jwks === "" ? {} : { jwks }),
    fromHeaders,
    fromParams,
    fromCookies,
    ...(outputPayloadToHeader === "" ? {} : { outputPayloadToHeader }),
    outputClaimToHeaders,
    forwardOriginalToken,
    ...(isTokenRequired ? { isTokenRequired } : {}),
    timeoutMs,
    spaceDelimitedClaims,
  }));
}

function readNames(
  reader: ObjectReader,
  field: string,
  { code, message, max }: { readonly code: FindingCode; readonly message: string; readonly max?: number },
): readonly string[] {
  const names = reader.list(
    field,
    (node, context) => {
      const name = readString(node, context);
      if (name === "") reportAt(context, code, node, message);
      return name;
    },
    max === undefined ? {} : { max },
  );
  return names ?? [];
}

/** `jwks_uri` is the one alias with an underscore that Istio accepts; both at once are two values for one thing. */
function readJwksUri(reader: ObjectReader): string {
  const field = reader.has("jwks_uri") ? "jwks_uri" : "jwksUri";
  if (field === "jwks_uri" && reader.has("jwksUri"))
    reader.report("SYM0605", "only one of jwksUri or jwks_uri can be set", field);
  reader.ignore(["jwksUri", "jwks_uri"]);
  const uri = reader.string(field) ?? "";
  const problem = uri === "" ? undefined : checkJwksUri(uri);
  if (problem !== undefined) reader.report("SYM0603", problem, field);
  return uri;
}

function readJwks(reader: ObjectReader): string {
  const jwks = reader.string("jwks") ?? "";
  if (jwks === "") return jwks;
  const { error, privateKeys } = checkJwks(jwks);
  if (error !== undefined) reader.report("SYM0604", error, "jwks");
  for (const index of privateKeys)
    reader.report(
      "SYM0610",
      `jwks key at index ${index} contains private key material; only public keys are used for verification`,
      "jwks",
    );
  return jwks;
}

function readHeaderPlace(node: DocumentNode, context: ReadContext): JwtHeader | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name") ?? "";
  const prefix = reader.string("prefix") ?? "";
  if (!reader.hasErrors && name === "") reader.report("SYM0606", "location header name must be non-empty string");
  return reader.finish(() => ({ name, prefix }));
}

/** Istio has no rule for it; a name that is no token of HTTP could not be written without breaking the request. */
function readPayloadHeader(reader: ObjectReader): string {
  const name = reader.string("outputPayloadToHeader") ?? "";
  if (name !== "" && !TOKEN.test(name))
    reader.report("SYM0608", `header name ${name} is not a valid header name`, "outputPayloadToHeader");
  return name;
}

function readClaimToHeader(node: DocumentNode, context: ReadContext): ClaimToHeader | undefined {
  const reader = readObject(node, context);
  const header = reader.string("header") ?? "";
  const claim = reader.string("claim") ?? "";
  if (!reader.hasErrors && (header === "" || claim === ""))
    reader.report("SYM0607", "outputClaimToHeaders header and claim value must be non-empty string");
  else if (header !== "" && !/^[-_A-Za-z0-9]+$/.test(header))
    reader.report("SYM0608", `header name ${header} is not a valid header name`, "header");
  return reader.finish(() => ({ header, claim }));
}

function readTimeout(reader: ObjectReader): number {
  const text = reader.string("timeout");
  if (text === undefined) return DEFAULT_TIMEOUT_MS;
  const timeoutMs = parseGoDuration(text);
  if (timeoutMs !== undefined && timeoutMs >= 1) return timeoutMs;
  reader.report("SYM0609", `${JSON.stringify(text)} must be a valid duration greater than 1ms`, "timeout");
  return DEFAULT_TIMEOUT_MS;
}

const DEFAULT_TIMEOUT_MS = 5000;
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
