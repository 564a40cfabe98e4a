/** How a policy's string value matches (istio-security §3.4). */
export type StringPattern =
  /** "`*`: present and non-empty"; headers, hosts and methods need not be non-empty, which their callers decide. */
  { readonly kind: "present" } | { readonly kind: "exact" | "prefix" | "suffix"; readonly text: string };

/** A leading `*` is looked at first, so `*a*` is "suffix `a*`" literally; a `*` in the middle is an ordinary character. */
export function parseStringPattern(value: string): StringPattern {
  if (value === "*") return { kind: "present" };
  if (value.startsWith("*")) return { kind: "suffix", text: value.slice(1) };
  if (value.endsWith("*")) return { kind: "prefix", text: value.slice(0, -1) };
  return { kind: "exact", text: value };
}

/** Whole-string and case-sensitive; who compares hosts passes both in lower case. */
export function patternMatches(pattern: StringPattern, text: string): boolean {
  switch (pattern.kind) {
    case "present":
      return text !== "";
    case "exact":
      return text === pattern.text;
    case "prefix":
      return text.startsWith(pattern.text);
    case "suffix":
      return text.endsWith(pattern.text);
  }
}

/** Text in which every `*` stands for any run of characters, the empty one included. */
export function globMatches(glob: string, text: string): boolean {
  const parts = glob.split("*");
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (parts.length === 1) return text === first;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  // Each part at its earliest place: what is left for the others is then as long as it can be.
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return from <= text.length - last.length;
}
