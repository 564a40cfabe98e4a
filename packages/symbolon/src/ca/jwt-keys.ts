import type { KeyObject } from "node:crypto";

/** A key of the JWT authority. Its name is its thumbprint (RFC 7638), so that no two keys ever share one. */
export interface JwtKey {
  readonly keyId: string;
  readonly publicKey: KeyObject;
  /** Gone as soon as the next key signs. */
  readonly privateKey?: KeyObject;
  /** Before it the key is published and signs nothing. */
  readonly activeFrom: Date;
  /** No token that it signs lives longer; then the key leaves the bundle. */
  readonly expiresAt: Date;
}

export type JwtKeyKind = "ec-p256" | "rsa-2048";

const DAY_MS = 24 * 60 * 60 * 1000;
/** From the first token that it may sign to the end of the last. */
export const JWT_KEY_LIFE_MS = 7 * DAY_MS;
/** The next key is made and published when half of the life is over ... */
const PREPARED_AFTER_MS = JWT_KEY_LIFE_MS / 2;
/** ... and signs from here on, so that the old one has more than a day left for its last token. */
const SUCCEEDED_AFTER_MS = (JWT_KEY_LIFE_MS * 5) / 6;
/** How often readers of the bundle look for a newer one (`spiffe_refresh_hint`). */
export const REFRESH_HINT_SECONDS = 300;
/** Federation §4.3: a key is in the bundle three to five hints before it is used. */
const PUBLISHED_BEFORE_USE_MS = 5 * REFRESH_HINT_SECONDS * 1000;

export type CreateJwtKey = (times: Pick<JwtKey, "activeFrom" | "expiresAt">) => JwtKey;

/**
 * The keys that there should be now: expired ones leave, a successor is prepared in time, and keys that sign nothing any
 * more lose their private half. Answers `keys` itself when nothing is due.
 * @param keys the oldest first
 * @param isWanted whether a key is of the kind that is wanted; a successor is prepared at once when the newest is not
 */
export function keysDue(
  keys: readonly JwtKey[],
  now: Date,
  create: CreateJwtKey,
  isWanted: (key: JwtKey) => boolean,
): readonly JwtKey[] {
  const living = keys.filter(({ expiresAt }) => expiresAt > now);
  const newest = living.at(-1);
  // The very first, or after a time in which nothing ran: nobody can be told of it before.
  if (!newest?.privateKey) return [...living, create(lifeFrom(now))];
  const isSuccessorDue = isWanted(newest) ? now.getTime() >= preparedAt(newest) : newest.activeFrom <= now;
  const all = isSuccessorDue ? [...living, create(lifeFrom(successionTime(newest, now, isWanted(newest))))] : living;
  const signing = signingKey(all, now);
  const stripped = all.map((key) => (signing && key.activeFrom < signing.activeFrom ? withoutPrivateHalf(key) : key));
  return stripped.length === keys.length && stripped.every((key, index) => key === keys[index]) ? keys : stripped;
}

/** The newest key that is active. A clock that went back finds the oldest that can still sign. */
export function signingKey(
  keys: readonly JwtKey[],
  now: Date,
): (JwtKey & { readonly privateKey: KeyObject }) | undefined {
  const able = keys.filter(
    (key): key is JwtKey & { readonly privateKey: KeyObject } => key.privateKey !== undefined && key.expiresAt > now,
  );
  return able.findLast(({ activeFrom }) => activeFrom <= now) ?? able[0];
}

/** When `keysDue` will have something to do if nothing else happens, in milliseconds since 1970. */
export function nextChangeMs(keys: readonly JwtKey[], now: Date): number {
  const newest = keys.at(-1);
  if (!newest) return now.getTime();
  const successionMs = newest.activeFrom > now ? newest.activeFrom.getTime() : preparedAt(newest);
  return Math.min(successionMs, ...keys.map(({ expiresAt }) => expiresAt.getTime()));
}

function preparedAt({ activeFrom }: JwtKey): number {
  return activeFrom.getTime() + PREPARED_AFTER_MS;
}

function successionTime(newest: JwtKey, now: Date, isOfWantedKind: boolean): Date {
  const published = now.getTime() + PUBLISHED_BEFORE_USE_MS;
  const regular = isOfWantedKind ? newest.activeFrom.getTime() + SUCCEEDED_AFTER_MS : published;
  // A key that is about to expire leaves no time to tell everybody.
  return new Date(Math.min(Math.max(regular, published), newest.expiresAt.getTime()));
}

/** Whole seconds, as tokens have no others. */
function lifeFrom(time: Date): Pick<JwtKey, "activeFrom" | "expiresAt"> {
  const activeFrom = new Date(Math.floor(time.getTime() / 1000) * 1000);
  return { activeFrom, expiresAt: new Date(activeFrom.getTime() + JWT_KEY_LIFE_MS) };
}

function withoutPrivateHalf(key: JwtKey): JwtKey {
  if (key.privateKey === undefined) return key;
  const { privateKey: _privateKey, ...rest } = key;
  return rest;
}
