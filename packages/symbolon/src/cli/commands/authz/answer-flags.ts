import { formatFinding, hasErrors } from "@symbolon/policy";
import { systemClock } from "@symbolon/spiffe/core";
import type { Command } from "commander";
import { ANSWER_EXIT, CommandExit, EXIT } from "../../exit-status.ts";
import { readPolicySource } from "../../policy-set/policy-source.ts";
import { printFindings } from "../../print-findings.ts";
import type { AccessAnswer } from "./access-answer.ts";
import { answerAccess } from "./answer-access.ts";
import { type QuestionFlags, readQuestion } from "./question-flags.ts";

/** Reads what is asked and what it is asked of, and answers. @throws CommandExit; with status 2 for input that is bad */
export async function answerFlags(
  flags: QuestionFlags,
  line: { readonly method: string | undefined; readonly path: string | undefined },
  command: Command,
): Promise<AccessAnswer> {
  try {
    const question = await readQuestion(flags, line);
    const source = await readPolicySource(flags, command, flags.namespace);
    const { findings } = source.set;
    printFindings(findings.filter(({ severity }) => severity === "error").map(formatFinding));
    if (hasErrors(findings))
      throw new CommandExit(EXIT.badInput, "error: the manifests have errors, so nobody can say");
    return answerAccess(question, source, systemClock.now());
  } catch (error) {
    if (!(error instanceof CommandExit) || error.status !== EXIT.badInput) throw error;
    throw new CommandExit(ANSWER_EXIT.unknown, error.message);
  }
}
