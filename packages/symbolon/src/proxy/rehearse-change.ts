import type { AuthorizationPolicy, Decision } from "@symbolon/policy";
import { type ProxyConfig, policyFromWire } from "../mesh/data-plane.ts";
import type { DenialRecord } from "../telemetry/index.ts";
import { AccessGuard } from "./access-guard.ts";
import { authorizationRecord } from "./denial.ts";
import { createPolicyInForce } from "./workload-policy.ts";

/** TEST-NET-1 (RFC 5737): the address of nobody. */
const NOBODY = "192.0.2.1";
/** However many are attached: a proxy carries traffic in the meantime. */
const MOST_POLICIES = 20;

/**
 * Decides a connection of nobody by the proxy's own policies, then by one more that denies it, so that the first change that
 * denies a live connection does not run code that has never run before: on a busy machine that is most of its time. Nothing
 * of it is in force or is kept.
 * @returns what would have been recorded
 */
export function rehearseChange(config: ProxyConfig): DenialRecord | undefined {
  let record: DenialRecord | undefined;
  const policy = createPolicyInForce();
  const guard = new AccessGuard(
    { sourceAddress: NOBODY, destinationAddress: config.local.address, destinationPort: 1 },
    0,
    {
      policy,
      now: () => new Date(0),
      tellReason: () => false,
      recordDenial: (denial) => {
        record = denial;
      },
    },
  );
  const policies = config.local.authorizationPolicies.slice(0, MOST_POLICIES);
  decide(policies);
  const decision = decide([...policies, denial()]);
  if (decision?.outcome === "deny") guard.recordDenial({ what: "revoked", decision });
  return record;

  function decide(authorizationPolicies: readonly AuthorizationPolicy[]): Decision | undefined {
    policy.update({ ...config, local: { ...config.local, authorizationPolicies } });
    const decided = guard.decide();
    if (decided) authorizationRecord(decided);
    return decided;
  }
}

/** A new object each time: compiled rules are kept by their policy. */
function denial(): AuthorizationPolicy {
  const rules = [{ from: [{ ipBlocks: [NOBODY] }] }];
  return policyFromWire({ namespace: "", name: "rehearsal", action: "deny", rules });
}
