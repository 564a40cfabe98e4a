import {
  type Clock,
  createObservable,
  errorText,
  fullJitterBackoffMs,
  type Log,
  type Observable,
  type Random,
  type Timer,
} from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";
import { createKeyPair } from "@symbolon/spiffe/x509";
import { privateKeyPem } from "../core/index.ts";
import type { IssueCertificate } from "./issue-certificate.ts";
import type { ServerIdentity } from "./ports.ts";

export interface ServerCertificateOptions {
  readonly issue: IssueCertificate;
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly lifetimeSeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface ServerCertificate {
  readonly identity: Observable<ServerIdentity>;
  close(): void;
}

/** RR-01: renewal at a point drawn from this part of the life. */
const RENEWAL_FROM = 0.7;
const RENEWAL_TO = 0.8;
/** Near the end of the issuer's own life each new certificate is shorter than the last: no faster than this. */
const MIN_INTERVAL_MS = 1000;
const BACKOFF = { baseMs: 1000, capMs: 60_000 } as const;

/** The CA's own TLS server certificate: issued by itself like any other, with a new key and in good time for ever. */
export async function startServerCertificate(options: ServerCertificateOptions): Promise<ServerCertificate> {
  const { clock, random, log } = options;
  let timer: Timer | undefined;
  let closed = false;

  const first = await issueOne(options);
  const identity = createObservable(first.identity);

  const schedule = (notAfter: Date): void => {
    const point = RENEWAL_FROM + random.fraction() * (RENEWAL_TO - RENEWAL_FROM);
    const leftMs = Math.max(0, notAfter.getTime() - clock.now().getTime());
    timer = clock.setTimer(Math.max(leftMs * point, MIN_INTERVAL_MS), () => void renew(0));
  };

  const renew = async (failures: number): Promise<void> => {
    try {
      const next = await issueOne(options);
      const previous = identity.current;
      if (closed) return;
      identity.set(next.identity);
      previous.keyPem.expose().fill(0);
      schedule(next.notAfter);
    } catch (error) {
      log.warn("server certificate not renewed", { error: errorText(error), failures: failures + 1 });
      if (!closed)
        timer = clock.setTimer(fullJitterBackoffMs(failures, random, BACKOFF), () => void renew(failures + 1));
    }
  };

  schedule(first.notAfter);
  return {
    identity,
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}

async function issueOne(
  options: ServerCertificateOptions,
): Promise<{ readonly identity: ServerIdentity; readonly notAfter: Date }> {
  const { issue, spiffeId, dnsNames, ipAddresses, lifetimeSeconds } = options;
  const keyPair = createKeyPair("ec-p256");
  const created = await issue({
    kind: "server",
    spiffeId,
    publicKey: keyPair.spki,
    dnsNames,
    ipAddresses,
    caller: "symbolon",
    authenticator: "certificate authority",
    requestedLifetimeSeconds: BigInt(lifetimeSeconds),
  });
  return {
    identity: { certificateChainPem: created.certificateChainPem.join(""), keyPem: privateKeyPem(keyPair) },
    notAfter: created.notAfter,
  };
}
