import type { Command } from "commander";
import type { StoredDenial } from "../../../telemetry/index.ts";
import { apiOfChosenMesh } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { findWorkload } from "../../policy-set/find-workload.ts";
import { readPolicySource } from "../../policy-set/policy-source.ts";
import { parseWorkloadName } from "../../policy-set/workload-name.ts";

/** As many as one answer of the API holds. */
const MAX_LAST = 5000;

/** Which denials of the running mesh. */
export interface DenialFlags {
  readonly last?: string;
  readonly workload?: string;
  readonly namespace: string;
}

export function addDenialOptions(command: Command): Command {
  return command
    .option("--last <number>", "the newest denials, so many")
    .option("--workload <[namespace/]workload>", "only those of one called workload (a Deployment's name or a pod's)");
}

/** @param defaultLast how many when `--last` does not say @throws CommandExit, ERR_API_* */
export async function readDenials(
  flags: DenialFlags,
  { requestId, defaultLast, after }: { requestId?: string | undefined; defaultLast: number; after?: number },
  command: Command,
): Promise<readonly StoredDenial[]> {
  const workload =
    flags.workload === undefined ? undefined : parseWorkloadName(flags.workload, flags.namespace, "--workload");
  return apiOfChosenMesh(command).denials({
    ...(requestId === undefined ? {} : { requestId }),
    ...(workload === undefined ? {} : { namespace: workload.namespace, workload: workload.name }),
    ...(after === undefined ? {} : { after }),
    last: readLast(flags.last) ?? defaultLast,
  });
}

/**
 * That there is none, in words: "nothing was denied at foo/httpbin in the last 24 hours".
 * @throws CommandExit when there is no such workload
 */
export async function noDenials(
  { workload, namespace }: DenialFlags,
  command: Command,
  requestId?: string,
): Promise<string> {
  const asked = workload === undefined ? undefined : parseWorkloadName(workload, namespace, "--workload");
  if (asked) {
    const { set } = await readPolicySource({ filename: [] }, command, namespace);
    const found = findWorkload(asked, set);
    // Denials go by the name alone: that several workloads have it is no hindrance.
    if ("reason" in found && found.reason === "workload_not_found")
      throw new CommandExit(EXIT.failed, `error: ${found.text}`);
  }
  const what = requestId === undefined ? "nothing was denied" : `no policy denied a request with id "${requestId}"`;
  return `${what}${asked ? ` at ${asked.namespace}/${asked.name}` : ""} in the last 24 hours`;
}

function readLast(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= MAX_LAST) return Number(text);
  throw new CommandExit(EXIT.usage, `error: --last "${text}" is not a number from 1 to ${MAX_LAST}`);
}
