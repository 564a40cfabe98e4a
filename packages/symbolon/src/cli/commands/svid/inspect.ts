import { parseJwsCompact } from "@symbolon/spiffe/jwt";
import { parseJwtSvidInsecure } from "@symbolon/spiffe/svid";
import type { Command } from "commander";
import { certificateLines, describeCertificate } from "../../identity/describe-certificate.ts";
import { readSvidInput } from "../../identity/read-input.ts";
import { isoSeconds, relativeTo } from "../../identity/times.ts";
import { timesOf } from "../../identity/verify-jwt.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { printable } from "../../printable.ts";

export function addInspectCommand(group: Command): void {
  group
    .command("inspect <file>")
    .description(
      "What an X.509-SVID (PEM, leaf first) or a JWT-SVID says of itself, and which rules it breaks.\nNothing is verified: see svid verify and jwt validate.",
    )
    .option("-o, --output <format>", "json")
    .addHelpText(
      "after",
      `
Exit status: 0 it can be read, 65 it cannot.

Examples:
  symbolon svid inspect svid.pem
  symbolon svid inspect token.jwt -o json
  openssl s_client -showcerts -connect web:8443 </dev/null | symbolon svid inspect -`,
    )
    .action(async (file: string, flags: { readonly output?: string }) => {
      const format = outputFormat(flags.output, ["json"]);
      const input = await readSvidInput(file);
      if (input.kind === "jwt") inspectJwt(input.token, format);
      else {
        const described = input.certificates.map((certificate, index) =>
          describeCertificate(certificate, index === 0 ? "leaf" : "authority"),
        );
        if (format) printStructured(format, { kind: "x509-svid", certificates: described });
        else
          for (const [index, each] of described.entries()) {
            console.log(`certificate ${index + 1}, ${index === 0 ? "the leaf" : "an intermediate"}`);
            for (const line of certificateLines(each, new Date())) console.log(line);
          }
      }
    });
}

function inspectJwt(token: string, format: "json" | undefined): void {
  const svid = parseJwtSvidInsecure(token);
  const { header } = parseJwsCompact(token);
  if (format)
    return printStructured(format, {
      kind: "jwt-svid",
      header,
      spiffeId: svid.spiffeId.toString(),
      claims: svid.claims,
    });
  const now = new Date();
  const rows: readonly (readonly [string, string])[] = [
    ["SPIFFE ID", svid.spiffeId.toString()],
    ["audience", svid.audiences.join(", ")],
    ...timesOf(svid).map(({ name, time }) => [name, `${isoSeconds(time)} (${relativeTo(time, now)})`] as const),
    ["signature", `${svid.algorithm}, key ${svid.keyId ?? "not named"}; not verified`],
    ["claims", JSON.stringify(svid.claims)],
  ];
  console.log("JWT-SVID");
  for (const [name, value] of rows) console.log(`  ${name.padEnd(14)} ${printable(value)}`);
}
