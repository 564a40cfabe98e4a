import { create } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type requestCallback, type ServiceError } from "@grpc/grpc-js";
import type { Clock, Secret } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";
import {
  type IstioCertificateRequest,
  IstioCertificateRequestSchema,
  type IstioCertificateResponse,
  IstioCertificateService,
} from "../../gen/index.ts";
import { methodDefinition } from "./service-definition.ts";
import { isRetryable, RETRY_AFTER_KEY } from "./status.ts";

export interface CertificateClientRequest {
  readonly csrPem: string;
  readonly validitySeconds: number;
  readonly token?: Secret<string>;
  /** For a renewal: the current SVID and its key, as PEM. */
  readonly clientCertificate?: { readonly chainPem: string; readonly keyPem: Secret<Buffer> };
}

export interface ReceivedCertificate {
  /** Leaf first, then intermediates. */
  readonly certificateChainPem: readonly string[];
  /** All roots in one text. */
  readonly rootsPem: string;
}

export interface CertificateClient {
  /**
   * One try. @throws ERR_CA_CALL_RETRYABLE (details: grpcCode, retryAfterMs?) or ERR_CA_CALL_REFUSED, which would be
   * refused again
   */
  createCertificate(request: CertificateClientRequest, signal: AbortSignal): Promise<ReceivedCertificate>;
  close(): void;
}

export interface CertificateClientOptions {
  /** `host:port`. */
  readonly address: string;
  readonly rootCertificatePem: string;
  /** DNS name that the CA's certificate must have. */
  readonly serverName: string;
  readonly clock: Clock;
  readonly timeoutMs?: number;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const createCertificateMethod = methodDefinition(IstioCertificateService.method.createCertificate);

/** The agent's side of Istio's certificate service (istio-security §6.2). */
export function createCertificateClient(options: CertificateClientOptions): CertificateClient {
  let shared: Client | undefined;

  const send = async (request: CertificateClientRequest, signal: AbortSignal): Promise<IstioCertificateResponse> => {
    const { clientCertificate } = request;
    // A connection proves one certificate, so that a renewal has its own; calls with a token share one.
    const own = clientCertificate && connect(options, clientCertificate);
    if (!own) shared ??= connect(options);
    const client = own ?? shared;
    // INVARIANT: one of both lines above made a client.
    if (!client) throw productError("ERR_INTERNAL_BUG", "no connection to the CA");
    try {
      return await call(client, request, options, signal);
    } catch (error) {
      // Istio's agent makes a new connection after each failure; a broken one must not outlive its first error.
      if (client === shared) {
        shared.close();
        shared = undefined;
      }
      throw error;
    } finally {
      own?.close();
    }
  };

  return {
    async createCertificate(request, signal) {
      const { certChain } = await send(request, signal);
      const rootsPem = certChain.at(-1);
      // istio-security §5.1: at least the leaf and the roots.
      if (rootsPem === undefined || certChain.length < 2)
        throw productError(
          "ERR_CA_CALL_REFUSED",
          `the CA answered with ${certChain.length} elements, wanted 2 or more`,
        );
      return { certificateChainPem: certChain.slice(0, -1), rootsPem };
    },
    close() {
      shared?.close();
      shared = undefined;
    },
  };
}

function connect(
  options: CertificateClientOptions,
  clientCertificate?: NonNullable<CertificateClientRequest["clientCertificate"]>,
): Client {
  const { address, rootCertificatePem, serverName } = options;
  const roots = Buffer.from(rootCertificatePem);
  const secure = clientCertificate
    ? credentials.createSsl(roots, clientCertificate.keyPem.expose(), Buffer.from(clientCertificate.chainPem))
    : credentials.createSsl(roots);
  return new Client(address, secure, {
    "grpc.ssl_target_name_override": serverName,
    // An inherited https_proxy must not move the CA, and retries are the caller's.
    "grpc.enable_http_proxy": 0,
    "grpc.enable_retries": 0,
    "grpc.service_config_disable_resolution": 1,
    "grpc.enable_channelz": 0,
    "grpc.max_receive_message_length": 1024 * 1024,
  });
}

function call(
  client: Client,
  request: CertificateClientRequest,
  options: CertificateClientOptions,
  signal: AbortSignal,
): Promise<IstioCertificateResponse> {
  const { path, requestSerialize, responseDeserialize } = createCertificateMethod;
  const message = create(IstioCertificateRequestSchema, {
    csr: request.csrPem,
    validityDuration: BigInt(Math.trunc(request.validitySeconds)),
  });
  const metadata = new Metadata();
  if (request.token) metadata.set("authorization", `Bearer ${request.token.expose()}`);
  const deadline = options.clock.now().getTime() + (options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const done: requestCallback<IstioCertificateResponse> = (error, response) => {
      signal.removeEventListener("abort", cancel);
      if (error) reject(callError(error));
      else if (response) resolve(response);
      else reject(productError("ERR_CA_CALL_REFUSED", "the CA answered with nothing"));
    };
    const running = client.makeUnaryRequest<IstioCertificateRequest, IstioCertificateResponse>(
      path,
      requestSerialize,
      responseDeserialize,
      message,
      metadata,
      { deadline },
      done,
    );
    const cancel = (): void => running.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
  });
}

function callError(cause: ServiceError) {
  const retryAfterSeconds = Number(cause.metadata?.get(RETRY_AFTER_KEY)[0]);
  return productError(
    isRetryable(cause) ? "ERR_CA_CALL_RETRYABLE" : "ERR_CA_CALL_REFUSED",
    `the CA refused: ${cause.details}`,
    {
      cause,
      details: {
        grpcCode: cause.code,
        ...(Number.isFinite(retryAfterSeconds) ? { retryAfterMs: retryAfterSeconds * 1000 } : {}),
      },
    },
  );
}
