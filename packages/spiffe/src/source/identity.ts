import { spiffeError } from "../core/index.ts";
import type { JwtSvid } from "../svid/index.ts";
import { createWorkloadApiClient, type JwtSvidRequest } from "../workload-api/index.ts";
import { createX509Source, type X509SourceOptions } from "./create-x509-source.ts";
import { type JwtSource, startJwtSource, type VerifyJwtOptions } from "./jwt-source.ts";
import type { WaitOptions, X509Source } from "./x509-source.ts";

/** Who this process is: an X.509 source, and its tokens over the same connection. */
export interface Identity extends X509Source {
  /** A JWT-SVID of this process. @throws as `JwtSource.fetch` */
  jwt(request: JwtSvidRequest, options?: { readonly signal?: AbortSignal }): Promise<JwtSvid>;
  /** Verifies a caller's JWT-SVID, once the first JWT bundles are there. @throws as `JwtSource.verify` and `.ready` */
  verifyJwt(token: string, options: VerifyJwtOptions & WaitOptions): Promise<JwtSvid>;
}

/**
 * The front door: this process's identity from the Workload API at `SPIFFE_ENDPOINT_SOCKET`, or at the option `socket`,
 * as soon as it is there. It is kept up to date until it is closed (`await using`), and does not keep the process alive.
 * @throws as `createX509Source`
 */
export async function identity(options: X509SourceOptions & WaitOptions = {}): Promise<Identity> {
  const client = options.client ?? createWorkloadApiClient(options);
  const closeClient = async (): Promise<void> => {
    if (!options.client) await client.close();
  };
  const x509 = await createX509Source({ ...options, client }).catch(async (error: unknown) => {
    await closeClient();
    throw error;
  });
  let jwtSource: JwtSource | undefined;
  let closed = false;
  // Only when it is asked for: many agents do not offer the JWT profile.
  const jwts = (): JwtSource => {
    if (closed) throw spiffeError("ERR_SOURCE_CLOSED", "this identity is closed");
    jwtSource ??= startJwtSource({ ...options, client });
    return jwtSource;
  };
  const close = async (): Promise<void> => {
    closed = true;
    await x509.close();
    await jwtSource?.close();
    await closeClient();
  };

  return {
    current: x509.current,
    get svid() {
      return x509.svid;
    },
    get bundles() {
      return x509.bundles;
    },
    get spiffeId() {
      return x509.spiffeId;
    },
    get expiresAt() {
      return x509.expiresAt;
    },
    subscribe: x509.subscribe,
    ready: x509.ready,
    async jwt(request, jwtOptions) {
      return jwts().fetch(request, jwtOptions);
    },
    async verifyJwt(token, verifyOptions) {
      await jwts().ready(verifyOptions);
      return jwts().verify(token, verifyOptions);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
