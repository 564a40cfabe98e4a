import { isSymbolonError } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { CommandExit, EXIT } from "../exit-status.ts";

/** `--trust-domain` @throws CommandExit, usage */
export function trustDomainOption(text: string | undefined): TrustDomain | undefined {
  if (text === undefined) return undefined;
  try {
    return TrustDomain.parse(text);
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    throw new CommandExit(EXIT.usage, `error: --trust-domain "${text}": ${error.message}`);
  }
}

/** `--spiffe-id` @throws CommandExit, usage */
export function spiffeIdOption(text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    throw new CommandExit(
      EXIT.usage,
      `error: --spiffe-id "${text}": ${error.message}; wanted one such as spiffe://cluster.local/db`,
    );
  }
}

/** `--time`, else the clock. @throws CommandExit, usage */
export function timeOption(text: string | undefined): Date {
  const time = text === undefined ? new Date() : new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  throw new CommandExit(EXIT.usage, `error: --time "${text}" is not a time; write it as 2026-01-01T00:00:00Z`);
}

/** The same pipe cannot be read twice. @throws CommandExit, usage */
export function refuseTwoInputs(first: string, second: string): void {
  if (first === "-" && second === "-")
    throw new CommandExit(EXIT.usage, "error: only one of the two can be - (standard input)");
}
