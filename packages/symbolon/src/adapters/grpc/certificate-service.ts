import { create } from "@bufbuild/protobuf";
import { type Clock, errorText, type Log, Secret } from "@symbolon/spiffe/core";
import type { CallerCredentials, CreateCertificate, CreateCertificateRequest } from "../../ca/index.ts";
import { productError } from "../../core/index.ts";
import {
  type IstioCertificateRequest,
  IstioCertificateResponseSchema,
  IstioCertificateService,
} from "../../gen/index.ts";
import type { Admission } from "./admission.ts";
import type { Call } from "./grpc-call.ts";
import { type GrpcMethod, unary } from "./grpc-method.ts";
import { certificateServiceStatus } from "./status.ts";

/** What the TLS layer knows of the peer behind a connection. */
export type CertificatePeer = Pick<CallerCredentials, "certificateChain" | "peerAddress">;

const BEARER = "Bearer ";
const MAX_METADATA_BYTES = 8 * 1024;
/** A caller that sets no deadline, or a long one, is answered by then (SR-50a). */
const MAX_CALL_MS = 10_000;

/** `istio.v1.auth.IstioCertificateService/CreateCertificate`: wire to use case and back. */
export function certificateMethod(options: {
  readonly createCertificate: CreateCertificate;
  readonly admission: Admission;
  readonly clock: Clock;
  readonly log: Log;
}): GrpcMethod<CertificatePeer> {
  const { createCertificate, admission, clock, log } = options;

  const answer = async (message: IstioCertificateRequest, call: Call<CertificatePeer>) => {
    const request = fromRequest(message, call);
    const created = await admission.run(() => {
      // Whoever waited for this has gone: a certificate that nobody receives is not worth a record.
      if (call.isOver) throw productError("ERR_CA_CALL_ABANDONED", "the caller went away");
      return createCertificate(request);
    });
    const roots = created.rootsPem === "" ? [] : [created.rootsPem];
    return create(IstioCertificateResponseSchema, { certChain: [...created.certificateChainPem, ...roots] });
  };

  return unary(
    IstioCertificateService.method.createCertificate,
    async (message, call) => {
      const late = () => productError("ERR_CA_CALL_TOO_LATE", "not done in time");
      try {
        return await withDeadline(clock, MAX_CALL_MS, () => answer(message, call), late);
      } catch (error) {
        const { code } = certificateServiceStatus(error);
        log.info("certificate request refused", { peer: call.peer.peerAddress, code, error: errorText(error) });
        throw error;
      }
    },
    certificateServiceStatus,
  );
}

function fromRequest(message: IstioCertificateRequest, call: Call<CertificatePeer>): CreateCertificateRequest {
  if (call.metadataBytes > MAX_METADATA_BYTES)
    throw productError("ERR_CA_REQUEST_TOO_LARGE", `call metadata has more than ${MAX_METADATA_BYTES} bytes`);
  const token = bearerToken(call.metadata("authorization"));
  const impersonatedIdentity = message.metadata?.ImpersonatedIdentity;
  return {
    csrPem: message.csr,
    requestedLifetimeSeconds: message.validityDuration,
    ...(typeof impersonatedIdentity === "string" && impersonatedIdentity !== "" ? { impersonatedIdentity } : {}),
    credentials: { ...call.peer, ...(token === undefined ? {} : { token: new Secret(token) }) },
  };
}

/** None, unless there is exactly one `authorization` value: which of two would count is not ours to guess. */
function bearerToken([value, second]: readonly string[]): string | undefined {
  if (value === undefined || second !== undefined || !value.startsWith(BEARER)) return undefined;
  return value.slice(BEARER.length);
}

async function withDeadline<T>(clock: Clock, limitMs: number, work: () => Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(limitMs, () => reject(late()));
    work()
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}
