/**
 * What an audit log costs: events written one after the other and a thousand at once, and `symbolon audit verify` over
 * all of them. `run.ts [LINES]` (default 1,000,000); prints seconds and events a second.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog, systemClock } from "@symbolon/spiffe/core";
import { createKeyPair } from "@symbolon/spiffe/x509";
import { openAuditLog } from "../../packages/symbolon/src/adapters/fs/index.ts";
import type { AuditEvent } from "../../packages/symbolon/src/core/index.ts";

const LINES = Number(process.argv[2] ?? 1_000_000);
const AT_ONCE = 1000;
const ALONE = 500;
const CLI = join(import.meta.dir, "../../packages/symbolon/bin/symbolon.ts");

const root = mkdtempSync(join(tmpdir(), "symbolon-bench-audit-"));
const directory = join(root, "control-plane");
const denial = (n: number): AuditEvent => ({
  kind: "request.deny",
  outcome: "refused",
  actor: `spiffe://cluster.local/ns/foo/sa/client-${n % 100}`,
  subject: "spiffe://cluster.local/ns/bar/sa/httpbin",
  authority: "AuthorizationPolicy bar/deny-post",
  code: "rbac_access_denied",
  details: { method: "POST", path: `/status/${n}`, pod: "httpbin-7c5ddbdf54-abcde", requestId: `id-${n}` },
});

function seconds(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}

try {
  const audit = await openAuditLog({ directory, keys: createKeyPair("ed25519"), clock: systemClock, log: silentLog });
  const alone = performance.now();
  for (let n = 0; n < ALONE; n++) await audit.write(denial(n));
  const aloneSeconds = seconds(alone);
  const together = performance.now();
  for (let n = ALONE; n < LINES; n += AT_ONCE)
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, LINES - n) }, (_, index) => audit.write(denial(n + index))),
    );
  const togetherSeconds = seconds(together);
  await audit.close();
  const bytes = readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
  console.log(
    `one at a time: ${ALONE} events in ${aloneSeconds.toFixed(2)} s, ${Math.round(ALONE / aloneSeconds)} a second`,
  );
  console.log(
    `${AT_ONCE} at once: ${LINES - ALONE} events in ${togetherSeconds.toFixed(2)} s, ${Math.round((LINES - ALONE) / togetherSeconds)} a second`,
  );
  const verifying = performance.now();
  const { exitCode, stdout, stderr, resourceUsage } = Bun.spawnSync([
    process.execPath,
    CLI,
    "audit",
    "verify",
    directory,
  ]);
  if (exitCode !== 0) throw new Error(`audit verify ended with ${exitCode}: ${stderr}`);
  console.log(
    `verify: ${LINES} lines, ${Math.round(bytes / 1e6)} MB in ${seconds(verifying).toFixed(2)} s, ${(Number(resourceUsage.cpuTime.total) / 1e6).toFixed(2)} CPU s, ${Math.round(resourceUsage.maxRSS / 1e6)} MB RSS`,
  );
  console.log(stdout.toString().trimEnd());
} finally {
  rmSync(root, { recursive: true, force: true });
}
