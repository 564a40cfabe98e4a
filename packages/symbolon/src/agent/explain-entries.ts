import type { RegistrationEntry } from "../core/index.ts";
import { matchEntries, selectorText, uniqueHints } from "./match-entries.ts";
import type { Selector } from "./workload.ts";

/** Why a process has an entry's identity, or what is in the way. */
export interface EntryExplanation extends Lifetimes {
  readonly entry: RegistrationEntry;
  /** Absent: every selector holds, the process has this identity. */
  readonly difference?: SelectorDifference;
  /** The process is given the identity without the entry's hint: an older entry of its has the same (S5). */
  readonly hintTaken: boolean;
}

/** How long what the CA issues lives, and why. */
export interface Lifetimes {
  readonly x509Lifetime: LifetimeExplanation;
  readonly jwtLifetime: LifetimeExplanation;
}

/** The first selector of an entry that does not hold. */
export interface SelectorDifference {
  /** `unix:uid:1000`. */
  readonly wanted: string;
  /** What the process has of that kind (`unix:uid:`); empty: nothing. */
  readonly got: readonly string[];
  /** Why nothing of that kind is known. */
  readonly reason?: string;
}

export interface LifetimeExplanation {
  readonly seconds: number;
  readonly because: "entry" | "default" | "signing certificate ends";
  /** What the entry or the mesh would have given. */
  readonly wantedSeconds: number;
}

/** How long the CA lets what it issues live. */
export interface IssuanceLimits {
  readonly x509LifetimeSeconds: number;
  readonly jwtLifetimeSeconds: number;
  /** Remaining life of the certificate that signs; nothing outlives it. JWT-SVIDs have a key of their own. */
  readonly signingRemainingSeconds: number;
}

/** @param unknown kind of selector (`unix:path`) to why the process has none */
export function explainEntries(
  entries: readonly RegistrationEntry[],
  attested: readonly Selector[],
  { unknown, limits }: { readonly unknown: ReadonlyMap<string, string>; readonly limits: IssuanceLimits },
): readonly EntryExplanation[] {
  const matching = matchEntries(entries, attested);
  const hints = uniqueHints(matching);
  const has = attested.map(selectorText);
  return entries.map((entry) => {
    const difference = matching.includes(entry) ? undefined : firstDifference(entry, has, unknown);
    return {
      entry,
      ...(difference ? { difference } : {}),
      hintTaken: difference === undefined && entry.hint !== undefined && !hints.has(entry.id),
      ...explainLifetimes(limits, entry),
    };
  });
}

/** @param entry absent for a pod, whose lifetimes are the mesh's */
export function explainLifetimes(
  limits: IssuanceLimits,
  entry: Pick<RegistrationEntry, "x509LifetimeSeconds" | "jwtLifetimeSeconds"> = {},
): Lifetimes {
  return {
    x509Lifetime: lifetime(entry.x509LifetimeSeconds, limits.x509LifetimeSeconds, limits.signingRemainingSeconds),
    jwtLifetime: lifetime(entry.jwtLifetimeSeconds, limits.jwtLifetimeSeconds, Number.POSITIVE_INFINITY),
  };
}

function firstDifference(
  { selectors }: RegistrationEntry,
  has: readonly string[],
  unknown: ReadonlyMap<string, string>,
): SelectorDifference {
  const missing = selectors.map(selectorText).find((text) => !has.includes(text)) ?? "at least one selector";
  const kind = kindOf(missing);
  const got = has.filter((text) => kindOf(text) === kind);
  const reason = got.length === 0 ? (unknown.get(kind) ?? whyNone(kind)) : undefined;
  return { wanted: missing, got, ...(reason === undefined ? {} : { reason }) };
}

/** `unix:uid` of `unix:uid:1000`. */
function kindOf(text: string): string {
  const [type = "", key = ""] = text.split(":");
  return `${type}:${key}`;
}

/** Kinds that are attested here, and what it means to have none. */
const KINDS: Readonly<Record<string, string>> = {
  "unix:uid": "the process has no such user",
  "unix:user": "its user id has no name",
  "unix:gid": "the process has no such group",
  "unix:group": "its group id has no name",
  "unix:supplementary_gid": "it has no supplementary groups",
  "unix:supplementary_group": "none of its supplementary groups has a name",
  "unix:path": "its program has no path",
  "unix:sha256": "its program was not read",
  "systemd:id": "it belongs to no unit of the system's service manager",
  "systemd:fragment_path": "it belongs to no unit, or to one without a file",
  "container:id": "no container runtime of the system runs it",
  "container:rootless_id": "no container runtime of a user runs it",
};

function whyNone(kind: string): string {
  return KINDS[kind] ?? `selectors of this kind are not attested here; known are ${Object.keys(KINDS).join(", ")}`;
}

function lifetime(ofEntry: number | undefined, ofMesh: number, remaining: number): LifetimeExplanation {
  const wantedSeconds = ofEntry ?? ofMesh;
  if (remaining < wantedSeconds)
    return { seconds: Math.max(0, Math.floor(remaining)), because: "signing certificate ends", wantedSeconds };
  return { seconds: wantedSeconds, because: ofEntry === undefined ? "default" : "entry", wantedSeconds };
}
