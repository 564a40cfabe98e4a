import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** What a pod's programs show to their own proxy, and to no other. */
export interface ProxyCredentials {
  readonly user: string;
  readonly secret: string;
}

const SECRET_BYTES = 32;

export function createProxyCredentials(podName: string): ProxyCredentials {
  return { user: podName, secret: randomBytes(SECRET_BYTES).toString("base64url") };
}

/** SHA-256 in hex: all that the proxy has of them. */
export function credentialsDigest({ user, secret }: ProxyCredentials): string {
  return digest(`${user}:${secret}`).toString("hex");
}

/**
 * Whether a Proxy-Authorization field (RFC 7617) shows the credentials of a digest. Compares digests, in constant time:
 * neither length nor content of a wrong secret shows in how long it takes.
 */
export function credentialsVerifier(digestHex: string): (field: string | undefined) => boolean {
  const wanted = Buffer.from(digestHex, "hex");
  return (field) => {
    const [, encoded] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(field ?? "") ?? [];
    const given = digest(Buffer.from(encoded ?? "", "base64"));
    return timingSafeEqual(given, wanted) && encoded !== undefined;
  };
}

/**
 * What tells programs of their proxy: curl, Go, Python and Java tools read the first four, Node from 22.21 on needs the
 * last. Names of this machine itself stay with the program.
 */
export function proxyEnvironment(port: number, { user, secret }: ProxyCredentials): Readonly<Record<string, string>> {
  const url = `http://${user}:${secret}@127.0.0.1:${port}`;
  const direct = "localhost,127.0.0.1,::1";
  return {
    http_proxy: url,
    HTTP_PROXY: url,
    https_proxy: url,
    HTTPS_PROXY: url,
    no_proxy: direct,
    NO_PROXY: direct,
    NODE_USE_ENV_PROXY: "1",
  };
}

/** SHA-256 in hex of the credentials that a process was given by `proxyEnvironment`. @param environment NAME=VALUE each */
export function digestInEnvironment(environment: readonly string[]): string | undefined {
  for (const variable of environment) {
    const [, credentials] = /^http_proxy=http:\/\/([^@/]+)@127\.0\.0\.1:\d+$/i.exec(variable) ?? [];
    if (credentials !== undefined) return digest(credentials).toString("hex");
  }
  return undefined;
}

function digest(text: string | Buffer): Buffer {
  return createHash("sha256").update(text).digest();
}
