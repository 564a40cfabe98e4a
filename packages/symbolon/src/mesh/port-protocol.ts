import type { ServicePort } from "./manifest-objects.ts";
import type { PortProtocol } from "./proxy-config.ts";

const HTTP_PROTOCOLS = ["http", "http2", "http_proxy", "grpc", "grpc-web"];
const TCP_PROTOCOLS = ["tcp", "https", "tls", "mongo", "redis", "mysql"];
/** Kubernetes' standard names for `appProtocol` (KEP-3726). */
const KUBERNETES_APP_PROTOCOLS: Readonly<Record<string, string>> = {
  "kubernetes.io/h2c": "http2",
  "kubernetes.io/ws": "http",
  "kubernetes.io/wss": "https",
};

/** istio-security §1.5: `appProtocol`, else the name up to the first "-"; case does not matter. */
export function protocolOf(port: Pick<ServicePort, "name" | "appProtocol">): PortProtocol {
  const name = port.name?.toLowerCase();
  const prefix = name?.startsWith("grpc-web") === true ? "grpc-web" : name?.split("-", 1)[0];
  const protocol = port.appProtocol === undefined ? prefix : canonical(port.appProtocol);
  if (protocol === undefined) return "auto";
  if (HTTP_PROTOCOLS.includes(protocol)) return "http";
  return TCP_PROTOCOLS.includes(protocol) ? "tcp" : "auto";
}

/** The values of `appProtocol` that decide something; of any other one the port's first bytes do. */
export const KNOWN_APP_PROTOCOLS: readonly string[] = [
  ...HTTP_PROTOCOLS,
  ...TCP_PROTOCOLS,
  ...Object.keys(KUBERNETES_APP_PROTOCOLS),
];

export function isKnownAppProtocol(appProtocol: string): boolean {
  return KNOWN_APP_PROTOCOLS.includes(appProtocol.toLowerCase());
}

function canonical(appProtocol: string): string {
  const lower = appProtocol.toLowerCase();
  return KUBERNETES_APP_PROTOCOLS[lower] ?? lower;
}
