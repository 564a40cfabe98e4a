import { meshApi } from "../app/index.ts";
import type { MeshPaths } from "../core/index.ts";
import { CommandExit, EXIT } from "./exit-status.ts";

/** The parts of a Pod object that commands about one pod need. */
export interface PodObject {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly spec: { readonly containers: readonly { readonly name: string }[] };
  readonly status?: {
    readonly podIP?: string;
    readonly containerStatuses?: readonly { readonly name: string; readonly pid?: number }[];
  };
}

/**
 * The pod that `[pod/]NAME`, `deploy/NAME` or `deployment/NAME`, each also with `.NAMESPACE`, means.
 * Of a Deployment's pods the first ready one is taken, as kubectl does.
 */
export async function choosePod(paths: MeshPaths, text: string, defaultNamespace: string): Promise<PodObject> {
  const matching = await matchingPods(paths, text, defaultNamespace);
  const chosen =
    matching.find((pod) => pod.status?.containerStatuses?.every((status) => status.pid !== undefined)) ?? matching[0];
  // INVARIANT: at least one matches.
  return chosen as PodObject;
}

/** All pods that the text means: of a Deployment every replica. @throws CommandExit when there is none */
export async function matchingPods(
  paths: MeshPaths,
  text: string,
  defaultNamespace: string,
): Promise<readonly PodObject[]> {
  const { kind, name, namespace } = parseReference(text, defaultNamespace);
  const pods = (await meshApi(paths).list("Pod", { namespace })) as unknown as readonly (PodObject & {
    readonly metadata: {
      readonly labels?: Readonly<Record<string, string>>;
      readonly ownerReferences?: readonly { readonly kind: string; readonly name: string }[];
    };
  })[];
  const matching = pods.filter((pod) =>
    kind === "pod" ? pod.metadata.name === name : pod.metadata.ownerReferences?.some((owner) => owner.name === name),
  );
  if (matching.length > 0) return matching;
  const hint =
    pods.length > 0
      ? `; pods there: ${pods.map((pod) => pod.metadata.name).join(", ")}`
      : "; there are no pods in that namespace";
  throw new CommandExit(EXIT.failed, `error: no ${kind} "${name}" in namespace "${namespace}"${hint}`);
}

function parseReference(
  text: string,
  defaultNamespace: string,
): { kind: "pod" | "deployment"; name: string; namespace: string } {
  const [, kindText = "pod", rest = ""] = /^(?:([a-z]+)\/)?(.+)$/.exec(text) ?? [];
  const kind = {
    pod: "pod",
    pods: "pod",
    po: "pod",
    deploy: "deployment",
    deployment: "deployment",
    deployments: "deployment",
  }[kindText];
  if (kind !== "pod" && kind !== "deployment")
    throw new CommandExit(EXIT.usage, `error: "${text}" is neither a pod nor deploy/NAME`);
  const dot = rest.indexOf(".");
  return dot < 0
    ? { kind, name: rest, namespace: defaultNamespace }
    : { kind, name: rest.slice(0, dot), namespace: rest.slice(dot + 1) };
}
