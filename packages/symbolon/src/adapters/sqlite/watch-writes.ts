import { isSymbolonError } from "@symbolon/spiffe/core";
import type { OutageWatch } from "../../core/index.ts";

const OUTAGES: ReadonlySet<string> = new Set([
  "ERR_STATE_UNWRITABLE",
  "ERR_ISSUANCE_LOG_FULL",
  "ERR_ISSUANCE_LOG_UNAVAILABLE",
]);

/**
 * The same write, of which the watch is told whether the database could be written. A write that is refused for what it
 * says (ERR_CSR_KEY_REUSED) and one of nothing say neither.
 * @param isEmpty of the write's first argument
 */
export function watchWrites<First, Rest extends readonly unknown[], Result>(
  watch: OutageWatch,
  write: (first: First, ...rest: Rest) => Result,
  isEmpty: (first: First) => boolean,
): (first: First, ...rest: Rest) => Result {
  const failed = (error: unknown): never => {
    if (isSymbolonError(error) && OUTAGES.has(error.code)) watch.failed(error);
    throw error;
  };
  return (first, ...rest) => {
    try {
      const result = write(first, ...rest);
      if (result instanceof Promise)
        return result.then((value) => {
          if (!isEmpty(first)) watch.succeeded();
          return value;
        }, failed) as Result;
      if (!isEmpty(first)) watch.succeeded();
      return result;
    } catch (error) {
      return failed(error);
    }
  };
}
