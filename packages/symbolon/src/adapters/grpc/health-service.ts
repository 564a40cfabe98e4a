import { create } from "@bufbuild/protobuf";
import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import {
  Health,
  type HealthCheckRequest,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
} from "../../gen/index.ts";
import { serviceDefinition } from "./service-definition.ts";

/** The endpoint as a whole, and the Workload API by its name. */
const SERVICES: ReadonlySet<string> = new Set(["", "SpiffeWorkloadAPI"]);
const SERVING = create(HealthCheckResponseSchema, { status: 1 });
const SERVICE_UNKNOWN = create(HealthCheckResponseSchema, { status: 3 });

/** grpc.health.v1: who is answered at all is answered by a serving process. */
export function healthService() {
  const implementation: UntypedServiceImplementation = {
    Check(call: ServerUnaryCall<HealthCheckRequest, HealthCheckResponse>, reply: sendUnaryData<HealthCheckResponse>) {
      const { service } = call.request;
      if (SERVICES.has(service)) return reply(null, SERVING);
      reply({ code: status.NOT_FOUND, details: `unknown service "${service.slice(0, 100)}"` });
    },
    /** Open until the caller or the endpoint goes. */
    Watch(call: ServerWritableStream<HealthCheckRequest, HealthCheckResponse>) {
      call.write(SERVICES.has(call.request.service) ? SERVING : SERVICE_UNKNOWN);
    },
  };
  return { definition: serviceDefinition(Health), implementation };
}
