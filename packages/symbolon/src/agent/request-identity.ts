import { X509Bundle } from "@symbolon/spiffe/bundle";
import { type Clock, isSymbolonError, Secret } from "@symbolon/spiffe/core";
import { SpiffeId, type TrustDomain } from "@symbolon/spiffe/id";
import type { X509Svid } from "@symbolon/spiffe/svid";
import { certificateSigningRequestToPem, createCertificateSigningRequest, createKeyPair } from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
import { acceptCertificate } from "./accept-certificate.ts";
import type { WorkloadIdentity } from "./identity-state.ts";
import type { CertificateClient, ReceivedCertificate, RegisteredWorkload, TokenSource } from "./ports.ts";

export interface RequestIdentityPorts {
  readonly trustDomain: TrustDomain;
  readonly certificates: CertificateClient;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  /** Asked for; the CA may give less. */
  readonly lifetimeSeconds: number;
}

/**
 * One try to get a certificate, with a key pair of its own (SR-08). The pod's token comes first; a current SVID renews
 * itself when there is no usable token.
 * @throws ERR_AGENT_TOKEN_MISSING, ERR_AGENT_CERTIFICATE_REFUSED (the answer is not acceptable), and the client's errors
 */
export async function requestIdentity(
  workload: RegisteredWorkload,
  current: X509Svid | undefined,
  ports: RequestIdentityPorts,
  signal: AbortSignal,
): Promise<WorkloadIdentity> {
  const spiffeId = SpiffeId.fromSegments(ports.trustDomain, "ns", workload.namespace, "sa", workload.serviceAccount);
  const keyPair = createKeyPair("ec-p256");
  const csrPem = certificateSigningRequestToPem(createCertificateSigningRequest({ keyPair, spiffeId }));
  const request = { csrPem, validitySeconds: ports.lifetimeSeconds };
  const token = await ports.tokens.readToken(workload.tokenPath);
  const answer = await ask();
  return acceptCertificate(
    {
      chain: answer.certificateChainPem.join("\n"),
      bundle: () => X509Bundle.fromPem(ports.trustDomain, answer.rootsPem),
    },
    { spiffeId, keyPair, now: ports.clock.now() },
  );

  async function ask(): Promise<ReceivedCertificate> {
    if (!token && !current)
      throw productError(
        "ERR_AGENT_TOKEN_MISSING",
        `there is no service account token at "${workload.tokenPath}" for ${spiffeId}`,
      );
    if (!token) return askWithSvid();
    try {
      return await ports.certificates.createCertificate({ ...request, token }, signal);
    } catch (error) {
      if (!current || !isSymbolonError(error) || error.code !== "ERR_CA_CALL_REFUSED") throw error;
      return askWithSvid();
    }
  }

  function askWithSvid(): Promise<ReceivedCertificate> {
    // INVARIANT: both callers have checked `current`.
    const svid = current as X509Svid;
    const keyPem = new Secret(Buffer.from(svid.privateKey.export({ format: "pem", type: "pkcs8" })));
    const clientCertificate = { chainPem: svid.certificateChainPem(), keyPem };
    return ports.certificates
      .createCertificate({ ...request, clientCertificate }, signal)
      .finally(() => keyPem.expose().fill(0));
  }
}
