import type { Command } from "commander";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { refuseTwoInputs, timeOption, trustDomainOption } from "../../identity/options.ts";
import { readInput } from "../../identity/read-input.ts";
import { printVerdict } from "../../identity/verdict.ts";
import { judgeJwtSvid } from "../../identity/verify-jwt.ts";
import { outputFormat } from "../../output.ts";

interface Flags {
  readonly bundle: string;
  readonly audience: readonly string[];
  readonly trustDomain?: string;
  readonly time?: string;
  readonly output?: string;
}

export function addValidateCommand(group: Command): void {
  group
    .command("validate <token>")
    .description(
      "Would a service of this audience accept the JWT-SVID? If not: which rule, both clocks, and what to do.\nTOKEN is the token itself, a file with it, or - for standard input, where no other user sees it.",
    )
    .requiredOption("--bundle <file>", "keys: a SPIFFE bundle document, or a JWK Set")
    .requiredOption("--audience <name>", "name of the service; may be repeated, one of several is enough", collect)
    .option("--trust-domain <name>", "whose bundle it is (default: that of the token)")
    .option("--time <time>", "judge as of this time instead of now, like 2026-01-01T00:00:00Z")
    .option("-o, --output <format>", "json")
    .addHelpText(
      "after",
      `
Exit status: 0 accepted, 1 refused, 64 usage, 65 a file cannot be read.

Examples:
  symbolon bundle show --trust-domain cluster.local -o spiffe > bundle.json      what the agent gives this process
  symbolon jwt validate token.jwt --bundle bundle.json --audience api
  symbolon svid fetch jwt --audience api | symbolon jwt validate - --bundle bundle.json --audience api
  symbolon jwt validate - --bundle bundle.json --audience api --audience web -o json < token.jwt`,
    )
    .action(async (token: string, flags: Flags) => {
      const format = outputFormat(flags.output, ["json"]);
      const trustDomain = trustDomainOption(flags.trustDomain);
      const now = timeOption(flags.time);
      refuseTwoInputs(token, flags.bundle);
      if (flags.audience.includes(""))
        throw new CommandExit(EXIT.usage, "error: --audience needs a name, such as --audience orders");
      const text = isToken(token) ? token : await readToken(token);
      const question = { token: text, bundleFile: flags.bundle, audiences: flags.audience, trustDomain, now };
      printVerdict(await judgeJwtSvid(question), format);
    });
}

/** @throws CommandExit, bad input */
async function readToken(file: string): Promise<string> {
  const text = (await readInput(file)).trim();
  const lines = text.split("\n").length;
  if (lines === 1) return text;
  throw new CommandExit(
    EXIT.badInput,
    `error: "${file}" holds ${lines} lines, wanted one token; of several identities, svid fetch jwt --spiffe-id ID prints the token of one`,
  );
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** A header in base64url begins so, because its JSON begins with `{"`; a file of such a name is `./eyJ...`. */
function isToken(text: string): boolean {
  return /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/.test(text);
}
