import type { PeerCertificate } from "node:tls";
import type { X509Source } from "../source/index.ts";
import { certificatesToPem } from "../x509/index.ts";
import { identityOptions } from "./identity-options.ts";
import { asRefusal, createPeerCheck, type PeerCheckOptions } from "./peer-check.ts";
import { presentedCertificates } from "./presented-certificates.ts";

/** Options of `tls.connect` that are read anew for each connection. */
export interface ClientTlsOptions {
  readonly key: string;
  readonly cert: string;
  /** All authorities of all bundles: a first sieve. The verdict by trust domain is `checkServerIdentity`'s. */
  readonly ca: string;
  readonly rejectUnauthorized: true;
  readonly minVersion: "TLSv1.2";
  readonly secureOptions: number;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/**
 * For libraries that call `tls.connect` themselves (pg, mysql2, ioredis, mongodb, kafkajs, nats): their `ssl` or `tls` option.
 * The verdict is given in the handshake, before the library may send anything. Unlike the other adapters this one needs
 * self-signed authorities, and the library must not pass a `session`: a resumed one is not verified again (spiffe.md N2).
 * @throws ERR_TLS_AUTHORIZER_MISSING; its properties throw ERR_SOURCE_*
 */
export function clientTlsOptions(source: X509Source, options: PeerCheckOptions): ClientTlsOptions {
  const check = createPeerCheck(source, "clientTlsOptions", options);
  return {
    get key() {
      return identityOptions(source.svid).key;
    },
    get cert() {
      return identityOptions(source.svid).cert;
    },
    get ca() {
      return certificatesToPem(source.bundles.bundles.flatMap((bundle) => bundle.x509Authorities));
    },
    rejectUnauthorized: true,
    get minVersion() {
      return identityOptions(source.svid).minVersion;
    },
    get secureOptions() {
      return identityOptions(source.svid).secureOptions;
    },
    checkServerIdentity(_host, certificate) {
      try {
        const socket = {
          getPeerCertificate: () => certificate,
          getPeerX509Certificate: () => undefined,
          isSessionReused: () => false,
        };
        check.ofCertificates(presentedCertificates(socket as unknown as Parameters<typeof presentedCertificates>[0]));
        return undefined;
      } catch (error) {
        return asRefusal(error);
      }
    },
  };
}
