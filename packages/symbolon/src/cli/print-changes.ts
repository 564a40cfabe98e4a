import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import type { ChangeAnswer, ObjectChange } from "../adapters/http/index.ts";
import { waitUntilInForce } from "../app/index.ts";
import { kindNames } from "../mesh/index.ts";
import { meshName, pathsOfChosenMesh } from "./context.ts";
import { CommandExit, EXIT } from "./exit-status.ts";
import { printFindings } from "./print-findings.ts";

/** How long a change is waited for; proxies take it in milliseconds, so that this is for broken ones. */
const IN_FORCE_WITHIN_MS = 5000;

/** Prints what came of a change as kubectl does, and returns once every proxy has it. */
export async function reportChange(
  answer: ChangeAnswer,
  command: Command,
  options: { readonly dryRun?: boolean; readonly verb: string },
): Promise<void> {
  printFindings(answer.findings);
  if (!answer.accepted)
    throw new CommandExit(EXIT.badInput, `error: nothing was ${options.verb}; what was in force stays`);
  for (const { key, action } of answer.changes)
    console.log(`${resourceName(key)} ${action}${options.dryRun ? " (dry run)" : ""}`);
  if (options.dryRun) return;
  const behind = await waitUntilInForce(pathsOfChosenMesh(command), answer.version, systemClock, IN_FORCE_WITHIN_MS);
  if (behind.length > 0)
    console.error(
      `warning: ${behind.join(", ")} did not take the change within ${IN_FORCE_WITHIN_MS / 1000} s; "symbolon --name ${meshName(command)} status" tells more`,
    );
}

/** kubectl's `peerauthentication.security.istio.io/default`. */
function resourceName({ kind, name }: ObjectChange["key"]): string {
  const { singular, group } = kindNames(kind);
  return `${group === "" ? singular : `${singular}.${group}`}/${name}`;
}
