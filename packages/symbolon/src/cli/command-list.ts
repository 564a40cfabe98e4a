import type { Command } from "commander";
import { addAnalyzeCommand } from "./commands/analyze.ts";
import { addApplyCommand } from "./commands/apply.ts";
import { addAttestCommand } from "./commands/attest/index.ts";
import { addAuditCommand } from "./commands/audit/index.ts";
import { addAuthzCommand } from "./commands/authz/index.ts";
import { addBundleCommand } from "./commands/bundle/index.ts";
import { addDeleteCommand } from "./commands/delete.ts";
import { addDescribeCommand } from "./commands/describe.ts";
import { addDownCommand } from "./commands/down.ts";
import { addEntryCommand } from "./commands/entry/index.ts";
import { addEnvoyCommand } from "./commands/envoy/index.ts";
import { addExecCommand } from "./commands/exec.ts";
import { addGetCommand } from "./commands/get/index.ts";
import { addInternalCommand } from "./commands/internal.ts";
import { addJwtCommand } from "./commands/jwt/index.ts";
import { addLogsCommand } from "./commands/logs.ts";
import { addMetricsCommand } from "./commands/metrics.ts";
import { addProgramCommand } from "./commands/program.ts";
import { addProxyConfigCommand } from "./commands/proxy-config/index.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addStrictCommand } from "./commands/strict.ts";
import { addSvidCommand } from "./commands/svid/index.ts";
import { addUpCommand } from "./commands/up.ts";
import { addVersionCommand } from "./commands/version.ts";

/** In the order of `symbolon --help`. */
export const commands: readonly ((program: Command) => void)[] = [
  addUpCommand,
  addDownCommand,
  addStatusCommand,
  addApplyCommand,
  addDeleteCommand,
  addGetCommand,
  addEntryCommand,
  addAttestCommand,
  addEnvoyCommand,
  addSvidCommand,
  addJwtCommand,
  addBundleCommand,
  addExecCommand,
  addLogsCommand,
  addMetricsCommand,
  addProxyConfigCommand,
  addAnalyzeCommand,
  addAuthzCommand,
  addDescribeCommand,
  addStrictCommand,
  addAuditCommand,
  addVersionCommand,
  addInternalCommand,
  addProgramCommand,
];
