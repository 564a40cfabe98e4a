import type { Random } from "@symbolon/spiffe/core";
import {
  type Container,
  type ContainerTemplate,
  decideInjection,
  downwardApiValue,
  expandVariables,
  injectedLabels,
  type Labels,
  type PodFields,
  type WorkloadObject,
} from "../mesh/index.ts";
import type { PodRecord } from "./pod-record.ts";
import { NAME_ALPHABET } from "./template-hash.ts";

export interface MakePodInput {
  readonly owner: WorkloadObject;
  readonly templateHash: string;
  readonly namespaceLabels: Labels;
  readonly address: string;
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly createdAt: Date;
  readonly random: Random;
}

/** A new pod of a Deployment or of a Pod object: name, uid, sidecar, and environment are settled here, once. */
export function makePod(input: MakePodInput): PodRecord {
  const { owner, random, address } = input;
  const { template, meta } = owner;
  const bare = owner.kind === "Pod";
  const name = bare ? meta.name : generatedName(meta.name, input.templateHash, random);
  const templateLabels = bare ? template.labels : { ...template.labels, "pod-template-hash": input.templateHash };
  const { sidecar } = decideInjection({
    namespace: meta.namespace,
    namespaceLabels: input.namespaceLabels,
    podLabels: template.labels,
    podAnnotations: template.annotations,
  });
  const labels = sidecar ? { ...templateLabels, ...injectedLabels(template.labels, meta.name) } : templateLabels;
  const uid = randomUuid(random);
  const fields: PodFields = {
    name,
    namespace: meta.namespace,
    uid,
    labels,
    annotations: template.annotations,
    serviceAccount: template.serviceAccount,
    address,
    nodeName: input.nodeName,
    nodeAddress: input.nodeAddress,
  };
  return {
    pod: {
      uid,
      name,
      namespace: meta.namespace,
      labels,
      serviceAccount: template.serviceAccount,
      ...(bare ? {} : { deployment: meta.name }),
      sidecar,
      address,
      containers: template.containers.map((container) => fillContainer(container, fields)),
      terminationGracePeriodSeconds: template.terminationGracePeriodSeconds,
    },
    owner: { kind: owner.kind, namespace: meta.namespace, name: meta.name },
    templateHash: input.templateHash,
    annotations: template.annotations,
    createdAt: input.createdAt.toISOString(),
  };
}

/** Variables see those above them; `command` and `args` see all (Kubernetes, "dependent environment variables"). */
function fillContainer(template: ContainerTemplate, pod: PodFields): Container {
  const variables = new Map<string, string>();
  for (const entry of template.env)
    variables.set(
      entry.name,
      "field" in entry ? downwardApiValue(entry.field, pod) : expandVariables(entry.value, variables),
    );
  const expand = (text: string) => expandVariables(text, variables);
  const { env: _env, command, args, ...rest } = template;
  return {
    ...rest,
    ...(command === undefined ? {} : { command: command.map(expand) }),
    args: args.map(expand),
    env: [...variables].map(([name, value]) => ({ name, value })),
  };
}

/** As Kubernetes' `generateName`, a name fits into one DNS label; here the hash stays whole. */
function generatedName(deployment: string, hash: string, random: Random): string {
  const suffix = `-${hash}-${randomLetters(random, 5)}`;
  const base = deployment.slice(0, MAX_GENERATED_NAME - suffix.length).replace(/[-.]+$/, "");
  return `${base}${suffix}`;
}

const MAX_GENERATED_NAME = 63;

function randomLetters(random: Random, count: number): string {
  return Array.from({ length: count }, () => NAME_ALPHABET[Math.floor(random.fraction() * NAME_ALPHABET.length)]).join(
    "",
  );
}

/** RFC 9562 §5.4, version 4. */
export function randomUuid(random: Random): string {
  const bytes = Uint8Array.from(random.bytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
