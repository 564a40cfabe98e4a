import {
  type Clock,
  createObservable,
  errorText,
  type Log,
  type Observable,
  type Random,
  type Timer,
} from "@symbolon/spiffe/core";
import type { ProxyIdentity } from "../../proxy/index.ts";
import { connectFrames } from "./frame-client.ts";
import { decodeIdentityFacts, decodeIdentityKey, type IdentityFacts } from "./identity-message.ts";

export interface IdentityClient {
  /** The newest identity; kept while the agent is away, until the certificate's own end. */
  readonly identity: Observable<ProxyIdentity | undefined>;
  close(): void;
}

/** A handshake that began with the old identity has ended long before that. */
const WIPE_AFTER_MS = 60_000;

export function createIdentityClient(options: {
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): IdentityClient {
  const { clock, log } = options;
  const identity = createObservable<ProxyIdentity | undefined>(undefined);
  let awaitingKey: IdentityFacts | undefined;
  let expiry: Timer | undefined;

  const replace = (next: ProxyIdentity | undefined): void => {
    const before = identity.current;
    expiry?.cancel();
    if (next) expiry = clock.setTimer(next.notAfter.getTime() - clock.now().getTime(), () => withdraw(next));
    identity.set(next);
    if (before) clock.setTimer(WIPE_AFTER_MS, () => before.privateKeyPem.expose().fill(0));
  };
  const withdraw = (expired: ProxyIdentity): void => {
    if (identity.current !== expired) return;
    log.error("certificate expired; no connection can be made with it any more", {
      serialNumber: expired.serialNumber,
      notAfter: expired.notAfter.toISOString(),
    });
    replace(undefined);
  };

  const client = connectFrames({
    ...options,
    onOpen() {
      awaitingKey = undefined;
    },
    onFrame(frame, connection) {
      try {
        if (awaitingKey) {
          const facts = awaitingKey;
          awaitingKey = undefined;
          replace({ ...facts, privateKeyPem: decodeIdentityKey(frame) });
          return;
        }
        awaitingKey = decodeIdentityFacts(frame);
        if (!awaitingKey && identity.current) {
          log.warn("the agent withdrew this proxy's identity");
          replace(undefined);
        }
      } catch (error) {
        log.error("message of the agent is not readable", { reason: errorText(error) });
        connection.close();
      }
    },
    onDown() {
      awaitingKey = undefined;
    },
  });

  return {
    identity,
    close() {
      client.close();
      expiry?.cancel();
      replace(undefined);
    },
  };
}
