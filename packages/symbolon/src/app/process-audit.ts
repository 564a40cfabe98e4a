import { join } from "node:path";
import { type Log, systemClock } from "@symbolon/spiffe/core";
import { openAuditLog } from "../adapters/fs/index.ts";
import { createDegradingSink } from "../audit/index.ts";
import type { SecretDirectory } from "../ca/index.ts";
import { loadOrCreateKey } from "../ca/stored-key.ts";
import type { AuditSink } from "../core/index.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";

export interface ProcessAudit extends AuditSink {
  close(): Promise<void>;
}

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
  if (config.auditFull === "refuse") return auditLog;
  const sink = createDegradingSink(auditLog, { clock: systemClock, log });
  return {
    write: (event) => sink.write(event),
    async close() {
      sink.close();
      await auditLog.close();
    },
  };
}
