import { join } from "node:path";
import { createObservable, type Log, type Observable, systemClock } from "@symbolon/spiffe/core";
import { openAuditLog } from "../adapters/fs/index.ts";
import { createDegradingSink, createWatchedSink } from "../audit/index.ts";
import type { SecretDirectory } from "../ca/index.ts";
import { loadOrCreateKey } from "../ca/stored-key.ts";
import { type AuditSink, createOutageWatch, outageText } from "../core/index.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";

export interface ProcessAudit extends AuditSink {
  /** For `symbolon status`: that the newest event could not be written, since when, when it was, why, and what that means. */
  readonly problem: Observable<string | undefined>;
  close(): Promise<void>;
}

export type AuditingProcess = "control-plane" | "agent" | "host-agent";

const REFUSING =
  "certificates, changes and commands that it cannot record are refused (--audit-full refuse); the next one that it can record ends this";
const DEGRADING = "it goes on, and its newest events wait in memory until they can be written";

/**
 * The audit log of one process. Without a line the control plane refuses or goes on, as the mesh's configuration says. An
 * agent goes on in either case: what it delivers the CA has on record, and a refusal needs no line to stand.
 */
export async function openProcessAudit(
  process: AuditingProcess,
  options: {
    readonly config: Pick<MeshConfig, "stateDirectory" | "runtimeDirectory" | "auditFull">;
    readonly keys: SecretDirectory;
    readonly log: Log;
  },
): Promise<ProcessAudit> {
  const { config, keys, log } = options;
  const file = `${process}.key`;
  const auditLog = await openAuditLog({
    directory: join(pathsOf(config).auditDirectory, process),
    keys: await loadOrCreateKey(keys, { file, kind: "ed25519", fix: "remove it: a new key then signs from here on" }),
    clock: systemClock,
    log,
  });
  const watch = createOutageWatch(systemClock);
  const watched = createWatchedSink(auditLog, watch);
  const problem = createObservable<string | undefined>(undefined);
  const refuses = process === "control-plane" && config.auditFull === "refuse";
  const consequence = refuses ? REFUSING : DEGRADING;
  watch.outage.subscribe((outage) => problem.set(outage && `${process}: ${outageText(outage)}; ${consequence}`));
  if (refuses) return { write: (event) => watched.write(event), problem, close: () => auditLog.close() };
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
