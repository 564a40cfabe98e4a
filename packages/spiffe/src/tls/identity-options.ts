import type { X509Svid } from "../svid/index.ts";

/** OpenSSL's SSL_OP_NO_TICKET: no session outlives its handshake, because a resumed one is not verified again (N2). */
const SSL_OP_NO_TICKET = 1 << 14;

/** What both ends need: the runtime asks for a certificate and judges none. No `ca`: it would leak into the peer's chain. */
export interface IdentityOptions {
  readonly key: string;
  readonly cert: string;
  readonly requestCert: true;
  readonly rejectUnauthorized: false;
  readonly minVersion: "TLSv1.2";
  readonly secureOptions: number;
}

const made = new WeakMap<X509Svid, IdentityOptions>();

/** Made once for each identity. */
export function identityOptions(svid: X509Svid): IdentityOptions {
  const known = made.get(svid);
  if (known) return known;
  const options: IdentityOptions = Object.freeze({
    key: svid.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: svid.certificateChainPem(),
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: "TLSv1.2",
    secureOptions: SSL_OP_NO_TICKET,
  });
  made.set(svid, options);
  return options;
}
