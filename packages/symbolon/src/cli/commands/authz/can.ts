import type { Command } from "commander";
import { ANSWER_EXIT } from "../../exit-status.ts";
import { outputFormat, printStructured } from "../../output.ts";
import type { AccessAnswer } from "./access-answer.ts";
import { answerFlags } from "./answer-flags.ts";
import { addQuestionOptions, type QuestionFlags } from "./question-flags.ts";

export function addCanCommand(group: Command): void {
  const command = group
    .command("can [method] [path]")
    .description(
      "Whether a caller may send a request to a workload; without METHOD and PATH, whether it may open a connection.\nEnds with 0 when it may, 1 when not, 2 when that cannot be said: what is given does not tell, or cannot be read.",
    );
  addQuestionOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  symbolon authz can --from foo/curl --to bar/httpbin GET /headers                   in the running mesh
  symbolon authz can --from foo/curl --to bar/httpbin GET /headers -f manifests/
  symbolon authz can --from foo/curl --to bar/httpbin POST /admin -H x-token=a --port 8080 -f mesh.yaml -o json
  symbolon authz can --from foo/curl --to bar/httpbin GET /headers --jwt token.jwt -f manifests/
  symbolon authz can --to bar/redis --port 6379 -f manifests/                        plaintext TCP from outside the mesh`,
    )
    .action(async (method: string | undefined, path: string | undefined, flags: QuestionFlags, self: Command) => {
      const format = outputFormat(flags.output, ["json", "yaml"]);
      const answer = await answerFlags(flags, { method, path }, self);
      if (format) printStructured(format, answerData(answer));
      else {
        console.log(answer.text);
        for (const note of answer.notes) console.error(`note: ${note}`);
      }
      process.exitCode = ANSWER_EXIT[answer.outcome];
    });
}

/** Without the explanation, which is what `explain` is for. */
function answerData({
  explanation: _,
  changes: __,
  ...data
}: AccessAnswer): Omit<AccessAnswer, "explanation" | "changes"> {
  return data;
}
