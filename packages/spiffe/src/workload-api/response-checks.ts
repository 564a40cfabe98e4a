import { isSymbolonError, spiffeError } from "../core/index.ts";

export function invalidResponse(method: string, what: string, cause?: unknown) {
  const message = `${method}: the Workload API's answer is not acceptable: ${what}`;
  return spiffeError("ERR_WORKLOAD_API_RESPONSE_INVALID", message, {
    details: { method },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Runs `read` and makes every complaint about its input one about the agent's answer. */
export function readingResponse<T>(method: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isSymbolonError(error) || error.code === "ERR_WORKLOAD_API_RESPONSE_INVALID") throw error;
    throw invalidResponse(method, error.message, error);
  }
}

/** C3: a message without what it must have is dropped as a whole. @throws ERR_WORKLOAD_API_RESPONSE_INVALID */
export function requireFields(method: string, fields: Readonly<Record<string, string | Uint8Array>>): void {
  const missing = Object.keys(fields).filter((name) => fields[name]?.length === 0);
  if (missing.length > 0) throw invalidResponse(method, `${missing.join(", ")} missing`);
}

/** C6 and Workload API §5.2.2: of identities with the same hint, the first counts; without a hint, each does. */
export function keepFirstOfEachHint<T extends { readonly hint: string }>(identities: readonly T[]): readonly T[] {
  const seen = new Set<string>();
  return identities.filter(({ hint }) => {
    if (hint === "") return true;
    const isFirst = !seen.has(hint);
    seen.add(hint);
    return isFirst;
  });
}
