import { type Explanation, explanationText } from "@symbolon/policy";
import type { Command } from "commander";
import { ANSWER_EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { placeOf } from "../../policy-set/workload-policies.ts";
import type { AccessAnswer, SeenAccess } from "./access-answer.ts";
import { answerFlags } from "./answer-flags.ts";
import { addQuestionOptions, type QuestionFlags } from "./question-flags.ts";

export function addExplainCommand(group: Command): void {
  const command = group
    .command("explain [method] [path]")
    .description(
      "Why a caller may or may not: every policy and rule with what it wanted and what it got, and the single changes that would turn the decision.\nTakes what `can` takes and ends as it does: 0 allowed, 1 denied, 2 cannot say.",
    );
  addQuestionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  symbolon authz explain --from foo/curl --to bar/httpbin POST /headers              in the running mesh
  symbolon authz explain --from foo/curl --to bar/httpbin POST /headers -f manifests/ -o json
  symbolon authz explain --from foo/curl --to bar/redis --port 6379 -f manifests/    a connection, no request`,
    )
    .action(async (method: string | undefined, path: string | undefined, flags: QuestionFlags, self: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const answer = await answerFlags(flags, { method, path }, self);
      if (format) printStructured(format, explainedData(answer));
      else process.stdout.write(explainedText(answer));
      process.exitCode = ANSWER_EXIT[answer.outcome];
    });
}

function explainedText({ text, seen, notes, explanation, changes = [] }: AccessAnswer): string {
  const lines = [text, ...(seen ? seenLines(seen) : []), ...notes.map((note) => `  note       ${note}`)];
  if (seen && !explanation) lines.push("", "no AuthorizationPolicy is asked");
  if (changes.length > 0) lines.push("one change would make it another outcome:");
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
function explainedData({ explanation, ...answer }: AccessAnswer): unknown {
  return explanation ? { ...answer, ...explanationData(explanation) } : answer;
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
