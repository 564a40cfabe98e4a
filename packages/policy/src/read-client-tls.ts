import type { ClientTls, ClientTlsMode } from "./client-tls.ts";
import { type ObjectReader, readString } from "./document/index.ts";

/** One `tls` of a DestinationRule with Istio's checks and texts (istio-security §4.1). */
export function readClientTls(reader: ObjectReader, namespace: string): ClientTls | undefined {
  const mode = reader.enumeration<ClientTlsMode>("mode", MODES) ?? "disable";
  if (!reader.has("mode")) reader.report("SYM0712", "tls without mode is read as DISABLE: the connection is plaintext");
  const files = Object.fromEntries(
    FILE_FIELDS.flatMap((field) => {
      // An empty name would be read as none, and then somebody else is trusted or no certificate is shown.
      const value = reader.string(field, { check: checkNotEmpty });
      return value === undefined ? [] : [[field, value]];
    }),
  );
  const subjectAltNames =
    reader.list("subjectAltNames", (node, at) => readString(node, at, { check: checkNotEmpty })) ?? [];
  const sni = reader.string("sni") ?? "";
  const insecureSkipVerify = reader.boolean("insecureSkipVerify") ?? false;
  if (mode === "simple" || mode === "mutual") {
    checkCredentials(reader, mode);
    if (insecureSkipVerify) checkInsecure(reader, mode, subjectAltNames);
    checkConfigMap(reader, files.credentialName, namespace);
  }
  if (mode === "istio-mutual") warnOfIgnored(reader);
  return reader.finish(() => ({
    position: reader.position,
    mode,
    ...files,
    subjectAltNames,
    ...(sni === "" ? {} : { sni }),
    insecureSkipVerify,
  }));
}

function checkCredentials(reader: ObjectReader, mode: "simple" | "mutual"): void {
  if (reader.has("credentialName")) {
    const beside = FILE_FIELDS.find((field) => field !== "credentialName" && reader.has(field));
    if (beside)
      reader.report(
        "SYM0705",
        "cannot specify client certificates or CA certificate or CA CRL If credentialName is set",
        beside,
      );
    return;
  }
  if (mode === "simple") return;
  if (!reader.has("clientCertificate")) reader.report("SYM0704", "client certificate required for mutual tls");
  if (!reader.has("privateKey")) reader.report("SYM0704", "private key required for mutual tls");
}

function checkInsecure(reader: ObjectReader, mode: "simple" | "mutual", names: readonly string[]): void {
  const isNamed = names.length > 0 || reader.has("caCertificates");
  if (mode === "simple" && (isNamed || reader.has("credentialName")))
    reader.report(
      "SYM0706",
      "cannot specify CaCertificates or CredentialName or SubjectAltNames when InsecureSkipVerify is set true",
      "insecureSkipVerify",
    );
  if (mode === "mutual" && isNamed)
    reader.report(
      "SYM0706",
      "cannot specify CaCertificates or SubjectAltNames when InsecureSkipVerify is set true",
      "insecureSkipVerify",
    );
}

/** `configmap://name` or `configmap://namespace/name`. */
function checkConfigMap(reader: ObjectReader, credentialName: unknown, namespace: string): void {
  if (typeof credentialName !== "string" || !credentialName.startsWith(CONFIG_MAP)) return;
  const parts = credentialName.slice(CONFIG_MAP.length).split("/");
  const owner = parts.length === 2 ? parts[0] : namespace;
  if (parts.length <= 2 && !parts.includes("") && owner === namespace) return;
  reader.report(
    "SYM0707",
    `credentialName ${JSON.stringify(credentialName)} must name a ConfigMap of namespace ${namespace}`,
    "credentialName",
  );
}

function warnOfIgnored(reader: ObjectReader): void {
  for (const field of [...FILE_FIELDS, "insecureSkipVerify"])
    if (reader.has(field))
      reader.report("SYM0710", `${field} has no effect with ISTIO_MUTUAL: mesh certificates are used`, field);
}

function checkNotEmpty(value: string): string | undefined {
  return value === "" ? "must not be empty" : undefined;
}

const MODES: Readonly<Record<string, ClientTlsMode>> = {
  DISABLE: "disable",
  SIMPLE: "simple",
  MUTUAL: "mutual",
  ISTIO_MUTUAL: "istio-mutual",
};
const FILE_FIELDS = ["clientCertificate", "privateKey", "caCertificates", "caCrl", "credentialName"] as const;
const CONFIG_MAP = "configmap://";
