import { isSymbolonError } from "@symbolon/spiffe/core";
import { requireNamespaceSupport } from "../../adapters/os/index.ts";
import type { CaptureMode } from "../mesh-config.ts";

export type CaptureChoice = CaptureMode | "auto";

export interface ChosenCapture {
  readonly mode: CaptureMode;
  /** Why it is this one. */
  readonly reason: string;
}

/**
 * Transparent where this machine allows it, explicit where it does not, and then the reason is what forbids it.
 * @param requireSupport throws what forbids transparent capture
 * @throws ERR_NAMESPACES_FORBIDDEN or ERR_PROGRAM_MISSING when transparent capture is asked for and not to be had
 */
export async function chooseCapture(
  choice: CaptureChoice,
  requireSupport: () => Promise<void> = requireNamespaceSupport,
): Promise<ChosenCapture> {
  if (choice === "explicit") return { mode: "explicit", reason: "--capture explicit" };
  try {
    await requireSupport();
  } catch (error) {
    const forbidden =
      isSymbolonError(error) && (error.code === "ERR_NAMESPACES_FORBIDDEN" || error.code === "ERR_PROGRAM_MISSING");
    if (choice === "transparent" || !forbidden) throw error;
    return { mode: "explicit", reason: error.message };
  }
  return {
    mode: "transparent",
    reason: choice === "auto" ? "this machine allows the namespaces that it needs" : "--capture transparent",
  };
}
