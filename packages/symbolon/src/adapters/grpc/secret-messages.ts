import { createHash } from "node:crypto";
import { create, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import type { SecretContent, SecretValidator } from "../../agent/secrets/index.ts";
import { privateKeyPem } from "../../core/index.ts";
import { type Node, SecretSchema, SPIFFECertValidatorConfigSchema } from "../../gen/envoy/index.ts";

export const SECRET_TYPE_URL = typeUrl(SecretSchema.typeName);
const SPIFFE_VALIDATOR = "envoy.tls.cert_validator.spiffe";

/**
 * Equal contents have equal versions, also over connections, so that a proxy that connects again need not be sent what it
 * has. Made from public parts alone: a chain names its key.
 */
export function secretVersion(content: SecretContent): string {
  const hash = createHash("sha256").update(`${content.kind}\n`);
  switch (content.kind) {
    case "certificate":
      hash.update(content.chainPem);
      break;
    case "trusted-ca":
      hash.update(content.authoritiesPem);
      break;
    case "spiffe-validation":
      for (const { trustDomain, authoritiesPem } of content.trustDomains)
        hash.update(`${trustDomain}\n${authoritiesPem}`);
  }
  return hash.digest("hex").slice(0, 32);
}

/** `envoy.extensions.transport_sockets.tls.v3.Secret`, packed. */
export function secretMessage(name: string, content: SecretContent): Any {
  const secret = create(SecretSchema, { name, type: secretBody(content) });
  const packed = pack(SecretSchema.typeName, toBinary(SecretSchema, secret));
  if (secret.type.case === "tlsCertificate") wipe(secret.type.value.privateKey?.specifier.value);
  return packed;
}

function secretBody(content: SecretContent): MessageShape<typeof SecretSchema>["type"] {
  switch (content.kind) {
    case "certificate":
      return create(SecretSchema, {
        type: {
          case: "tlsCertificate",
          value: {
            certificateChain: inline(Buffer.from(content.chainPem)),
            privateKey: inline(privateKeyPem(content).expose()),
          },
        },
      }).type;
    case "trusted-ca":
      return create(SecretSchema, {
        type: { case: "validationContext", value: { trustedCa: inline(Buffer.from(content.authoritiesPem)) } },
      }).type;
    case "spiffe-validation": {
      const config = create(SPIFFECertValidatorConfigSchema, {
        trustDomains: content.trustDomains.map(({ trustDomain, authoritiesPem }) => ({
          name: trustDomain,
          trustBundle: inline(Buffer.from(authoritiesPem)),
        })),
      });
      const typedConfig = pack(
        SPIFFECertValidatorConfigSchema.typeName,
        toBinary(SPIFFECertValidatorConfigSchema, config),
      );
      return create(SecretSchema, {
        type: {
          case: "validationContext",
          value: { customValidatorConfig: { name: SPIFFE_VALIDATOR, typedConfig } },
        },
      }).type;
    }
  }
}

/** Envoy asks in its node's metadata for plain authorities, as it does of SPIRE. */
export function validatorOf(node: Node | undefined): SecretValidator {
  const wish = node?.metadata?.disable_spiffe_cert_validation;
  return wish === true || wish === "true" ? "trusted-ca" : "spiffe-validation";
}

function inline(value: Uint8Array) {
  // Nothing here is shared between threads, which Buffer's type cannot say.
  return { specifier: { case: "inlineBytes" as const, value: value as Uint8Array<ArrayBuffer> } };
}

function pack(typeName: string, value: Uint8Array<ArrayBuffer>): Any {
  return create(AnySchema, { typeUrl: typeUrl(typeName), value });
}

function typeUrl(typeName: string): string {
  return `type.googleapis.com/${typeName}`;
}

function wipe(bytes: Uint8Array | undefined): void {
  bytes?.fill(0);
}
