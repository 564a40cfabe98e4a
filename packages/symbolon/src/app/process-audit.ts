import { join } from "node:path";
import { type Log, systemClock } from "@symbolon/spiffe/core";
import { openAuditLog } from "../adapters/fs/index.ts";
import { createDegradingSink, createWatchedSink } from "../audit/index.ts";
import type { SecretDirectory } from "../ca/index.ts";
import { loadOrCreateKey } from "../ca/stored-key.ts";
import type { AuditSink } from "../core/index.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";

export interface ProcessAudit extends AuditSink {
  /** For `symbolon status`: that the newest event could not be written, why, and what that means. */
  problem(): string | undefined;
  close(): Promise<void>;
}

const CONSEQUENCES = {
  refuse:
    "certificates, changes and commands that it cannot record are refused (--audit-full refuse); the next one that it can record ends this",
  degrade: "the mesh goes on, and the newest events wait in memory (--audit-full degrade)",
} as const;

/** The audit log of one process, which refuses or degrades as the mesh's configuration says. */
export async function openProcessAudit(
  process: "control-plane" | "agent" | "host-agent",
  options: { readonly config: MeshConfig; readonly keys: SecretDirectory; readonly log: Log },
): Promise<ProcessAudit> {
  const { config, keys, log } = options;
  const file = `${process}.key`;
  const auditLog = await openAuditLog({
    directory: join(pathsOf(config).auditDirectory, process),
    keys: await loadOrCreateKey(keys, { file, kind: "ed25519", fix: "remove it: a new key then signs from here on" }),
    clock: systemClock,
    log,
  });
  const watched = createWatchedSink(auditLog, systemClock);
  const problem = (): string | undefined => {
    const found = watched.problem();
    return found && `${found.error}, since ${found.since.toISOString()}; ${CONSEQUENCES[config.auditFull]}`;
  };
  if (config.auditFull === "refuse")
    return { write: (event) => watched.write(event), problem, close: () => auditLog.close() };
  const sink = createDegradingSink(watched, { clock: systemClock, log });
  return {
    write: (event) => sink.write(event),
    problem,
    async close() {
      sink.close();
      await auditLog.close();
    },
  };
}
