import type { StoredDenial } from "../telemetry/index.ts";
import { printable } from "./printable.ts";

/** Who was refused, at what, and why, in one line. */
export function denialLine(denial: StoredDenial): string {
  const { time, workload, reason, rule } = denial;
  const by = rule ? ` by ${rule.namespace}/${rule.name} rule ${rule.ruleIndex}` : "";
  return printable(
    `${time}  ${callerOf(denial)} -> ${workload.namespace}/${workload.podName}  ${askedOf(denial)}  ${reason}${by}  ${nameOf(denial)}`,
  );
}

/** The same with everything that is known of it, for `authz explain`. */
export function denialExplanation(denial: StoredDenial): string {
  const { time, what, workload, connection, request, reason, detail, configVersion, explanation } = denial;
  const lines = [
    `denied: ${askedOf(denial)} at ${workload.namespace}/${workload.podName} [${reason}]`,
    `  when       ${time}${what === "revoked" ? ", by a change of policy while it was open" : ""}, configuration ${configVersion}`,
    `  caller     ${callerOf(denial)}, from ${connection.sourceAddress}`,
    ...(connection.sni === undefined ? [] : [`  sni        ${connection.sni}`]),
    ...(request ? [`  host       ${request.host}`] : []),
    `  request    ${nameOf(denial)}`,
    `  detail     ${detail}`,
    ...explanation.notes.map((note) => `  note       ${note}`),
  ];
  // Its first line is the decision, which stands above.
  const [, ...rest] = explanation.text.split("\n");
  if (rest.length > 0) lines.push("", ...rest);
  return lines.map(printable).join("\n");
}

/** By what `authz explain` finds it. */
const nameOf = ({ requestId, id }: StoredDenial): string => requestId ?? id;

const callerOf = ({ connection }: StoredDenial): string =>
  connection.peerSpiffeId ?? `${connection.sourceAddress} without identity`;

function askedOf({ request, connection }: StoredDenial): string {
  return request ? `${request.method} ${request.path}` : `connection to port ${connection.destinationPort}`;
}
