/** Real logs that cannot be written, because they are closed: the nearest to a full disk that every machine has. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { openSecretDirectory } from "../adapters/fs/index.ts";
import type { AuditEvent } from "../core/index.ts";
import { openProcessAudit } from "./process-audit.ts";

const EVENT: AuditEvent = { kind: "command.run", outcome: "started", actor: "somebody" };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-process-audit-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

async function open(process: "control-plane" | "agent" | "host-agent", auditFull: "refuse" | "degrade") {
  const keys = await openSecretDirectory(join(directory, "keys"));
  const config = { stateDirectory: join(directory, "state"), runtimeDirectory: join(directory, "run"), auditFull };
  const audit = await openProcessAudit(process, { config, keys, log: silentLog });
  const told: (string | undefined)[] = [];
  audit.problem.subscribe((problem) => told.push(problem));
  return { audit, told };
}

describe("a process whose audit log cannot be written", () => {
  test.each([
    [
      "control-plane",
      "refuse",
      "rejects",
      /^control-plane: audit log ".*" is closed, since 20.*Z, last tried at 20.*Z; certificates, changes/,
    ],
    [
      "control-plane",
      "degrade",
      "resolves",
      /^control-plane: audit log ".*" is closed, since 20.*Z, last tried at 20.*Z; it goes on/,
    ],
    ["agent", "refuse", "resolves", /^agent: audit log ".*" is closed, since 20.*Z, last tried at 20.*Z; it goes on/],
    [
      "host-agent",
      "refuse",
      "resolves",
      /^host-agent: audit log ".*" is closed, since 20.*Z, last tried at 20.*Z; it goes on/,
    ],
  ] as const)("%s with --audit-full %s: a write %s, and it says so", async (process, auditFull, outcome, problem) => {
    const { audit, told } = await open(process, auditFull);
    await audit.write(EVENT);
    expect(audit.problem.current).toBeUndefined();
    await audit.close();
    const written = audit.write(EVENT).then(
      () => "resolves",
      () => "rejects",
    );
    expect(await written).toBe(outcome);
    expect(audit.problem.current).toMatch(problem);
    expect(told).toEqual([audit.problem.current]);
  });
});
