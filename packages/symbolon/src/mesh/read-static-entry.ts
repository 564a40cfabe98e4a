import {
  type Check,
  checkDns1123Subdomain,
  type DocumentNode,
  type ObjectReader,
  parseGoDuration,
  type ReadContext,
  readObject,
} from "@symbolon/policy";
import { errorText } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { neverAttested } from "./known-selectors.ts";
import type { ClusterStaticEntryObject, EntrySelector } from "./manifest-objects.ts";
import { reportMesh } from "./mesh-finding.ts";
import type { ObjectMeta } from "./object.ts";

/** Workload API §5.2.2: longer hints are cut by some clients. */
const MAX_HINT_BYTES = 1024;
/** As long as the CA gives at most (MAX_WORKLOAD_CERT_TTL); below the shortest, nobody would renew in time. */
export const X509_LIFETIME_SECONDS = { min: 5, max: 90 * 24 * 3600 } as const;
/** A token cannot be taken back: a day at most. */
export const JWT_LIFETIME_SECONDS = { min: 5, max: 24 * 3600 } as const;
const MAX_SELECTORS = 64;
const MAX_DNS_NAMES = 64;
const MAX_SELECTOR_BYTES = 8 * 1024;

/** Powers over SPIRE's own server, which is not here: an entry that asks for one means something else. */
const REFUSED_WHEN_TRUE = {
  admin: "SPIRE's administration API is not served here",
  downstream: "no other server gets a signing certificate here",
  storeSVID: "no agent stores SVIDs outside of its memory here",
} as const;

/** `spec` of SPIRE's published ClusterStaticEntry (spiffe.md §5.10). */
export function readStaticEntry(
  spec: DocumentNode,
  context: ReadContext,
  meta: ObjectMeta,
): ClusterStaticEntryObject | undefined {
  const reader = readObject(spec, context);
  const spiffeIdText = reader.string("spiffeID", { required: true, check: checkWorkloadId });
  const parentIdText = reader.string("parentID", { check: checkId });
  const selectors = reader.strings("selectors", { min: 1, max: MAX_SELECTORS, check: checkSelector });
  if (!reader.has("selectors"))
    reader.report("SYM0103", "required field is missing: an entry has at least one selector", "selectors");
  for (const selector of selectors ?? []) {
    const never = neverAttested(selector);
    if (never !== undefined)
      reportMesh({ ...context, path: `${context.path}.selectors` }, "SYM2309", reader.positionOf("selectors"), never);
  }
  const federatesWith = reader.strings("federatesWith", { check: checkTrustDomain }) ?? [];
  const x509LifetimeSeconds = readLifetime(reader, "x509SVIDTTL", X509_LIFETIME_SECONDS);
  const jwtLifetimeSeconds = readLifetime(reader, "jwtSVIDTTL", JWT_LIFETIME_SECONDS);
  const dnsNames = reader.strings("dnsNames", { max: MAX_DNS_NAMES, check: checkDnsName }) ?? [];
  const hint = reader.string("hint", { check: checkHint });
  for (const [field, why] of Object.entries(REFUSED_WHEN_TRUE))
    if (reader.boolean(field) === true)
      reportMesh({ ...context, path: `${context.path}.${field}` }, "SYM2004", reader.positionOf(field), why);
  reader.ignore(["className"]);
  return reader.finish(() => ({
    kind: "ClusterStaticEntry" as const,
    meta,
    spiffeId: SpiffeId.parse(spiffeIdText),
    ...(parentIdText === undefined ? {} : { parentId: SpiffeId.parse(parentIdText) }),
    selectors: [...new Set(selectors)].map(parseSelector),
    federatesWith: [...new Set(federatesWith)].map((name) => TrustDomain.parse(name)),
    ...(x509LifetimeSeconds === undefined ? {} : { x509LifetimeSeconds }),
    ...(jwtLifetimeSeconds === undefined ? {} : { jwtLifetimeSeconds }),
    dnsNames: [...new Set(dnsNames)],
    ...(hint === undefined || hint === "" ? {} : { hint }),
  }));
}

/** `unix:uid:1000`: everything before the first colon is the type. The text has passed `checkSelector`. */
function parseSelector(text: string): EntrySelector {
  const colon = text.indexOf(":");
  return { type: text.slice(0, colon), value: text.slice(colon + 1) };
}

/** Go's durations, as Kubernetes writes them; zero stands for the mesh's own lifetime, as in SPIRE. */
function readLifetime(
  reader: ObjectReader,
  field: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const check: Check<string> = (text) => {
    const milliseconds = parseGoDuration(text);
    if (milliseconds === undefined) return 'must be a duration such as "1h" or "5m"';
    if (milliseconds === 0) return undefined;
    const seconds = milliseconds / 1000;
    if (!Number.isInteger(seconds)) return "must be whole seconds: X.509 and JWT have no others";
    return seconds < min || seconds > max ? `must be ${min}s to ${max}s (${max / 3600}h)` : undefined;
  };
  const text = reader.string(field, { check });
  const milliseconds = text === undefined ? undefined : parseGoDuration(text);
  return milliseconds === undefined || milliseconds === 0 ? undefined : milliseconds / 1000;
}

const checkId: Check<string> = (text) => broken(() => SpiffeId.parse(text));

/** A path is what tells workloads from the trust domain itself (X509-SVID §2). */
const checkWorkloadId: Check<string> = (text) =>
  checkId(text) ?? (SpiffeId.parse(text).path === "" ? "a workload's SPIFFE ID has a path" : undefined);

const checkTrustDomain: Check<string> = (text) => broken(() => TrustDomain.parse(text));

const checkSelector: Check<string> = (text) => {
  if (!/^[a-z][a-z0-9_-]*:./s.test(text)) return "must be type:value, such as unix:uid:1000 or unix:path:/usr/bin/node";
  if (Buffer.byteLength(text) > MAX_SELECTOR_BYTES) return `must be at most ${MAX_SELECTOR_BYTES} bytes`;
  return hasControlCharacter(text) ? "must not have control characters" : undefined;
};

const checkDnsName: Check<string> = (name) =>
  checkDns1123Subdomain(name) ??
  (name.split(".").some((label) => label.length > 63) ? "each label has at most 63 characters" : undefined);

const checkHint: Check<string> = (hint) =>
  Buffer.byteLength(hint) > MAX_HINT_BYTES
    ? `must be at most ${MAX_HINT_BYTES} bytes, got ${Buffer.byteLength(hint)}`
    : undefined;

function hasControlCharacter(text: string): boolean {
  return [...text].some((character) => character < " " || character === "\u007f");
}

function broken(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}
