import {
  createFindingCollector,
  type DocumentNode,
  type ObjectReader,
  type ParseResult,
  parseResult,
  readObject,
  rootContext,
} from "./document/index.ts";
import { checkDns1123Label } from "./kubernetes-names.ts";
import type { MeshSecurityConfig } from "./mesh-config.ts";
import type { PathNormalization } from "./normalize-path.ts";
import { readAuthorizationProviders } from "./read-extension-provider.ts";
import { refuseNullFields } from "./refuse-null-fields.ts";

/**
 * Reads a MeshConfig (the text under `mesh` in Istio's ConfigMap, once parsed). Keys of Istio's that have nothing to do
 * with security are known and skipped; an unknown key is an error, because it may be one of ours with a letter wrong.
 */
export function parseMeshConfig(node: DocumentNode): ParseResult<MeshSecurityConfig> {
  const collector = createFindingCollector();
  const context = rootContext(collector);
  const reader = readObject(refuseNullFields(node, context), context);
  const rootNamespace = reader.string("rootNamespace", { check: checkDns1123Label }) ?? "istio-system";
  const trustDomain = reader.string("trustDomain", { check: checkTrustDomain, code: "SYM0801" }) ?? "cluster.local";
  const trustDomainAliases = reader.strings("trustDomainAliases", { check: checkAlias, code: "SYM0801" }) ?? [];
  const enableAutoMtls = reader.boolean("enableAutoMtls") ?? true;
  const pathNormalization = readNormalization(reader);
  const authorizationProviders = readAuthorizationProviders(reader);
  reader.ignore(OTHER_FIELDS);
  const config = reader.finish(() =>
    Object.freeze({
      rootNamespace,
      trustDomain,
      trustDomainAliases,
      enableAutoMtls,
      pathNormalization,
      authorizationProviders,
    }),
  );
  return parseResult(config, collector);
}

function readNormalization(reader: ObjectReader): PathNormalization {
  const mode = reader.object("pathNormalization", (settings) => {
    const normalization = settings.enumeration<PathNormalization>("normalization", NORMALIZATIONS) ?? "base";
    return settings.finish(() => normalization);
  });
  return mode ?? "base";
}

function checkTrustDomain(text: string): string | undefined {
  return TRUST_DOMAIN.test(text) ? undefined : "wanted a trust domain of SPIFFE, like cluster.local";
}

/** An alias may have one wildcard at its start or end (istio-security §3.15). */
function checkAlias(text: string): string | undefined {
  return checkTrustDomain(text.replace(/^\*(?=.)|(?<=.)\*$/, ""));
}

/** SPIFFE-ID §2.1: "lower-case letters, numbers, dots, dashes and underscores", at most 255. */
const TRUST_DOMAIN = /^[a-z0-9._-]{1,255}$/;
const NORMALIZATIONS: Readonly<Record<string, PathNormalization>> = {
  DEFAULT: "base",
  NONE: "none",
  BASE: "base",
  MERGE_SLASHES: "merge-slashes",
  DECODE_AND_MERGE_SLASHES: "decode-and-merge-slashes",
};
const OTHER_FIELDS: readonly string[] = [
  "accessLogEncoding",
  "accessLogFile",
  "accessLogFormat",
  "ca",
  "caCertificates",
  "certificates",
  "configSources",
  "connectTimeout",
  "defaultConfig",
  "defaultDestinationRuleExportTo",
  "defaultHttpRetryPolicy",
  "defaultProviders",
  "defaultServiceExportTo",
  "defaultVirtualServiceExportTo",
  "disableEnvoyListenerLog",
  "discoverySelectors",
  "dnsRefreshRate",
  "enableEnvoyAccessLogService",
  "enablePrometheusMerge",
  "enableTracing",
  "h2UpgradePolicy",
  "hboneIdleTimeout",
  "inboundClusterStatName",
  "inboundTrafficPolicy",
  "ingressClass",
  "ingressControllerMode",
  "ingressSelector",
  "ingressService",
  "localityLbSetting",
  "meshMTLS",
  "outboundClusterStatName",
  "outboundTrafficPolicy",
  "protocolDetectionTimeout",
  "proxyHttpPort",
  "proxyInboundListenPort",
  "proxyListenPort",
  "serviceScopeConfigs",
  "serviceSettings",
  "tcpKeepalive",
  "thriftConfig",
  "tlsDefaults",
  "verifyCertificateAtClient",
];
