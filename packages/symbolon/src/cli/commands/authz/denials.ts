import { sleep, systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import type { StoredDenial } from "../../../telemetry/index.ts";
import { denialLine } from "../../denial-text.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { readNamespaceName } from "../../policy-set/name-options.ts";
import { addDenialOptions, type DenialFlags, noDenials, readDenials } from "./denial-flags.ts";

const DEFAULT_LAST = 20;
const FOLLOW_MS = 300;

interface Flags extends DenialFlags {
  readonly follow?: boolean;
  readonly output?: string;
}

export function addDenialsCommand(group: Command): void {
  const command = group
    .command("denials")
    .description(
      "What policies of the running mesh denied in the last 24 hours; with -f also what they deny from now on.",
    );
  addDenialOptions(command)
    .option("-f, --follow", "go on until interrupted")
    .option("-n, --namespace <namespace>", "namespace of a workload that names none", readNamespaceName, "default")
    .option("-o, --output <format>", "json, yaml, or jsonl: one line each, also with -f")
    .addHelpText(
      "after",
      `
Examples:
  symbolon authz denials
  symbolon authz denials --workload foo/httpbin -f
  symbolon authz denials --last 1000 -o jsonl`,
    )
    .action(async (flags: Flags, self: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml", "jsonl"]);
      if (flags.follow && (format === "json" || format === "yaml"))
        throw new CommandExit(
          EXIT.usage,
          `error: -o ${format} ends, and -f does not: write -o jsonl, one line each, or leave -f out`,
        );
      const lineOf = (denial: StoredDenial) => (format === "jsonl" ? JSON.stringify(denial) : denialLine(denial));
      let denials = await readDenials(flags, { defaultLast: DEFAULT_LAST }, self);
      const nothing = denials.length === 0 ? await noDenials(flags, self) : undefined;
      if (format === "json" || format === "yaml") return printStructured(format, { denials });
      for (const denial of denials) console.log(lineOf(denial));
      if (nothing !== undefined && !flags.follow) console.error(nothing);
      for (let after = denials.at(-1)?.sequence ?? 0; flags.follow; after = denials.at(-1)?.sequence ?? after) {
        await sleep(systemClock, FOLLOW_MS);
        denials = await readDenials({ ...flags, last: "1000" }, { after, defaultLast: DEFAULT_LAST }, self);
        for (const denial of denials) console.log(lineOf(denial));
      }
    });
}
