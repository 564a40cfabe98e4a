import { join } from "node:path";
import { createObservable, type Log, type Observable, systemClock } from "@symbolon/spiffe/core";
import { openAuditLog } from "../adapters/fs/index.ts";
import { createDegradingSink, createWatchedSink } from "../audit/index.ts";
import type { SecretDirectory } from "../ca/index.ts";
import { loadOrCreateKey } from "../ca/stored-key.ts";
import { type AuditSink, createOutageWatch } from "../core/index.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";

export interface ProcessAudit extends AuditSink {
  /** For `symbolon status`: that the newest event could not be written, since when, why, and what that means. */
  readonly problem: Observable<string | undefined>;
  close(): Promise<void>;
}

export type AuditingProcess = "control-plane" | "agent" | "host-agent";

const REFUSING =
  "certificates, changes and commands that it cannot record are refused (--audit-full refuse); the next one that it can record ends this";
/** A delivery is of a certificate that the CA has on record, and a refusal needs no line to stand. */
const AGENT_GOES_ON =
  "this agent delivers and refuses identities all the same, and its lines of that are lost, each with an error in its own log; the next one that it can write ends this";
const DEGRADING = "the mesh goes on, and the newest events wait in memory (--audit-full degrade)";

/** The audit log of one process, which refuses or degrades as the mesh's configuration says. */
export async function openProcessAudit(
  process: AuditingProcess,
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
  const watch = createOutageWatch(systemClock);
  const watched = createWatchedSink(auditLog, watch);
  const problem = createObservable<string | undefined>(undefined);
  const consequence =
    config.auditFull === "degrade" ? DEGRADING : process === "control-plane" ? REFUSING : AGENT_GOES_ON;
  watch.outage.subscribe((outage) =>
    problem.set(outage && `${process}: ${outage.error}, since ${outage.since.toISOString()}; ${consequence}`),
  );
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
