import { JwtBundle, SpiffeBundle, X509Bundle } from "@symbolon/spiffe/bundle";
import { TrustDomain } from "@symbolon/spiffe/id";
import type { Jwk } from "@symbolon/spiffe/jwt";
import type { Command } from "commander";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { certificateLines, describeCertificate, keyText } from "../../identity/describe-certificate.ts";
import { trustDomainOption } from "../../identity/options.ts";
import { type BundleFile, readBundle } from "../../identity/read-bundle.ts";
import { SOCKET_OPTION, SOCKET_TEXT, withWorkloadApi } from "../../identity/workload-api.ts";
import { outputFormat, printStructured } from "../../output.ts";
import { printable } from "../../printable.ts";

interface Flags {
  readonly trustDomain?: string;
  readonly socket?: string;
  readonly output?: string;
}

/** For messages about a bundle whose domain nobody has named. */
const UNNAMED = TrustDomain.parse("unnamed");

export function addShowCommand(group: Command): void {
  group
    .command("show [file]")
    .description(
      "The authorities of a bundle: PEM, a SPIFFE bundle document, or a JWK Set, read as strictly as a peer's bundle; without a file, of every bundle that the agent gives this process.",
    )
    .option("--trust-domain <name>", "whose bundle it is, because a file does not say; of the agent's, only this one")
    .option(SOCKET_OPTION, SOCKET_TEXT)
    .option(
      "-o, --output <format>",
      "json, or spiffe: the SPIFFE bundle document, as svid verify and jwt validate take it",
    )
    .addHelpText(
      "after",
      `
Exit status: 0 it can be used, 65 it cannot; from the agent: 1 no identity, or no such trust domain, 69 nobody answers.

Examples:
  symbolon bundle show                             what this process may trust, by its agent
  symbolon bundle show --socket unix:///tmp/spire-agent/public/api.sock -o json
  symbolon bundle show --trust-domain cluster.local -o spiffe > bundle.json
  symbolon bundle show bundle.pem
  symbolon bundle show bundle.json -o json
  curl -s https://example.org/bundle.json | symbolon bundle show -`,
    )
    .action(async (file: string | undefined, flags: Flags, command: Command) => {
      const format = outputFormat(flags.output, ["json", "spiffe"]);
      const trustDomain = trustDomainOption(flags.trustDomain);
      if (file !== undefined && flags.socket !== undefined)
        throw new CommandExit(EXIT.usage, "error: a bundle is shown from a file or from --socket, not from both");
      if (file === undefined) return showAgentBundles(flags.socket, command, trustDomain, format);
      const bundle = await readBundle(file, trustDomain ?? UNNAMED);
      if (format === "spiffe") console.log(spiffeDocument(bundle, trustDomain ?? UNNAMED));
      else if (format) printStructured(format, describe(bundle, trustDomain));
      else print(bundle, trustDomain);
    });
}

/** Bundles of both kinds, of each trust domain that the agent lets this process trust. */
async function showAgentBundles(
  socket: string | undefined,
  command: Command,
  only: TrustDomain | undefined,
  format: "json" | "spiffe" | undefined,
): Promise<void> {
  const [x509, jwt] = await withWorkloadApi(socket, command, (client) =>
    Promise.all([client.fetchX509Bundles(), client.fetchJwtBundles()]),
  );
  const names = new Set([...x509.bundles, ...jwt.bundles].map(({ trustDomain }) => trustDomain.name));
  const found = [...names].sort().filter((name) => only === undefined || name === only.name);
  if (found.length === 0)
    throw new CommandExit(
      EXIT.failed,
      `error: the agent gives this process no bundle of ${only}; it gives those of ${[...names].sort().join(", ")}`,
    );
  const bundles = found.map((name) => {
    const trustDomain = TrustDomain.parse(name);
    return {
      trustDomain,
      x509: x509.get(trustDomain) ?? X509Bundle.fromCertificates(trustDomain, []),
      jwt: jwt.get(trustDomain) ?? JwtBundle.fromKeys(trustDomain, []),
    };
  });
  if (format === "spiffe") {
    const [bundle, another] = bundles;
    if (!bundle || another)
      throw new CommandExit(
        EXIT.usage,
        `error: a SPIFFE document is of one trust domain; choose with --trust-domain: ${found.join(", ")}`,
      );
    console.log(spiffeDocument(bundle, bundle.trustDomain));
  } else if (format)
    printStructured(format, { bundles: bundles.map((bundle) => describe(bundle, bundle.trustDomain)) });
  else for (const bundle of bundles) print(bundle, bundle.trustDomain);
}

/** Trust Domain and Bundle §4; it does not name its trust domain. */
function spiffeDocument({ x509, jwt, ...rest }: ShownBundle, trustDomain: TrustDomain): string {
  const { sequence, refreshHintSeconds } = rest;
  return SpiffeBundle.of(trustDomain, {
    x509Authorities: x509.x509Authorities,
    jwtAuthorities: jwt.jwtAuthorities,
    ...(sequence === undefined ? {} : { sequence }),
    ...(refreshHintSeconds === undefined ? {} : { refreshHintSeconds }),
  }).json;
}

type ShownBundle = Omit<BundleFile, "format"> & { readonly format?: BundleFile["format"] };

function describe(bundle: ShownBundle, trustDomain: TrustDomain | undefined): object {
  const { format, sequence, refreshHintSeconds, x509, jwt } = bundle;
  return {
    ...(format === undefined ? {} : { format }),
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

function print({ sequence, refreshHintSeconds, x509, jwt }: ShownBundle, trustDomain: TrustDomain | undefined): void {
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
