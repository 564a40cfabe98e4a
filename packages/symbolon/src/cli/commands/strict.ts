import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { PLAINTEXT_RETENTION_MS } from "../../telemetry/index.ts";
import { apiOfChosenMesh } from "../context.ts";
import { parseDuration } from "../duration.ts";
import { emitYaml } from "../emit-yaml.ts";
import { CommandExit, EXIT } from "../exit-status.ts";
import { outputFormat, printStructured } from "../output.ts";
import { readPolicySource } from "../policy-set/policy-source.ts";
import { reportChange } from "../print-changes.ts";
import { planStrict, strictPlanText } from "../strict-plan.ts";

interface Flags {
  readonly namespace: string;
  readonly plan?: boolean;
  readonly apply?: boolean;
  readonly since: string;
  readonly output?: string;
}

export function addStrictCommand(program: Command): void {
  program
    .command("strict")
    .description(
      "From PERMISSIVE to STRICT: what requiring mutual TLS in a namespace changes, and who would be refused.\n--apply does it, unless a caller would break. Ends with 79 when one would.",
    )
    .requiredOption("-n, --namespace <namespace>", "the namespace")
    .option("--plan", "only say what would change (default)")
    .option("--apply", "require mutual TLS, when no caller would be refused")
    .option("--since <duration>", "callers that were last seen longer ago do not count; at most 8d", "24h")
    .option("-o, --output <format>", "json or yaml")
    .addHelpText(
      "after",
      `
Examples:
  symbolon strict --namespace foo --plan
  symbolon strict --namespace foo --apply
  symbolon strict --namespace foo --plan --since 7d -o json`,
    )
    .action(async (flags: Flags, command: Command) => {
      const { namespace } = flags;
      const format = outputFormat(flags.output, ["json", "yaml"]);
      if (flags.plan && flags.apply) throw new CommandExit(EXIT.usage, "error: --plan or --apply, not both");
      const windowMs = parseDuration("--since", flags.since) * 1000;
      if (windowMs > PLAINTEXT_RETENTION_MS)
        throw new CommandExit(
          EXIT.usage,
          `error: --since "${flags.since}" is longer than callers are remembered; 8d at most`,
        );
      const api = apiOfChosenMesh(command);
      const source = await readPolicySource({ filename: [] }, command, namespace);
      if (!source.set.namespaces.includes(namespace))
        throw new CommandExit(
          EXIT.failed,
          `error: there is no namespace "${namespace}"; there are ${source.set.namespaces.join(", ")}`,
        );
      const since = new Date(systemClock.now().getTime() - windowMs);
      const plan = planStrict(namespace, source, { callers: await api.plaintextCallers(namespace), since });
      if (format) printStructured(format, plan);
      else process.stdout.write(strictPlanText(plan));
      if (plan.breaking.length > 0) {
        if (flags.apply) console.error("error: nothing was changed: the callers above would be refused");
        process.exitCode = EXIT.findings;
        return;
      }
      if (plan.manifest === undefined) return;
      const text = emitYaml(plan.manifest);
      if (!flags.apply) {
        if (!format) console.log(`\n"--apply" makes it so with\n${text.trimEnd()}`);
        return;
      }
      const manifests = [{ file: "strict", text }];
      const answer = await api.apply({ manifests, namespace, allowUnenforced: false, dryRun: false });
      await reportChange(answer, command, { verb: "changed" });
    });
}
