import type { ExecCommand } from "../../adapters/os/index.ts";
import type { MeshPaths } from "../../core/index.ts";
import type { CaptureMode } from "../mesh-config.ts";
import { readCapture } from "./capture-file.ts";
import type { CaptureStrategy, PodCommand } from "./capture-strategy.ts";
import { explicitStrategy } from "./explicit.ts";
import { transparentStrategy } from "./transparent.ts";

export { readCapture, writeCapture } from "./capture-file.ts";
export type { CaptureStrategy, OwnProcess, PodHost } from "./capture-strategy.ts";
export { type CaptureChoice, type ChosenCapture, chooseCapture } from "./choose-capture.ts";

/** Command line that runs a command in a container of a running mesh. @throws ERR_API_UNREACHABLE, ERR_PROCESS_NOT_FOUND */
export function commandInPod(paths: MeshPaths, command: PodCommand): ExecCommand {
  return captureStrategy(readCapture(paths)).commandInPod(paths, command);
}

/** The one place where a mode becomes a strategy. */
export function captureStrategy({ mode }: { readonly mode: CaptureMode }): CaptureStrategy {
  return { transparent: transparentStrategy, explicit: explicitStrategy }[mode];
}
