import { type Clock, errorText, isSymbolonError, type Log, type SymbolonError } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { verifyJwtSvid } from "@symbolon/spiffe/svid";
import type { Entitlement, Workload } from "../../agent/index.ts";
import { type AuditSink, productError } from "../../core/index.ts";
import { SpiffeWorkloadAPI } from "../../gen/index.ts";
import type { Call } from "./grpc-call.ts";
import { type AnswerStream, type GrpcMethod, serverStreaming, unary } from "./grpc-method.ts";
import { GRPC_CODE, type GrpcStatus } from "./grpc-status.ts";
import { createRefusalRecord } from "./refusal-record.ts";
import { agentServiceStatus } from "./status.ts";
import {
  type Granted,
  jwtBundlesState,
  jwtSvidMessage,
  type StateMessage,
  validatedMessage,
  x509BundlesState,
  x509SvidState,
} from "./workload-api-messages.ts";

export interface WorkloadApiOptions {
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Log;
}

type WorkloadOf<Peer> = (call: Call<Peer>) => Promise<Workload>;
/** Who was told that there is no identity for him, and why. */
type RecordNoIdentity = (workload: Workload, reason: string) => void;

/** SPIFFE Workload Endpoint §4: exactly this, once. */
const SECURITY_HEADER = "workload.spiffe.io";
/** How long a unary call waits for a workload's first certificate. */
const MAX_PENDING_MS = 5000;
const NO_IDENTITY: GrpcStatus = { code: GRPC_CODE.permissionDenied, details: "no identity issued" };

/** The methods of the X.509 and JWT profiles (spiffe.md §4.2, S1 to S12). */
export function workloadApiMethods<Peer>(
  options: WorkloadApiOptions,
  workloadOf: WorkloadOf<Peer>,
): readonly GrpcMethod<Peer>[] {
  const record = createRefusalRecord(options);
  const recordNoIdentity: RecordNoIdentity = ({ name: actor }, reason) =>
    record({ actor, code: "ERR_WORKLOAD_NOT_ENTITLED", reason });

  const forWorkload =
    <Request, Response>(work: (request: Request, workload: Workload, signal: AbortSignal) => Promise<Response>) =>
    async (request: Request, call: Call<Peer>): Promise<Response> => {
      let workload: Workload | undefined;
      try {
        checkSecurityHeader(call);
        const ending = new AbortController();
        call.onOver(() => ending.abort());
        workload = await workloadOf(call);
        return await work(request, workload, ending.signal);
      } catch (error) {
        if (error instanceof InvalidRequest) call.refused(error.reason);
        if (workload && isNotEntitled(error)) recordNoIdentity(workload, error.message);
        throw error;
      }
    };

  const following =
    <Response>(stateOf: (granted: Granted) => StateMessage<Response>) =>
    (_: unknown, stream: AnswerStream<Peer, Response>): void =>
      void openFollower(stream, stateOf);

  const openFollower = async <Response>(
    stream: AnswerStream<Peer, Response>,
    stateOf: (granted: Granted) => StateMessage<Response>,
  ): Promise<void> => {
    try {
      checkSecurityHeader(stream);
      follow(stream, await workloadOf(stream), stateOf, recordNoIdentity);
    } catch (error) {
      if (error instanceof InvalidRequest) stream.refused(error.reason);
      stream.end(refusal(error));
    }
  };

  const { method } = SpiffeWorkloadAPI;
  return [
    serverStreaming(method.fetchX509SVID, following(x509SvidState)),
    serverStreaming(method.fetchX509Bundles, following(x509BundlesState)),
    serverStreaming(method.fetchJWTBundles, following(jwtBundlesState)),
    unary(
      method.fetchJWTSVID,
      forWorkload(async ({ audience, spiffeId }, workload, signal) => {
        if (audience.length === 0 || audience.includes("")) throw new InvalidRequest("audience must be specified");
        const wanted = spiffeId === "" ? {} : { spiffeId: requestedId(spiffeId) };
        await grantedOf(workload, options.clock, signal);
        return jwtSvidMessage(await workload.createJwtSvids({ audiences: audience, ...wanted }, signal));
      }),
      refusal,
    ),
    unary(
      method.validateJWTSVID,
      forWorkload(async ({ audience, svid }, workload, signal) => {
        if (audience === "") throw new InvalidRequest("audience must be specified");
        if (svid === "") throw new InvalidRequest("svid must be specified");
        const { jwtBundles, svids } = await grantedOf(workload, options.clock, signal);
        try {
          const verified = verifyJwtSvid(svid, jwtBundles, { audiences: [audience], now: options.clock.now() });
          const domain = verified.spiffeId.trustDomain.name;
          return validatedMessage(verified, !svids.some((own) => own.svid.spiffeId.trustDomain.name === domain));
        } catch (error) {
          if (!isSymbolonError(error)) throw error;
          throw new CallRefused(error.message);
        }
      }),
      refusal,
    ),
  ];
}

