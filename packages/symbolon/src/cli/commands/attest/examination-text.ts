import type { EntryExplanation, LifetimeExplanation, ProcessExamination } from "../../../app/index.ts";
import { printable } from "../../printable.ts";

type Host = Extract<ProcessExamination, { place: "host" }>;

export function examinationText(pid: number, examination: ProcessExamination): string {
  return `${lines(pid, examination).map(printable).join("\n")}\n`;
}

function lines(pid: number, examination: ProcessExamination): readonly string[] {
  switch (examination.place) {
    case "mesh":
      return [
        `process ${pid} is one of the mesh's own: it is no workload and has no identity from an entry`,
        "next: ask about a process of yours, or about one inside a pod",
      ];
    case "pod": {
      const { pod, spiffeId, x509Lifetime, jwtLifetime } = examination;
      return [
        `process ${pid} is in pod ${pod.namespace}/${pod.name}: entries are not asked, it has the pod's identity`,
        `identity: ${spiffeId}`,
        `certificate: ${lifetimeText(x509Lifetime, "up --svid-ttl")}`,
        `token: ${lifetimeText(jwtLifetime, "the mesh's default")}`,
        `next: symbolon exec ${pod.name} -n ${pod.namespace} -- sh -c 'echo $SPIFFE_ENDPOINT_SOCKET' names its Workload API`,
      ];
    }
    case "host":
      return [`process ${pid} is outside of every pod`, ...hostLines(examination)];
  }
}

function hostLines(host: Host): readonly string[] {
  const { selectors, unknown, entries } = host;
  const matching = entries.filter(({ difference }) => !difference);
  return [
    "",
    "selectors:",
    ...selectors.map((selector) => `  ${selector}`),
    ...Object.entries(unknown).map(([kind, why]) => `  ${kind}: none, ${why}`),
    "",
    `entries considered: ${entries.length === 0 ? "none, there are no entries" : entries.length}`,
    ...entries.flatMap(entryLines),
    "",
    verdict(matching),
    `next: ${nextStep(host, matching.length)}`,
  ];
}

function entryLines({ entry, difference, hintTaken, x509Lifetime, jwtLifetime }: EntryExplanation): readonly string[] {
  const title = `  ${entry.name} (${entry.spiffeId})`;
  if (!difference)
    return [
      `${title}: matches, all its selectors hold`,
      `    certificate: ${lifetimeText(x509Lifetime, "up --svid-ttl: the entry says nothing")}`,
      `    token: ${lifetimeText(jwtLifetime, "the mesh's default: the entry says nothing")}`,
      ...(hintTaken ? [`    hint: left out, an older entry of this process has "${entry.hint}" as well`] : []),
    ];
  const { wanted, got, reason } = difference;
  return [
    `${title}: does not match`,
    `    first difference: wanted ${wanted}, got ${got.length === 0 ? "none" : got.join(", ")}${reason === undefined ? "" : ` (${reason})`}`,
  ];
}

function lifetimeText({ seconds, because, wantedSeconds }: LifetimeExplanation, source: string): string {
  switch (because) {
    case "entry":
      return `lives ${duration(seconds)}, as the entry says`;
    case "default":
      return `lives ${duration(seconds)}, from ${source}`;
    case "signing certificate ends":
      return `lives ${duration(seconds)} instead of ${duration(wantedSeconds)}: the CA's own certificate ends then`;
  }
}

function verdict(matching: readonly EntryExplanation[]): string {
  const [first, ...others] = matching;
  if (!first) return "verdict: no identity; the Workload API answers PermissionDenied";
  const chosen = first.entry.isDefault ? "marked as default" : "the oldest entry that matches";
  return others.length === 0
    ? `verdict: ${first.entry.spiffeId}`
    : `verdict: ${matching.length} identities; the default is ${first.entry.spiffeId} (${chosen})`;
}

function nextStep({ socket, trustDomain, selectors, entries, unknown }: Host, matching: number): string {
  if (matching > 0)
    return socket === undefined
      ? "nobody serves processes outside pods now (host-agent is not running); symbolon status says why"
      : `SPIFFE_ENDPOINT_SOCKET=unix://${socket} symbolon svid fetch x509`;
  const selector =
    selectors.find((text) => text.startsWith("unix:path:")) ?? selectors.find((text) => text.startsWith("unix:uid:"));
  if (
    Object.keys(unknown).length > 0 &&
    entries.some(({ difference }) => (difference?.wanted.split(":").slice(0, 2).join(":") ?? "") in unknown)
  )
    return "use a selector that is known, such as unix:uid, or start the mesh as a user who may look at the process";
  return `symbolon entry create --spiffe-id spiffe://${trustDomain}/NAME --selector ${shellWord(selector ?? "unix:uid:UID")}`;
}

function shellWord(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** "1h30m", "45s". */
function duration(seconds: number): string {
  const parts = [
    [Math.floor(seconds / 3600), "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  return (
    parts
      .filter(([count]) => count > 0)
      .map(([count, unit]) => `${count}${unit}`)
      .join("") || "0s"
  );
}
