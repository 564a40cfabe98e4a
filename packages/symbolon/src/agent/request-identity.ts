import { BundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { type Clock, errorText, isSymbolonError, Secret } from "@symbolon/spiffe/core";
import { SpiffeId, type TrustDomain } from "@symbolon/spiffe/id";
import { parseX509Svid, verifyX509Svid, type X509Svid } from "@symbolon/spiffe/svid";
import {
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  createKeyPair,
  type KeyPair,
} from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
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
  return acceptAnswer(answer, keyPair, spiffeId, ports);

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

/** A CA that answers wrongly must not give a workload a wrong identity: everything that can be checked is. */
function acceptAnswer(
  answer: ReceivedCertificate,
  keyPair: KeyPair,
  expected: SpiffeId,
  { trustDomain, clock }: RequestIdentityPorts,
): WorkloadIdentity {
  try {
    const svid = parseX509Svid(answer.certificateChainPem.join("\n"), keyPair.privateKey);
    if (!svid.spiffeId.equals(expected)) throw refused(`it is for ${svid.spiffeId}, wanted ${expected}`);
    const bundle = X509Bundle.fromPem(trustDomain, answer.rootsPem);
    verifyX509Svid(
      svid.chain.map((certificate) => certificate.der),
      BundleSet.of(bundle),
      { now: clock.now() },
    );
    return { svid, bundle };
  } catch (cause) {
    if (isSymbolonError(cause) && cause.code === "ERR_AGENT_CERTIFICATE_REFUSED") throw cause;
    const now = clock.now().toISOString();
    throw refused(`${errorText(cause)} (local time ${now})`, cause);
  }
}

function refused(why: string, cause?: unknown) {
  return productError("ERR_AGENT_CERTIFICATE_REFUSED", `the CA's answer is not accepted: ${why}`, { cause });
}
