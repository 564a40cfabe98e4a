import { create } from "@bufbuild/protobuf";
import { Health, HealthCheckResponseSchema } from "../../gen/index.ts";
import { type GrpcMethod, serverStreaming, unary } from "./grpc-method.ts";
import { GRPC_CODE, GrpcStatusError } from "./grpc-status.ts";
import { agentServiceStatus } from "./status.ts";

/** The endpoint as a whole, and the Workload API by its name. */
const SERVICES: ReadonlySet<string> = new Set(["", "SpiffeWorkloadAPI"]);
const SERVING = create(HealthCheckResponseSchema, { status: 1 });
const SERVICE_UNKNOWN = create(HealthCheckResponseSchema, { status: 3 });

/** grpc.health.v1: who is answered at all is answered by a serving process. */
export function healthMethods<Peer>(): readonly GrpcMethod<Peer>[] {
  return [
    unary(
      Health.method.check,
      async ({ service }) => {
        if (SERVICES.has(service)) return SERVING;
        const details = `unknown service "${service.slice(0, 100)}"`;
        throw new GrpcStatusError({ code: GRPC_CODE.notFound, details });
      },
      agentServiceStatus,
    ),
    // Open until the caller or the endpoint goes.
    serverStreaming(Health.method.watch, ({ service }, stream) =>
      stream.write(SERVICES.has(service) ? SERVING : SERVICE_UNKNOWN),
    ),
  ];
}
