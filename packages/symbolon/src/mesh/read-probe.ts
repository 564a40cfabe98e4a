import {
  checkPortName,
  type DocumentNode,
  fieldContext,
  type ObjectReader,
  type ReadContext,
  readObject,
} from "@symbolon/policy";
import { checkNoNul } from "./container-checks.ts";
import type { ContainerPortTemplate } from "./manifest-objects.ts";
import { reportMesh } from "./mesh-finding.ts";
import type { ReadinessProbe } from "./pod.ts";

const MAX_PORT = 65535;

/** Kubernetes' defaults: every 10 s, 1 s to answer, one success or three failures in a row decide. */
export function readReadinessProbe(
  node: DocumentNode,
  context: ReadContext,
  ports: readonly ContainerPortTemplate[],
): ReadinessProbe | undefined {
  const reader = readObject(node, context);
  const seconds = (name: string, standard: number, min: number) =>
    reader.integer(name, { min, max: 2 ** 31 - 1 }) ?? standard;
  const timing = {
    initialDelaySeconds: seconds("initialDelaySeconds", 0, 0),
    periodSeconds: seconds("periodSeconds", 10, 1),
    timeoutSeconds: seconds("timeoutSeconds", 1, 1),
    successThreshold: seconds("successThreshold", 1, 1),
    failureThreshold: seconds("failureThreshold", 3, 1),
  };
  reader.ignore(["terminationGracePeriodSeconds"]);
  const grpc = reader.node("grpc");
  if (grpc) reportMesh(fieldContext(context, "grpc"), "SYM2004", grpc, "gRPC probes are not supported; use tcpSocket");
  const actions = [readHttpAction(reader, context, ports), readTcpAction(reader, ports), readExecAction(reader)].filter(
    (action) => action !== undefined,
  );
  const given = ["httpGet", "tcpSocket", "exec", "grpc"].filter((name) => reader.has(name));
  if (given.length === 0) reader.report("SYM0103", "one of httpGet, tcpSocket, exec is required");
  if (given.length > 1) reader.report("SYM0104", `must have one action, got ${given.join(" and ")}`);
  const [action] = actions;
  return reader.finish(() => (action === undefined ? undefined : { action, ...timing })) ?? undefined;
}

type Action = ReadinessProbe["action"];

function readHttpAction(
  probe: ObjectReader,
  context: ReadContext,
  ports: readonly ContainerPortTemplate[],
): Action | undefined {
  return probe.object("httpGet", (reader) => {
    const at = fieldContext(context, "httpGet");
    const path = reader.string("path", { check: checkRequestPath }) ?? "/";
    const port = readProbePort(reader, ports);
    if (reader.enumeration("scheme", { HTTP: "http", HTTPS: "https" }) === "https")
      reportMesh(
        fieldContext(at, "scheme"),
        "SYM2004",
        reader.positionOf("scheme"),
        "HTTPS probes are not supported; use tcpSocket",
      );
    reader.ignore(["host", "httpHeaders"], "has no effect here: the probe goes to the container itself");
    return reader.finish(() => ({ kind: "http" as const, path, port }));
  });
}

function readTcpAction(probe: ObjectReader, ports: readonly ContainerPortTemplate[]): Action | undefined {
  return probe.object("tcpSocket", (reader) => {
    const port = readProbePort(reader, ports);
    reader.ignore(["host"], "has no effect here: the probe goes to the container itself");
    return reader.finish(() => ({ kind: "tcp" as const, port }));
  });
}

function readExecAction(probe: ObjectReader): Action | undefined {
  return probe.object("exec", (reader) => {
    const command = reader.strings("command", { required: true, min: 1, check: checkNoNul }) ?? [];
    return reader.finish(() => ({ kind: "exec" as const, command }));
  });
}

function readProbePort(reader: ObjectReader, ports: readonly ContainerPortTemplate[]): number {
  const port = reader.integerOrString("port", {
    required: true,
    integer: { min: 1, max: MAX_PORT },
    string: { check: checkPortName },
  });
  if (typeof port !== "string") return port ?? 0;
  const named = ports.find((candidate) => candidate.name === port);
  if (named) return named.containerPort;
  const names = ports.flatMap((candidate) => candidate.name ?? []);
  reader.report(
    "SYM0104",
    `no port of this container is named "${port}"${names.length ? `; it has ${names.join(", ")}` : ""}`,
    "port",
  );
  return 0;
}

/** What goes into a request line as it stands. */
function checkRequestPath(path: string): string | undefined {
  return /^[\x21-\x7e]*$/.test(path) ? undefined : "must be printable ASCII without spaces";
}
