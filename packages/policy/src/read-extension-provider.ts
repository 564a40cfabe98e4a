import { type Check, type DocumentNode, type ObjectReader, type ReadContext, readObject } from "./document/index.ts";
import { parseGoDuration } from "./go-duration.ts";
import type { AuthorizationProvider, CheckedBody, HttpProviderOptions } from "./mesh-config.ts";

/** `extensionProviders` of MeshConfig: those that authorize (istio-security §3.10). */
export function readAuthorizationProviders(reader: ObjectReader): readonly AuthorizationProvider[] {
  const names = new Set<string>();
  const providers = reader.list("extensionProviders", (node, context) => readProvider(node, context, names));
  return (providers ?? []).filter((provider) => provider !== "another kind");
}

function readProvider(
  node: DocumentNode,
  context: ReadContext,
  names: Set<string>,
): AuthorizationProvider | "another kind" | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name", { required: true, check: checkName, code: "SYM0802" });
  if (names.has(name)) reader.report("SYM0803", `duplicate extension provider name ${JSON.stringify(name)}`, "name");
  names.add(name);
  reader.ignore(OTHER_PROVIDERS);
  const kinds = [...AUTHORIZING, ...OTHER_PROVIDERS].filter((kind) => reader.has(kind));
  if (kinds.length !== 1)
    reader.report("SYM0804", `wanted one kind of provider in ${JSON.stringify(name)}, got ${kinds.length}`);
  const http = reader.object("envoyExtAuthzHttp", (settings) => {
    const common = readCommon(settings);
    const options = readHttpOptions(settings);
    return settings.finish(() => ({ kind: "http" as const, ...common, http: options }));
  });
  const grpc = reader.object("envoyExtAuthzGrpc", (settings) => {
    const common = readCommon(settings);
    return settings.finish(() => ({ kind: "grpc" as const, ...common }));
  });
  return reader.finish(() => {
    const settings = http ?? grpc;
    return settings ? { position: node.position, name, ...settings } : "another kind";
  });
}

type Common = Omit<AuthorizationProvider, "position" | "name" | "kind" | "http">;

function readCommon(reader: ObjectReader): Common {
  const service = reader.string("service", { required: true });
  const port = reader.integer("port", { required: true, min: 1, max: 65535 });
  const timeout = reader.string("timeout", { check: checkTimeout, code: "SYM0804" });
  const failOpen = reader.boolean("failOpen") ?? false;
  const status = reader.string("statusOnError", { check: checkStatus, code: "SYM0804" });
  const clearRouteCache = reader.boolean("clearRouteCache") ?? false;
  const body = reader.object("includeRequestBodyInCheck", readBody);
  return {
    service,
    port,
    timeoutMs: (timeout === undefined ? undefined : parseGoDuration(timeout)) ?? DEFAULT_TIMEOUT_MS,
    failOpen,
    statusOnError: status === undefined ? 403 : Number(status),
    clearRouteCache,
    ...(body ? { body } : {}),
  };
}

function readBody(reader: ObjectReader): CheckedBody | undefined {
  const maxRequestBytes = reader.integer("maxRequestBytes", { min: 0, max: 0xffff_ffff }) ?? 0;
  const allowPartialMessage = reader.boolean("allowPartialMessage") ?? false;
  const packAsBytes = reader.boolean("packAsBytes") ?? false;
  return reader.finish(() => ({ maxRequestBytes, allowPartialMessage, packAsBytes }));
}

function readHttpOptions(reader: ObjectReader): HttpProviderOptions {
  const matches = (name: string) => reader.strings(name, { check: checkHeaderMatch, code: "SYM0804" }) ?? [];
  const pathPrefix = reader.string("pathPrefix", { check: checkPathPrefix, code: "SYM0804" }) ?? "";
  // The older name of includeRequestHeadersInCheck.
  const older = matches("includeHeadersInCheck");
  return {
    pathPrefix,
    includeRequestHeadersInCheck: [...older, ...matches("includeRequestHeadersInCheck")],
    includeAdditionalHeadersInCheck: reader.stringMap("includeAdditionalHeadersInCheck") ?? {},
    headersToUpstreamOnAllow: matches("headersToUpstreamOnAllow"),
    headersToDownstreamOnDeny: matches("headersToDownstreamOnDeny"),
    headersToDownstreamOnAllow: matches("headersToDownstreamOnAllow"),
  };
}

const checkName: Check<string> = (name) =>
  name.length <= 63 && /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(name)
    ? undefined
    : "wanted 1 to 63 lower-case letters, digits and hyphens, no hyphen at an end";
const checkTimeout: Check<string> = (text) =>
  (parseGoDuration(text) ?? 0) >= 1 ? undefined : "wanted a duration of at least 1ms, like 5s";
const checkStatus: Check<string> = (text) =>
  /^[1-5]\d\d$/.test(text) ? undefined : 'wanted an HTTP status as text, like "403"';
const checkPathPrefix: Check<string> = (text) =>
  text === "" || text.startsWith("/") ? undefined : 'pathPrefix must begin with "/"';
const checkHeaderMatch: Check<string> = (text) =>
  text === "" || text === "*"
    ? "wanted the name of a header, or its beginning or end with *; * alone is not allowed"
    : undefined;

const DEFAULT_TIMEOUT_MS = 600_000;
const AUTHORIZING = ["envoyExtAuthzHttp", "envoyExtAuthzGrpc"];
const OTHER_PROVIDERS = [
  "datadog",
  "envoyFileAccessLog",
  "envoyHttpAls",
  "envoyOtelAls",
  "envoyTcpAls",
  "lightstep",
  "opencensus",
  "opentelemetry",
  "prometheus",
  "sds",
  "skywalking",
  "stackdriver",
  "zipkin",
];
