import { TrustDomain } from "@symbolon/spiffe/id";
import type { Jwk } from "@symbolon/spiffe/jwt";
import type { Command } from "commander";
import { certificateLines, describeCertificate, keyText } from "../../identity/describe-certificate.ts";
import { trustDomainOption } from "../../identity/options.ts";
import { type BundleFile, readBundle } from "../../identity/read-bundle.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { printable } from "../../printable.ts";

interface Flags {
  readonly trustDomain?: string;
  readonly output?: string;
}

/** For messages about a bundle whose domain nobody has named. */
const UNNAMED = TrustDomain.parse("unnamed");

export function addShowCommand(group: Command): void {
  group
    .command("show <file>")
    .description(
      "The authorities of a bundle: PEM, a SPIFFE bundle document, or a JWK Set. It is read as strictly as a peer's bundle.",
    )
    .option("--trust-domain <name>", "whose bundle it is; the file does not say")
    .option("-o, --output <format>", "json")
    .addHelpText(
      "after",
      `
Exit status: 0 it can be used, 65 it cannot.

Examples:
  symbolon bundle show bundle.pem
  symbolon bundle show bundle.json -o json
  curl -s https://example.org/bundle.json | symbolon bundle show -`,
    )
    .action(async (file: string, flags: Flags) => {
      const format = outputFormat(flags.output, ["json"]);
      const trustDomain = trustDomainOption(flags.trustDomain);
      const bundle = await readBundle(file, trustDomain ?? UNNAMED);
      if (format) printStructured(format, describe(bundle, trustDomain));
      else print(bundle, trustDomain);
    });
}

function describe(bundle: BundleFile, trustDomain: TrustDomain | undefined): object {
  const { format, sequence, refreshHintSeconds, x509, jwt } = bundle;
  return {
    format,
    ...(trustDomain ? { trustDomain: trustDomain.name } : {}),
    ...(sequence === undefined ? {} : { sequence }),
    ...(refreshHintSeconds === undefined ? {} : { refreshHintSeconds }),
    x509Authorities: x509.x509Authorities.map((authority) => describeCertificate(authority, "authority")),
    jwtAuthorities: jwt.jwtAuthorities.keys.map(({ kid, algorithm, publicKey }) => ({
      keyId: kid,
      key: keyText({ publicKey }),
      ...(algorithm === undefined ? {} : { algorithm }),
    })),
  };
}

function print({ sequence, refreshHintSeconds, x509, jwt }: BundleFile, trustDomain: TrustDomain | undefined): void {
  const { keys } = jwt.jwtAuthorities;
  const amounts = `${x509.x509Authorities.length} X.509 authorities, ${keys.length} JWT authorities`;
  const more = [
    ...(sequence === undefined ? [] : [`sequence ${sequence}`]),
    ...(refreshHintSeconds === undefined ? [] : [`refresh every ${refreshHintSeconds} s`]),
  ];
  console.log([trustDomain ? `${trustDomain.name}: ${amounts}` : amounts, ...more].join(", "));
  if (x509.x509Authorities.length + keys.length === 0) console.log("nobody of the trust domain is to be trusted");
  for (const [index, authority] of x509.x509Authorities.entries()) {
    console.log(`X.509 authority ${index + 1}`);
    for (const line of certificateLines(describeCertificate(authority, "authority"), new Date())) console.log(line);
  }
  for (const key of keys) console.log(`JWT authority ${printable(keyLine(key))}`);
}

function keyLine({ kid, algorithm, publicKey }: Jwk): string {
  return `${kid}: ${keyText({ publicKey })}${algorithm === undefined ? "" : `, ${algorithm}`}`;
}
