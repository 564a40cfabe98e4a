import { type Explanation, explanationText } from "@symbolon/policy";
import type { Command } from "commander";
import { denialExplanation } from "../../denial-text.ts";
import { ANSWER_EXIT, CommandExit, EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { placeOf } from "../../policy-set/workload-policies.ts";
import type { AccessAnswer, SeenAccess } from "./access-answer.ts";
import { answerFlags } from "./answer-flags.ts";
import { addDenialOptions, type DenialFlags, noDenials, readDenials } from "./denial-flags.ts";
import { addQuestionOptions, type QuestionFlags } from "./question-flags.ts";

export function addExplainCommand(group: Command): void {
  const command = group
    .command("explain [method-or-request-id] [path]")
    .description(
      "Why a caller may or may not: every policy and rule with what it wanted and what it got, and the single changes that would turn the decision.\nTakes what `can` takes and ends as it does: 0 allowed, 1 denied, 2 cannot say.\nWithout --to: a denial of the running mesh, by the id of its request, the newest ones, or those of a workload; ends with 0 when there is one, 1 when there is none.",
    );
  addDenialOptions(addQuestionOptions(command))
    .addHelpText(
      "after",
      `
Examples:
  symbolon authz explain --last 1                                                    the newest denial
  symbolon authz explain 5b8a4e2c-7f0e-4ad1-8f3e-0d5ad1c2b7e9                        the request with this x-request-id
  symbolon authz explain --workload bar/httpbin --last 5
  symbolon authz explain --from foo/curl --to bar/httpbin POST /headers              in the running mesh
  symbolon authz explain --from foo/curl --to bar/httpbin POST /headers -f manifests/ -o json
  symbolon authz explain --from foo/curl --to bar/redis --port 6379 -f manifests/    a connection, no request`,
    )
    .action(
      async (
        method: string | undefined,
        path: string | undefined,
        flags: QuestionFlags & DenialFlags,
        self: Command,
      ) => {
        const format = outputFormat(flags.output, ["json", "yaml"]);
        if (flags.to !== undefined && (flags.last ?? flags.workload) !== undefined)
          throw new CommandExit(EXIT.usage, "error: --last and --workload choose denials of the past: leave --to out");
        if (flags.to === undefined) return explainDenials(flags, { requestId: method, path, format }, self);
        const answer = await answerFlags(flags, { method, path }, self);
        if (format) printStructured(format, explainedData(answer));
        else process.stdout.write(explainedText(answer));
        process.exitCode = ANSWER_EXIT[answer.outcome];
      },
    );
}

async function explainDenials(
  flags: QuestionFlags & DenialFlags,
  asked: { requestId: string | undefined; path: string | undefined; format: "json" | "yaml" | undefined },
  self: Command,
): Promise<void> {
  const { requestId, path, format } = asked;
  const { last: _, workload: __, namespace: ___, output: ____, ...ofQuestion } = flags;
  const isQuestion = Object.values(ofQuestion).some((value) => !Array.isArray(value) || value.length > 0);
  if (path !== undefined || isQuestion)
    throw new CommandExit(EXIT.usage, "error: who is called? --to NAMESPACE/WORKLOAD");
  const denials = await readDenials(flags, { requestId, defaultLast: requestId === undefined ? 1 : 100 }, self);
  if (format) printStructured(format, { denials });
  else if (denials.length > 0) console.log(denials.map(denialExplanation).join("\n\n"));
  if (denials.length > 0) return;
  const nothing = await noDenials(flags, self, requestId);
  throw new CommandExit(EXIT.failed, `error: ${nothing}; "symbolon logs --access" has every request`);
}

function explainedText({ text, seen, notes, explanation, changes = [] }: AccessAnswer): string {
  const lines = [text, ...(seen ? seenLines(seen) : []), ...notes.map((note) => `  note       ${note}`)];
  if (seen && !explanation) lines.push("", "no AuthorizationPolicy is asked");
  if (changes.length > 0) lines.push("one change would make it another outcome, what opens least first:");
  for (const change of changes) lines.push(`  ${change.outcome}: ${change.text}`);
  if (explanation?.policies.length === 0) lines.push("", "no AuthorizationPolicy applies to the workload");
  // Its first line is the decision, which stands above with file and line.
  else if (explanation) lines.push("", ...explanationText(explanation).split("\n").slice(1));
  return `${lines.join("\n")}\n`;
}

function seenLines({ caller, spiffeId, workload, port, protocol, mtls, token, request }: SeenAccess): string[] {
  return [
    `  caller     ${caller}, ${spiffeId ?? "without identity"}`,
    `  workload   ${workload}, port ${port}`,
    `  mutual TLS ${mtls}`,
    ...(token === undefined ? [] : [`  token      ${token}`]),
    `  ${protocol === "http" ? `request    ${request}` : "connection TCP, no request is seen"}`,
  ];
}

/** For programs; the shape is stable, new fields may come. */
function explainedData({ explanation, changes = [], ...answer }: AccessAnswer): unknown {
  const flips = changes.map(({ text, outcome }) => ({ change: { kind: "connection", text }, outcome }));
  return { ...answer, ...(explanation ? explanationData(explanation) : { policies: [], flips, moreFlips: 0 }) };
}

function explanationData({ policies, flips, moreFlips }: Explanation) {
  return {
    policies: policies.map(({ policy, matches, rules }) => ({
      ...placeOf(policy),
      action: policy.action,
      ...(policy.provider === undefined ? {} : { provider: policy.provider }),
      dryRun: policy.dryRun,
      matches,
      rules,
    })),
    flips,
    moreFlips,
  };
}
