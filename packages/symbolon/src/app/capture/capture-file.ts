import { readFileSync, writeFileSync } from "node:fs";
import { type MeshPaths, productError } from "../../core/index.ts";
import type { CaptureConfig } from "../mesh-config.ts";

/** Tells commands in other processes which capture a running mesh has. */
export function writeCapture(paths: MeshPaths, capture: CaptureConfig): void {
  writeFileSync(paths.captureFile, JSON.stringify(capture), { mode: 0o600 });
}

/** @throws ERR_API_UNREACHABLE when no mesh is running */
export function readCapture(paths: MeshPaths): CaptureConfig {
  try {
    return JSON.parse(readFileSync(paths.captureFile, "utf8")) as CaptureConfig;
  } catch (cause) {
    throw productError(
      "ERR_API_UNREACHABLE",
      'the mesh is not running; start it with "symbolon up -f ...", or say with --name which one is meant',
      { cause },
    );
  }
}
