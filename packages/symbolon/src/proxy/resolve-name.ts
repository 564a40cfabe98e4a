import type { ProxyConfig } from "../mesh/index.ts";
import {
  type DnsAnswer,
  encodeError,
  encodeResponse,
  NAME_ERROR,
  NO_ERROR,
  parseQuery,
  REFUSED,
  TYPE_A,
} from "./dns-message.ts";

/** Addresses move with pods: nobody should keep them for long. */
const TTL_SECONDS = 5;
/** RFC 1035 §4.2.2: a length of 16 bits. */
export const MAX_TCP_MESSAGE_BYTES = 65_535;

/** Answer to one DNS message; undefined when it deserves none. Never throws. */
export function answerQuery(
  query: Uint8Array,
  config: ProxyConfig | undefined,
  transport: "udp" | "tcp",
): Uint8Array | undefined {
  const parsed = parseQuery(query);
  if (parsed.kind === "ignored") return undefined;
  if (parsed.kind === "unusable") return encodeError(parsed.id, parsed.responseCode);
  const { question } = parsed;
  const maxBytes = transport === "tcp" ? MAX_TCP_MESSAGE_BYTES : question.maxUdpBytes;
  return encodeResponse(question, resolve(question.name, question.type, config), maxBytes);
}

function resolve(name: string, type: number, config: ProxyConfig | undefined): DnsAnswer {
  if (!config) return { responseCode: REFUSED, ttlSeconds: TTL_SECONDS };
  const zone = config.mesh.clusterDomain;
  const found = addressesOf(name, config);
  if (found === "outside") return { responseCode: REFUSED, ttlSeconds: TTL_SECONDS };
  if (found === "unknown") return { responseCode: NAME_ERROR, zone, ttlSeconds: TTL_SECONDS };
  // The name exists, and has IPv4 addresses only (RFC 2308 §2.2).
  if (type !== TYPE_A) return { responseCode: NO_ERROR, zone, ttlSeconds: TTL_SECONDS };
  return { responseCode: NO_ERROR, addresses: found, ttlSeconds: TTL_SECONDS };
}

/**
 * `name`, `name.ns`, `name.ns.svc` and `name.ns.svc.<cluster domain>`, for clients with and without a search list. What
 * has other endings is not the mesh's to answer.
 */
export function addressesOf(name: string, { local, mesh }: ProxyConfig): readonly string[] | "unknown" | "outside" {
  const suffix = `.${mesh.clusterDomain}`;
  const inCluster = name.endsWith(suffix) || name === mesh.clusterDomain;
  const labels = (inCluster ? name.slice(0, Math.max(0, name.length - suffix.length)) : name)
    .split(".")
    .filter((label) => label !== "");
  // Only behind a namespace: there may be a Service, and a namespace, of that name.
  if (labels.length > 2 && labels.at(-1) === "svc") labels.pop();
  else if (inCluster) return "unknown";
  const [service, namespace = local.namespace, ...rest] = labels;
  const view =
    rest.length === 0 &&
    mesh.services.find((candidate) => candidate.name === service && candidate.namespace === namespace);
  if (!view)
    return inCluster ||
      name.endsWith(".svc") ||
      labels.length === 1 ||
      mesh.services.some((each) => each.namespace === labels.at(-1))
      ? "unknown"
      : "outside";
  if (view.address) return [view.address];
  return [...new Set(view.ports.flatMap((port) => port.endpoints.map((endpoint) => endpoint.address)))];
}
