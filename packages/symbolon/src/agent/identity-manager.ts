import { createIdentityRotation, type IdentityRotation, type IdentityRotationOptions } from "./identity-rotation.ts";
import type { RegisteredWorkload } from "./ports.ts";
import { type RequestIdentityPorts, requestIdentity } from "./request-identity.ts";

export type IdentityManagerPorts = RequestIdentityPorts &
  Pick<IdentityRotationOptions<RegisteredWorkload>, "clock" | "random" | "log">;

/** Owns the identity of every registered pod, by its uid. */
export interface IdentityManager extends Omit<IdentityRotation<RegisteredWorkload>, "register"> {
  /** Starts asking for the pod's identity; repeated for the same pod it changes nothing. */
  register(workload: RegisteredWorkload): void;
}

export function createIdentityManager(ports: IdentityManagerPorts): IdentityManager {
  const rotation = createIdentityRotation<RegisteredWorkload>({
    ...ports,
    request: (workload, current, signal) => requestIdentity(workload, current?.svid, ports, signal),
    logFields: ({ podUid, namespace, serviceAccount }) => ({
      pod: podUid,
      serviceAccount: `${namespace}/${serviceAccount}`,
    }),
  });
  return { ...rotation, register: (workload) => rotation.register(workload.podUid, workload) };
}
