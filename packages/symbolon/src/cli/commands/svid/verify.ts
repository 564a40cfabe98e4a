import type { Command } from "commander";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { refuseTwoInputs, timeOption, trustDomainOption } from "../../identity/options.ts";
import { readSvidInput } from "../../identity/read-input.ts";
import { printVerdict } from "../../identity/verdict.ts";
import { judgeX509Svid } from "../../identity/verify-x509.ts";
import { outputFormat } from "../../output.ts";

interface Flags {
  readonly bundle: string;
  readonly trustDomain?: string;
  readonly time?: string;
  readonly output?: string;
}

export function addVerifyCommand(group: Command): void {
  group
    .command("verify <file>")
    .description(
      "Would a peer accept this X.509-SVID (PEM, leaf first)? If not: which certificate, which rule, both clocks, and what to do.",
    )
    .requiredOption("--bundle <file>", "authorities: PEM, or a SPIFFE bundle document")
    .option("--trust-domain <name>", "whose bundle it is (default: that of the SVID)")
    .option("--time <time>", "judge as of this time instead of now, like 2026-01-01T00:00:00Z")
    .option("-o, --output <format>", "json")
    .addHelpText(
      "after",
      `
Exit status: 0 accepted, 1 refused, 64 usage, 65 a file cannot be read.

Examples:
  symbolon svid verify svid.pem --bundle bundle.pem
  symbolon svid verify svid.pem --bundle bundle.json --trust-domain example.org -o json
  symbolon svid verify svid.pem --bundle bundle.pem --time 2026-01-01T00:00:00Z`,
    )
    .action(async (file: string, flags: Flags) => {
      const format = outputFormat(flags.output, ["json"]);
      const trustDomain = trustDomainOption(flags.trustDomain);
      const now = timeOption(flags.time);
      refuseTwoInputs(file, flags.bundle);
      const input = await readSvidInput(file);
      if (input.kind === "jwt")
        throw new CommandExit(
          EXIT.usage,
          `error: "${file}" is a JWT-SVID: use symbolon jwt validate, with an audience`,
        );
      const { certificates } = input;
      printVerdict(await judgeX509Svid({ certificates, bundleFile: flags.bundle, trustDomain, now }), format);
    });
}
