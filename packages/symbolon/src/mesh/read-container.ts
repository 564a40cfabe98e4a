import {
  checkDns1123Label,
  checkPortName,
  type DocumentNode,
  fieldContext,
  type ObjectReader,
  type ReadContext,
  readObject,
  suggestion,
} from "@symbolon/policy";
import { checkEnvironmentName, checkNoNul } from "./container-checks.ts";
import { DOWNWARD_API_FIELDS, isDownwardApiField } from "./downward-api.ts";
import type { ContainerPortTemplate, ContainerTemplate, EnvironmentVariable } from "./manifest-objects.ts";
import { reportMesh } from "./mesh-finding.ts";
import { readReadinessProbe } from "./read-probe.ts";

export interface ContainerRules {
  /** One sentence on why an image cannot be run without a command, with what to do; `undefined` when it can. */
  readonly explainUnknownImage: (image: string) => string | undefined;
  readonly volumeNames: ReadonlySet<string>;
}

const MAX_PORT = 65535;
const WITHOUT_MEANING = [
  "imagePullPolicy",
  "resources",
  "resizePolicy",
  "terminationMessagePath",
  "terminationMessagePolicy",
];

export function readContainer(
  node: DocumentNode,
  context: ReadContext,
  rules: ContainerRules,
): ContainerTemplate | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name", { required: true, check: checkDns1123Label });
  const image = reader.string("image", { required: true });
  const command = reader.strings("command", { check: checkNoNul });
  const args = reader.strings("args", { check: checkNoNul }) ?? [];
  const env = reader.list("env", readEnvironmentVariable) ?? [];
  const workingDirectory = reader.string("workingDir", { check: checkNoNul });
  const ports = reader.list("ports", readContainerPort) ?? [];
  const probe = reader.node("readinessProbe");
  const readinessProbe = probe && readReadinessProbe(probe, fieldContext(context, "readinessProbe"), ports);
  reader.list("volumeMounts", (mount, at) => readVolumeMount(mount, at, rules.volumeNames));
  refuse(
    reader,
    context,
    ["envFrom", "volumeDevices"],
    "is not supported here: ConfigMaps, Secrets and devices do not exist",
  );
  refuse(reader, context, ["restartPolicy", "restartPolicyRules"], "of a single container is not supported here");
  reader.ignore(["livenessProbe", "startupProbe"], "not run here: a container is restarted when its process ends");
  reader.ignore(["lifecycle"], "not run here");
  reader.ignore(
    ["securityContext"],
    "has no effect here: containers run as the user who started the mesh, without capabilities",
  );
  reader.ignore(["stdin", "stdinOnce", "tty"], "has no effect here: standard input is empty");
  reader.ignore(WITHOUT_MEANING);

  const hasCommand = command !== undefined && command.length > 0;
  const unknown = hasCommand || image === "" ? undefined : rules.explainUnknownImage(image);
  if (unknown !== undefined) reportMesh(fieldContext(context, "image"), "SYM2103", reader.positionOf("image"), unknown);
  return reader.finish(() => ({
    name,
    image,
    ...(hasCommand ? { command } : {}),
    args,
    env,
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    ports,
    ...(readinessProbe === undefined ? {} : { readinessProbe }),
  }));
}

function readContainerPort(node: DocumentNode, context: ReadContext): ContainerPortTemplate | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name", { check: checkPortName });
  const containerPort = reader.integer("containerPort", { required: true, min: 1, max: MAX_PORT });
  const protocol = readProtocol(reader, context);
  reader.ignore(["hostPort", "hostIP"], "has no effect here: pods have addresses of their own");
  return reader.finish(() => ({ ...(name === undefined ? {} : { name }), containerPort, protocol }));
}

/** `protocol` of a container or Service port. */
export function readProtocol(reader: ObjectReader, context: ReadContext): "tcp" | "udp" {
  const protocol = reader.enumeration("protocol", { TCP: "tcp", UDP: "udp", SCTP: "sctp" } as const) ?? "tcp";
  if (protocol !== "sctp") return protocol;
  reportMesh(
    fieldContext(context, "protocol"),
    "SYM2004",
    reader.positionOf("protocol"),
    "SCTP is not supported; TCP and UDP are",
  );
  return "tcp";
}

function readEnvironmentVariable(node: DocumentNode, context: ReadContext): EnvironmentVariable | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name", { required: true, check: checkEnvironmentName });
  const value = reader.string("value", { check: checkNoNul });
  const source = reader.node("valueFrom");
  if (source === undefined) return reader.finish(() => ({ name, value: value ?? "" }));
  const field = readValueSource(source, fieldContext(context, "valueFrom"));
  if (value !== undefined && value !== "") reader.report("SYM0104", "must not be set together with value", "valueFrom");
  return reader.finish(() => ({ name, field: field ?? "" }));
}

function readValueSource(node: DocumentNode, context: ReadContext): string | undefined {
  const reader = readObject(node, context);
  refuse(
    reader,
    context,
    ["configMapKeyRef", "secretKeyRef", "resourceFieldRef", "fileKeyRef"],
    "is not supported here; write the value, or use fieldRef",
  );
  const required = !["configMapKeyRef", "secretKeyRef", "resourceFieldRef", "fileKeyRef"].some((name) =>
    reader.has(name),
  );
  const field = reader.object("fieldRef", readFieldRef, { required });
  return reader.finish(() => field ?? "");
}

function readFieldRef(reader: ObjectReader): string | undefined {
  reader.ignore(["apiVersion"]);
  const path = reader.string("fieldPath", {
    required: true,
    check: (text) =>
      isDownwardApiField(text)
        ? undefined
        : `must be one of ${DOWNWARD_API_FIELDS.join(", ")}${suggestion(text, DOWNWARD_API_FIELDS)}`,
  });
  return reader.finish(() => path);
}

function readVolumeMount(node: DocumentNode, context: ReadContext, volumeNames: ReadonlySet<string>): undefined {
  const reader = readObject(node, context);
  const name = reader.string("name", { required: true });
  reader.string("mountPath", { required: true });
  reader.ignore(["readOnly", "recursiveReadOnly", "subPath", "subPathExpr", "mountPropagation"]);
  if (name !== "" && !volumeNames.has(name))
    reportMesh(
      fieldContext(context, "name"),
      "SYM2104",
      reader.positionOf("name"),
      `no volume is named "${name}"${suggestion(name, volumeNames)}`,
    );
  return reader.finish(() => undefined);
}

/** Known fields that cannot be honoured: leaving them out would run something else than the manifest says. */
export function refuse(reader: ObjectReader, context: ReadContext, names: readonly string[], why: string): void {
  for (const name of names) {
    const node = reader.node(name);
    if (node === undefined || isEmptyCollection(node)) continue;
    reportMesh(fieldContext(context, name), "SYM2004", node, `${name} ${why}`);
  }
}

function isEmptyCollection(node: DocumentNode): boolean {
  return (node.kind === "list" && node.items.length === 0) || (node.kind === "map" && node.entries.length === 0);
}
