import { productError } from "../core/index.ts";
import type { Caller, CallerAuthenticator } from "./caller.ts";
import type { CallerCredentials } from "./ports.ts";

/**
 * Istio's rule (istio-security §5.2): the authenticators of a closed list in order, the first that knows the caller wins.
 * When none does, the peer hears one constant text; what each one objected to is in the error's details.
 * @throws ERR_CA_AUTHENTICATION_FAILED
 */
export async function authenticateCaller(
  authenticators: readonly CallerAuthenticator[],
  credentials: CallerCredentials,
): Promise<Caller> {
  const reasons: string[] = [];
  for (const { name, attempt } of authenticators) {
    const result = await attempt(credentials);
    if (result.kind === "authenticated") return result.caller;
    reasons.push(result.kind === "absent" ? `${name}: absent` : `${name}: ${result.code}: ${result.reason}`);
  }
  throw productError("ERR_CA_AUTHENTICATION_FAILED", "request authenticate failure", {
    details: { reasons: reasons.join("; ") },
  });
}
