import type { AuthorizedConnection, ConnectionAttributes, Decision, RequestAttributes } from "@symbolon/policy";
import type { DenialRecord } from "../telemetry/index.ts";
import { type DenialFacts, denialRecord } from "./denial.ts";
import type { PolicyInForce, WorkloadPolicy } from "./workload-policy.ts";

export interface AccessPorts {
  readonly policy: PolicyInForce;
  readonly now: () => Date;
  /** Called once for each refusal by policy. */
  readonly recordDenial?: (denial: DenialRecord) => void;
  /** A refused client is told the stable code of the reason, in a header field. */
  readonly tellReason: () => boolean;
}

/**
 * One inbound connection before the policies of its workload. What of them the connection alone decides is prepared once,
 * and again when they change: a decision is always one of the policies in force.
 */
export class AccessGuard {
  readonly attributes: ConnectionAttributes;
  readonly #ports: AccessPorts;
  readonly #connectionId: number;
  #policy: WorkloadPolicy | undefined;
  #authorized: AuthorizedConnection | undefined;

  constructor(attributes: ConnectionAttributes, connectionId: number, ports: AccessPorts) {
    this.attributes = attributes;
    this.#connectionId = connectionId;
    this.#ports = ports;
  }

  get policy(): WorkloadPolicy {
    return this.#ports.policy.current;
  }

  get tellsReason(): boolean {
    return this.#ports.tellReason();
  }

  /** Undefined: no policy attaches. @param request absent: as TCP */
  decide(request?: RequestAttributes): Decision | undefined {
    const { policy } = this;
    if (policy !== this.#policy) {
      this.#policy = policy;
      this.#authorized = policy.authorization?.connection(this.attributes);
    }
    return this.#authorized?.decide(request);
  }

  recordDenial(facts: Omit<DenialFacts, "connection">): void {
    const { recordDenial, now } = this.#ports;
    if (!recordDenial) return;
    const { configVersion, workload } = this.policy;
    const context = { time: now().toISOString(), configVersion, workload, connectionId: this.#connectionId };
    recordDenial(denialRecord(context, { ...facts, connection: this.attributes }));
  }
}
