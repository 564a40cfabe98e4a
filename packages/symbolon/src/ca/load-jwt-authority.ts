import type { X509Bundle } from "@symbolon/spiffe/bundle";
import { type Clock, createObservable, errorText, type Log, type Timer } from "@symbolon/spiffe/core";
import type { TrustDomain } from "@symbolon/spiffe/id";
import type { AuditSink } from "../core/index.ts";
import { createJwtSvidIssuer } from "./create-jwt-svid.ts";
import type { JwtAuthority } from "./jwt-authority.ts";
import { bundleOf, contentSha256Of, jwtAlgorithmOf } from "./jwt-authority-bundle.ts";
import { createJwtKey, type JwtKeyState, readJwtKeys, writeJwtKeys } from "./jwt-key-file.ts";
import { type JwtKey, type JwtKeyKind, keysDue, nextChangeMs, signingKey } from "./jwt-keys.ts";
import type { SecretDirectory } from "./ports.ts";

export interface JwtAuthorityOptions {
  readonly trustDomain: TrustDomain;
  /** Where the keys are kept. */
  readonly directory: SecretDirectory;
  /** The X.509 half of the bundle. */
  readonly x509Bundle: X509Bundle;
  /** ES256 if absent; RS256 for relying parties that know nothing else. A key of another kind is succeeded within half an hour. */
  readonly algorithm?: "ES256" | "RS256";
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Log;
}

const KEY_KINDS: Readonly<Record<"ES256" | "RS256", JwtKeyKind>> = { ES256: "ec-p256", RS256: "rsa-2048" };
/** After a change of keys that could not be written down. */
const RETRY_MS = 60_000;

/**
 * The keys that an earlier start left, or a first one, and their change for as long as the CA runs: prepared, active,
 * kept in the bundle while tokens live. A change takes effect once it is in the audit log and on the disk.
 * @throws ERR_CA_FILES_INVALID, ERR_FILE_*
 */
export async function loadJwtAuthority(options: JwtAuthorityOptions): Promise<JwtAuthority> {
  const { trustDomain, directory, x509Bundle, algorithm = "ES256", audit, clock, log } = options;
  const kind = KEY_KINDS[algorithm];
  const isWanted = (key: JwtKey): boolean => jwtAlgorithmOf(key) === algorithm;

  const now = clock.now();
  // Of the clock, so that a bundle after a loss of the file still counts as newer than those before.
  let state: JwtKeyState = (await readJwtKeys(directory)) ?? {
    keys: [],
    sequence: Math.floor(now.getTime() / 1000),
    contentSha256: "",
  };

  const change = async (): Promise<void> => {
    const keys = keysDue(state.keys, clock.now(), (times) => createJwtKey(kind, times), isWanted);
    const contentSha256 = contentSha256Of(x509Bundle, keys);
    if (keys === state.keys && contentSha256 === state.contentSha256) return;
    const sequence = state.sequence + (contentSha256 === state.contentSha256 ? 0 : 1);
    const next = { keys, sequence, contentSha256 };
    await reportChange(audit, trustDomain, state.keys, keys);
    await writeJwtKeys(directory, next);
    state = next;
  };
  await change();
  const bundle = createObservable(bundleOf(trustDomain, x509Bundle, state));

  let timer: Timer | undefined;
  let isClosed = false;
  let running: Promise<void> = Promise.resolve();
  const schedule = (delayMs = nextChangeMs(state.keys, clock.now()) - clock.now().getTime()): void => {
    timer?.cancel();
    if (!isClosed) timer = clock.setTimer(Math.max(delayMs, 0), () => void keepUp());
  };
  /** One change at a time. Failing, it leaves the keys as they are and tries again. */
  const keepUp = (): Promise<void> => {
    running = running.then(async () => {
      try {
        await change();
        const current = bundleOf(trustDomain, x509Bundle, state);
        if (!current.equals(bundle.current)) bundle.set(current);
        schedule();
      } catch (error) {
        log.error("JWT keys not changed; trying again", { error: errorText(error), afterMs: RETRY_MS });
        schedule(RETRY_MS);
      }
    });
    return running;
  };
  schedule();

  return {
    bundle,
    createJwtSvid: createJwtSvidIssuer({
      trustDomain,
      async signingKey() {
        // A machine that slept wakes up with its timers late.
        if (clock.now().getTime() >= nextChangeMs(state.keys, clock.now())) await keepUp();
        return signingKey(state.keys, clock.now());
      },
      audit,
      clock,
      log,
    }),
    close() {
      isClosed = true;
      timer?.cancel();
    },
  };
}

/** A line for each key that is new, that lost its private half, and that left. */
async function reportChange(
  audit: AuditSink,
  trustDomain: TrustDomain,
  before: readonly JwtKey[],
  after: readonly JwtKey[],
): Promise<void> {
  const event = {
    kind: "key.change",
    outcome: "success",
    actor: "symbolon",
    subject: trustDomain.id().toString(),
  } as const;
  const write = (keyId: string, change: string, more: Readonly<Record<string, string>> = {}): Promise<void> =>
    audit.write({ ...event, details: { keyId, change, ...more } });
  for (const { keyId, activeFrom, expiresAt, privateKey } of after) {
    const old = before.find((key) => key.keyId === keyId);
    if (!old)
      await write(keyId, "prepared", { activeFrom: activeFrom.toISOString(), expiresAt: expiresAt.toISOString() });
    else if (old.privateKey && !privateKey) await write(keyId, "retired");
  }
  for (const { keyId } of before) if (!after.some((key) => key.keyId === keyId)) await write(keyId, "removed");
}
