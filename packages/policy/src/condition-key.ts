/** What a `when` key names (istio-security §3.7). */
export type ConditionAttribute =
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "claim"; readonly path: readonly string[] }
  | { readonly kind: SimpleAttribute }
  /** Envoy's dynamic metadata, which no proxy of ours writes: always absent. */
  | { readonly kind: "metadata" };

type SimpleAttribute =
  | "sourceAddress"
  | "remoteAddress"
  | "namespace"
  | "serviceAccount"
  | "trustDomain"
  | "principal"
  | "requestPrincipal"
  | "audience"
  | "presenter"
  | "destinationAddress"
  | "destinationPort"
  | "sni";

/** Undefined: no key of Istio's. */
export function parseConditionKey(key: string): ConditionAttribute | undefined {
  const simple = SIMPLE_KEYS.get(key);
  if (simple) return { kind: simple };
  if (key.startsWith(HEADERS)) {
    const name = inBrackets(key.slice(HEADERS.length));
    return name === undefined ? undefined : { kind: "header", name: name.toLowerCase() };
  }
  if (key.startsWith(CLAIMS)) {
    const path = claimPath(key.slice(CLAIMS.length));
    return path && { kind: "claim", path };
  }
  if (key.startsWith(FILTER_METADATA) && key.endsWith("]") && key.includes("[")) return { kind: "metadata" };
  return undefined;
}

/** `[a][b]` goes into nested objects; brackets that are not a plain row are one key from the first to the last. */
function claimPath(brackets: string): readonly string[] | undefined {
  const whole = inBrackets(brackets);
  if (whole === undefined) return undefined;
  const names = whole.split("][");
  return names.some((name) => /[[\]]/.test(name)) ? [whole] : names;
}

function inBrackets(text: string): string | undefined {
  return text.length > 2 && text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : undefined;
}

const HEADERS = "request.headers";
const CLAIMS = "request.auth.claims";
const FILTER_METADATA = "experimental.envoy.filters.";
const SIMPLE_KEYS: ReadonlyMap<string, SimpleAttribute> = new Map([
  ["source.ip", "sourceAddress"],
  ["remote.ip", "remoteAddress"],
  ["source.namespace", "namespace"],
  ["source.serviceAccount", "serviceAccount"],
  ["source.trustDomain", "trustDomain"],
  ["source.principal", "principal"],
  ["request.auth.principal", "requestPrincipal"],
  ["request.auth.audiences", "audience"],
  ["request.auth.presenter", "presenter"],
  ["destination.ip", "destinationAddress"],
  ["destination.port", "destinationPort"],
  ["connection.sni", "sni"],
]);
