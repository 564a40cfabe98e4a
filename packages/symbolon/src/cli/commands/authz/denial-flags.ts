import type { Command } from "commander";
import type { StoredDenial } from "../../../telemetry/index.ts";
import { apiOfChosenMesh } from "../../context.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
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

/** That there is none, in words: "nothing was denied at foo/httpbin in the last 24 hours". */
export function noDenials({ workload, namespace }: DenialFlags): string {
  const name = workload === undefined ? undefined : parseWorkloadName(workload, namespace, "--workload");
  const at = name === undefined ? "" : ` at ${name.namespace}/${name.name}`;
  return `nothing was denied${at} in the last 24 hours`;
}

function readLast(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,3}$/.test(text) && Number(text) <= MAX_LAST) return Number(text);
  throw new CommandExit(EXIT.usage, `error: --last "${text}" is not a number from 1 to ${MAX_LAST}`);
}
