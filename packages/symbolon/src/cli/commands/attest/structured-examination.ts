import type { EntryExplanation, ProcessExamination } from "../../../app/index.ts";

/** `-o json`: the same as the text, in fields that stay. */
export function structuredExamination(pid: number, examination: ProcessExamination): unknown {
  if (examination.place !== "host") return { pid, ...examination };
  const { selectors, unknown, entries, socket } = examination;
  return {
    pid,
    place: "host",
    selectors,
    unknown,
    entries: entries.map(structuredEntry),
    identities: entries.filter(({ difference }) => !difference).map(({ entry }) => entry.spiffeId.toString()),
    ...(socket === undefined ? {} : { workloadSocket: socket }),
  };
}

function structuredEntry({ entry, difference, hintTaken, x509Lifetime, jwtLifetime }: EntryExplanation): unknown {
  return {
    name: entry.name,
    id: entry.id,
    revision: entry.revision,
    spiffeId: entry.spiffeId.toString(),
    selectors: entry.selectors.map(({ type, value }) => `${type}:${value}`),
    matches: difference === undefined,
    ...(difference ? { firstDifference: difference } : { hintTaken, x509Lifetime, jwtLifetime }),
  };
}
