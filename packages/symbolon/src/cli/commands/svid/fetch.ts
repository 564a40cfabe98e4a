import type { HintedJwtSvid, X509Context } from "@symbolon/spiffe/workload-api";
import type { Command } from "commander";
import { parseDuration } from "../../duration.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { spiffeIdOption } from "../../identity/options.ts";
import { isoSeconds, relativeTo } from "../../identity/times.ts";
import { SOCKET_OPTION, SOCKET_TEXT, withWorkloadApi } from "../../identity/workload-api.ts";
import { writeJwtSvids, writeX509Context } from "../../identity/write-svids.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { printable } from "../../printable.ts";

interface FetchFlags {
  readonly socket?: string;
  readonly timeout: string;
  readonly write?: string;
  readonly output?: string;
}

interface JwtFlags extends FetchFlags {
  readonly audience: readonly string[];
  readonly spiffeId?: string;
}

const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value];
const STATUSES = "Exit status: 0 fetched, 1 no identity, 64 usage, 65 bad input, 69 nobody answers.";

export function addFetchCommand(group: Command): void {
  const fetch = group
    .command("fetch")
    .description("This process's own identity from the Workload API: of this mesh, or of any SPIFFE agent.");
  withCommonOptions(fetch.command("x509"))
    .description("X.509-SVIDs and trust bundles. Keys are written with --write, and never printed.")
    .addHelpText(
      "after",
      `
Files: svid.N.pem, svid.N.key (mode 0600), bundle.N.pem, federated_bundle.N.M.pem, as spire-agent names them. They are
symbolic links through ..data, which alone is renamed: key and certificate always belong together, also after a kill.
${STATUSES}

Examples:
  symbolon svid fetch x509
  symbolon svid fetch x509 --write ./identity
  symbolon svid fetch x509 --socket unix:///tmp/spire-agent/public/api.sock -o json`,
    )
    .action(async (flags: FetchFlags, command: Command) => {
      const format = outputFormat(flags.output, ["json"]);
      const timeoutMs = parseDuration("--timeout", flags.timeout) * 1000;
      const context = await withWorkloadApi(flags.socket, command, (client) => client.fetchX509Context({ timeoutMs }));
      const files = flags.write === undefined ? [] : writeX509Context(flags.write, context);
      if (format) printStructured(format, { ...describeX509Context(context), files });
      else printLines([...x509Lines(context, new Date()), ...fileLines(files)]);
    });
  withCommonOptions(fetch.command("jwt"))
    .description("JWT-SVIDs for an audience, one for each identity of this process. Each line of output is a token.")
    .requiredOption("--audience <name>", "service that the token is for (repeatable)", collect, [])
    .option("--spiffe-id <id>", "only of this identity")
    .addHelpText(
      "after",
      `
Whoever has a token can use it until it ends; it goes to standard output, or with --write to jwt_svid.N.token (mode 0600).
${STATUSES}

Examples:
  symbolon svid fetch jwt --audience orders
  curl -H "authorization: Bearer $(symbolon svid fetch jwt --audience orders)" https://orders.example/
  symbolon svid fetch jwt --audience orders -o json`,
    )
    .action(async (flags: JwtFlags, command: Command) => {
      const format = outputFormat(flags.output, ["json"]);
      const timeoutMs = parseDuration("--timeout", flags.timeout) * 1000;
      if (flags.audience.length === 0 || flags.audience.includes(""))
        throw new CommandExit(EXIT.usage, "error: --audience needs a name, such as --audience orders");
      const spiffeId = flags.spiffeId === undefined ? {} : { spiffeId: spiffeIdOption(flags.spiffeId) };
      const svids = await withWorkloadApi(flags.socket, command, (client) =>
        client.fetchJwtSvids({ audience: flags.audience, ...spiffeId }, { timeoutMs }),
      );
      const files = flags.write === undefined ? [] : writeJwtSvids(flags.write, svids);
      if (format) printStructured(format, { svids: describeJwt(svids, files.length === 0), files });
      else if (files.length > 0) printLines(fileLines(files));
      else printLines(svids.map(({ svid }) => svid.token.expose()));
    });
}

function withCommonOptions(command: Command): Command {
  return command
    .option(SOCKET_OPTION, SOCKET_TEXT)
    .option("--timeout <duration>", "longest wait for an answer", "5s")
    .option("--write <directory>", "write files there, all replaced at once")
    .option("-o, --output <format>", "json");
}

export function x509Lines(context: X509Context, now: Date): readonly string[] {
  return [
    ...context.svids.flatMap(({ svid, hint }, index) => [
      `${svid.spiffeId}${index === 0 ? " (default)" : ""}${hint === "" ? "" : `, hint ${hint}`}`,
      `  serial ${svid.leaf.serialNumberHex}, expires ${isoSeconds(svid.notAfter)} (${relativeTo(svid.notAfter, now)})`,
    ]),
    `bundles: ${domainsOf(context).join(", ")}`,
  ];
}

/** Without keys. */
export function describeX509Context(context: X509Context) {
  const svids = context.svids.map(({ svid, hint }) => ({
    spiffeId: svid.spiffeId.toString(),
    hint,
    serialNumber: svid.leaf.serialNumberHex,
    notBefore: svid.leaf.notBefore.toISOString(),
    notAfter: svid.notAfter.toISOString(),
    certificateChain: svid.certificateChainPem(),
  }));
  return { svids, trustDomains: domainsOf(context) };
}

function describeJwt(svids: readonly HintedJwtSvid[], withTokens: boolean) {
  return svids.map(({ svid, hint }) => ({
    spiffeId: svid.spiffeId.toString(),
    hint,
    audiences: svid.audiences,
    expiresAt: svid.expiresAt.toISOString(),
    ...(withTokens ? { token: svid.token.expose() } : {}),
  }));
}

const domainsOf = ({ bundles }: X509Context): readonly string[] =>
  bundles.bundles.map(({ trustDomain }) => trustDomain.name).sort();

const fileLines = (files: readonly string[]): readonly string[] => files.map((file) => `wrote ${file}`);

export function printLines(lines: readonly string[]): void {
  for (const line of lines) console.log(printable(line));
}
