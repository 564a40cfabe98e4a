import type { ProxyIdentity } from "./ports.ts";

/** RFC 5246; Istio's minimum (istio-security §1.6). Bun takes the version as a number. */
const TLS_1_2 = 0x0303;
/** OpenSSL's SSL_OP_NO_TICKET: no session outlives its handshake (SR-48). */
const SSL_OP_NO_TICKET = 1 << 14;

/**
 * Client and server need the same: the runtime asks for a certificate and judges none, because it knows neither trust
 * domains nor partial chains. Nothing is sent or taken before `verifyPeer` has passed.
 */
export interface TlsOptions {
  readonly key: Buffer;
  readonly cert: Buffer;
  readonly requestCert: true;
  readonly rejectUnauthorized: false;
  readonly minVersion: number;
  readonly secureOptions: number;
  readonly ALPNProtocols?: ArrayBuffer;
  readonly ecdhCurve?: string;
}

/** Options by offered protocol, made once for each identity: a new one changes the next handshake and no other. */
export interface TlsOptionsCache {
  /** @param protocols to offer, or the one to answer with; none: without the extension */
  forProtocols(identity: ProxyIdentity, protocols: readonly string[]): TlsOptions;
}

/** @param groups key-agreement groups; absent: the runtime's */
export function createTlsOptionsCache(groups?: string): TlsOptionsCache {
  let owner: ProxyIdentity | undefined;
  const byProtocol = new Map<string, TlsOptions>();
  return {
    forProtocols(identity, protocols) {
      if (owner !== identity) {
        owner = identity;
        byProtocol.clear();
      }
      const key = protocols.join();
      const known = byProtocol.get(key);
      if (known) return known;
      const options: TlsOptions = {
        key: identity.privateKeyPem.expose(),
        cert: Buffer.from(identity.certificateChainPem),
        requestCert: true,
        rejectUnauthorized: false,
        minVersion: TLS_1_2,
        secureOptions: SSL_OP_NO_TICKET,
        ...(groups === undefined ? {} : { ecdhCurve: groups }),
        ...(protocols.length === 0 ? {} : { ALPNProtocols: protocolNameList(protocols) }),
      };
      byProtocol.set(key, options);
      return options;
    },
  };
}

/** Wire form of protocol names (RFC 7301 §3.1): Bun passes these bytes on as they are. */
function protocolNameList(protocols: readonly string[]): ArrayBuffer {
  const encoder = new TextEncoder();
  return Uint8Array.from(protocols.flatMap((protocol) => [protocol.length, ...encoder.encode(protocol)])).buffer;
}
