import type { EntryFlags } from "./entry-flags.ts";

/** `FILE:1:115: error SYM0104 spec.selectors[1]: message`, with what comes after the file's name. */
const FINDING = /^:\d+:\d+: (?<what>\w+ SYM\d+)(?: (?<path>[^ :]+))?: (?<message>.*)$/s;

/** The option that stands for a field of an entry's `spec`. */
const OPTIONS = {
  spiffeID: { flag: "--spiffe-id", given: ({ spiffeId }) => spiffeId !== undefined },
  selectors: { flag: "--selector", given: ({ selector }) => selector !== undefined },
  x509SVIDTTL: { flag: "--ttl", given: ({ ttl }) => ttl !== undefined },
  jwtSVIDTTL: { flag: "--jwt-ttl", given: ({ jwtTtl }) => jwtTtl !== undefined },
  dnsNames: { flag: "--dns", given: ({ dns }) => dns !== undefined },
  federatesWith: { flag: "--federates-with", given: ({ federatesWith }) => federatesWith !== undefined },
  hint: { flag: "--hint", given: ({ hint }) => hint !== undefined },
} as const satisfies Readonly<Record<string, { flag: string; given: (flags: EntryFlags) => boolean }>>;

/**
 * Says what is wrong with an entry in the words of its command line: nobody has written the object that the options
 * stand for, so that its lines, columns and fields name nothing.
 * @param findings as the control plane gives them
 * @param entry `file` is the name that the object was sent under; `stored` is set where the object has parts that no
 * option gave, and those are named by their field
 * @returns such as `error SYM0104 --ttl: invalid value "1s": must be 5s to 7776000s (2160h)`; findings of other files as
 * they came
 */
export function inWordsOfFlags(
  findings: readonly string[],
  entry: { readonly file: string; readonly name: string; readonly flags: EntryFlags; readonly stored: boolean },
): readonly string[] {
  return findings.map((finding) => {
    const groups = finding.startsWith(entry.file) ? FINDING.exec(finding.slice(entry.file.length))?.groups : undefined;
    if (!groups) return finding;
    const { what, path = "", message } = groups;
    return `${what} ${subject(path, entry)}: ${message}`;
  });
}

function subject(
  path: string,
  { name, flags, stored }: { readonly name: string; readonly flags: EntryFlags; readonly stored: boolean },
): string {
  const field = /^spec\.(\w+)/.exec(path)?.[1] ?? "";
  const option = Object.entries(OPTIONS).find(([key]) => key === field)?.[1];
  if (option && (!stored || option.given(flags))) return option.flag;
  if (path === "metadata.name") return `name ${JSON.stringify(name)}`;
  return `entry ${JSON.stringify(name)}${path === "" ? "" : ` ${path}`}`;
}