/** A request that is wrong whoever sends it: InvalidArgument, which clients do not repeat (S4). */
class CallRefused extends Error {}

/** One that a client is at fault for, not what it asks about: that is on record, without the client's words. */
class InvalidRequest extends CallRefused {
  readonly reason: string;

  constructor(reason: string, detail?: string) {
    super(detail === undefined ? reason : `${reason}: ${detail}`);
    this.reason = reason;
  }
}

function checkSecurityHeader(call: Pick<Call<unknown>, "metadata">): void {
  const values = call.metadata(SECURITY_HEADER);
  if (values.length !== 1 || values[0] !== "true") throw new InvalidRequest("security header missing from request");
}

function requestedId(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    throw new InvalidRequest("invalid requested SPIFFE ID", errorText(error));
  }
}

/** Waits for a first certificate that is under way. */
async function grantedOf(workload: Workload, clock: Clock, signal: AbortSignal): Promise<Granted> {
  const { promise, resolve, reject } = Promise.withResolvers<Granted>();
  let why = "";
  const look = (): void => {
    try {
      const entitlement = workload.entitlement();
      if (entitlement.kind === "granted") resolve(entitlement);
      else if (entitlement.kind === "none") reject(productError("ERR_WORKLOAD_NOT_ENTITLED", entitlement.reason));
      else why = entitlement.reason;
    } catch (error) {
      reject(error);
    }
  };
  const timer = clock.setTimer(MAX_PENDING_MS, () => reject(productError("ERR_CA_CALL_RETRYABLE", why)));
  const abandon = (): void => reject(productError("ERR_CA_CALL_ABANDONED", "the caller went away"));
  signal.addEventListener("abort", abandon, { once: true });
  const stop = workload.subscribe(look);
  try {
    look();
    return await promise;
  } finally {
    stop();
    timer.cancel();
    signal.removeEventListener("abort", abandon);
  }
}

/**
 * Tells a stream every state of its workload (S1, S2): the newest only, once the one before has left for the client (W7),
 * none twice (S11), and ends it with PermissionDenied when nothing is left (S3).
 */
function follow<Response>(
  stream: AnswerStream<unknown, Response>,
  workload: Workload,
  stateOf: (granted: Granted) => StateMessage<Response>,
  recordNoIdentity: RecordNoIdentity,
): void {
  // Finding out who calls has taken longer than the caller waited.
  if (stream.isOver) return;
  let told: string | undefined;
  let isUnderWay = false;
  let isOver = false;

  const end = (): void => {
    isOver = true;
    stop();
  };
  const tell = (entitlement: Granted): void => {
    const { key, message } = stateOf(entitlement);
    if (key === told) return;
    told = key;
    isUnderWay = true;
    stream.write(message(), () => {
      isUnderWay = false;
      look();
    });
  };
  const look = (): void => {
    if (isOver || isUnderWay) return;
    try {
      const entitlement: Entitlement = workload.entitlement();
      if (entitlement.kind === "granted") tell(entitlement);
      else if (entitlement.kind === "none") throw productError("ERR_WORKLOAD_NOT_ENTITLED", entitlement.reason);
    } catch (error) {
      end();
      stream.end(refusal(error));
      if (isNotEntitled(error)) recordNoIdentity(workload, error.message);
    }
  };

  const stop = workload.subscribe(look);
  stream.onOver(end);
  look();
}

function isNotEntitled(error: unknown): error is SymbolonError {
  return isSymbolonError(error) && error.code === "ERR_WORKLOAD_NOT_ENTITLED";
}

/** Codes and texts of SPIFFE Workload Endpoint Appendix A and S3, S4, S9, S10. */
function refusal(error: unknown): GrpcStatus {
  if (error instanceof CallRefused) return { code: GRPC_CODE.invalidArgument, details: error.message };
  if (isSymbolonError(error)) {
    if (error.code === "ERR_WORKLOAD_NOT_ENTITLED") return NO_IDENTITY;
    if (error.code === "ERR_WORKLOAD_ATTESTATION")
      return { code: GRPC_CODE.unavailable, details: "workload attestation failed" };
    if (error.code.startsWith("ERR_CA_CALL_")) return { code: GRPC_CODE.unavailable, details: error.message };
  }
  const { code, details } = agentServiceStatus(error);
  // PermissionDenied is kept for "no identity": clients give their SVIDs up on it (W4).
  return { code: code === GRPC_CODE.permissionDenied ? GRPC_CODE.unavailable : code, details };
}
