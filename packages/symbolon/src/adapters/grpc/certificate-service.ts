import { create } from "@bufbuild/protobuf";
import type { Metadata, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { type Clock, errorText, type Log, Secret } from "@symbolon/spiffe/core";
import type { CallerCredentials, CreateCertificate, CreateCertificateRequest } from "../../ca/index.ts";
import { productError } from "../../core/index.ts";
import {
  type IstioCertificateRequest,
  type IstioCertificateResponse,
  IstioCertificateResponseSchema,
} from "../../gen/index.ts";
import type { Admission } from "./admission.ts";
import { certificateServiceStatus } from "./status.ts";

/** What the TLS layer knows of the peer behind a call. */
export type PeerOfCall = (call: {
  getPeer(): string;
}) => Pick<CallerCredentials, "certificateChain" | "peerAddress"> | undefined;

type CreateCertificateHandler = (
  call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
  reply: sendUnaryData<IstioCertificateResponse>,
) => void;

const BEARER = "Bearer ";
const MAX_METADATA_BYTES = 8 * 1024;
/** A caller that sets no deadline, or a long one, is answered by then (SR-50a). */
const MAX_CALL_MS = 10_000;

/** `istio.v1.auth.IstioCertificateService/CreateCertificate`: wire to use case and back. */
export function createCertificateHandler(options: {
  readonly createCertificate: CreateCertificate;
  readonly admission: Admission;
  readonly peerOf: PeerOfCall;
  readonly clock: Clock;
  readonly log: Log;
}): CreateCertificateHandler {
  const { createCertificate, admission, peerOf, clock, log } = options;

  const answer = async (
    call: ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
  ): Promise<IstioCertificateResponse> => {
    const request = fromRequest(call.request, call.metadata, peerOf(call));
    const created = await admission.run(() => {
      // Whoever waited for this has gone: a certificate that nobody receives is not worth a record.
      if (call.cancelled) throw productError("ERR_CA_CALL_ABANDONED", "the caller went away");
      return createCertificate(request);
    });
    const roots = created.rootsPem === "" ? [] : [created.rootsPem];
    return create(IstioCertificateResponseSchema, { certChain: [...created.certificateChainPem, ...roots] });
  };

  return (call, reply) => {
    const late = () => productError("ERR_CA_CALL_TOO_LATE", "not done in time");
    withDeadline(clock, MAX_CALL_MS, () => answer(call), late).then(
      (response) => reply(null, response),
      (error) => {
        const status = certificateServiceStatus(error);
        log.info("certificate request refused", { peer: call.getPeer(), code: status.code, error: errorText(error) });
        reply(status);
      },
    );
  };
}

function fromRequest(
  message: IstioCertificateRequest,
  metadata: Metadata,
  peer: ReturnType<PeerOfCall>,
): CreateCertificateRequest {
  // INVARIANT: every connection was registered before gRPC saw it.
  if (!peer) throw productError("ERR_INTERNAL_BUG", "call over an unknown connection");
  if (metadataBytes(metadata) > MAX_METADATA_BYTES)
    throw productError("ERR_CA_REQUEST_TOO_LARGE", `call metadata has more than ${MAX_METADATA_BYTES} bytes`);
  const token = bearerToken(metadata);
  const impersonatedIdentity = message.metadata?.ImpersonatedIdentity;
  return {
    csrPem: message.csr,
    requestedLifetimeSeconds: message.validityDuration,
    ...(typeof impersonatedIdentity === "string" && impersonatedIdentity !== "" ? { impersonatedIdentity } : {}),
    credentials: { ...peer, ...(token === undefined ? {} : { token: new Secret(token) }) },
  };
}

/** None, unless there is exactly one `authorization` value: which of two would count is not ours to guess. */
function bearerToken(metadata: Metadata): string | undefined {
  const [value, second] = metadata.get("authorization");
  if (typeof value !== "string" || second !== undefined || !value.startsWith(BEARER)) return undefined;
  return value.slice(BEARER.length);
}

function metadataBytes(metadata: Metadata): number {
  let bytes = 0;
  for (const [key, values] of Object.entries(metadata.toJSON()))
    for (const value of values) bytes += key.length + value.length;
  return bytes;
}

async function withDeadline<T>(clock: Clock, limitMs: number, work: () => Promise<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimer(limitMs, () => reject(late()));
    work()
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}
