/** Names that Envoy and Istio ask for (spiffe.md §5.5, istio-security §6.1); SPIFFE IDs stand for themselves. */
export const SECRET_NAMES = { certificate: "default", ownBundle: "ROOTCA", allBundles: "ALL" } as const;

/** Stands for all names, as in xDS. */
export const EVERYTHING = "*";

/** Where distributions keep the authorities that they trust, the most common ones first. */
export const SYSTEM_ROOTS = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
] as const;

export type FileSecretName =
  | { readonly kind: "certificate"; readonly chainPath: string; readonly keyPath: string }
  /** Without path: the system's. */
  | { readonly kind: "root"; readonly path?: string };

const CERTIFICATE = "file-cert:";
const ROOT = "file-root:";

export function isFileSecretName(name: string): boolean {
  return name.startsWith(CERTIFICATE) || name.startsWith(ROOT);
}

/** `file-cert:CHAIN~KEY`, `file-root:FILE`, `file-root:system`; paths are absolute. */
export function fileSecretName(name: string): FileSecretName | undefined {
  if (name.startsWith(ROOT)) {
    const path = name.slice(ROOT.length);
    if (path === "system") return { kind: "root" };
    return isPath(path) ? { kind: "root", path } : undefined;
  }
  const [chainPath = "", keyPath = "", ...rest] = name.slice(CERTIFICATE.length).split("~");
  const isNamed = name.startsWith(CERTIFICATE) && rest.length === 0 && isPath(chainPath) && isPath(keyPath);
  return isNamed ? { kind: "certificate", chainPath, keyPath } : undefined;
}

function isPath(path: string): boolean {
  return path.startsWith("/") && !path.includes("\0");
}
