import { productError } from "../../core/index.ts";
import type { Container, Pod } from "../../mesh/index.ts";
import type { CommandResolver, SandboxNetwork } from "../../pod-runtime/index.ts";
import { freeLoopbackPort, portState } from "./loopback-ports.ts";
import { savePodCapture } from "./pod-capture-file.ts";
import {
  createProxyCredentials,
  credentialsDigest,
  type ProxyCredentials,
  proxyEnvironment,
} from "./proxy-credentials.ts";

/** Which ports of this machine's loopback belong to which pod, and what a pod's programs are told. */
export interface LoopbackPods extends SandboxNetwork {
  /** Loopback port of an application that everyone else knows by its pod port. */
  applicationPort(podUid: string, podPort: number): number;
  /** The container as its program is to see it: where a port could be chosen, with the chosen one. */
  placed(pod: Pod, container: Container): Container;
  /** Variables that lead a pod's programs to its proxy. */
  environment(podUid: string): Readonly<Record<string, string>>;
}

export interface LoopbackPodsOptions {
  readonly podDirectory: (podUid: string) => string;
  readonly resolveCommand: CommandResolver;
}

interface Place {
  readonly owner: string;
  readonly outboundPort: number;
  readonly credentials: ProxyCredentials;
  readonly applicationPorts: ReadonlyMap<number, number>;
}

/**
 * A program that takes its port from the manifest (an image with an entry that has `{port}`, or one that is built in) gets
 * a free one. A port that is in the program's own command is the program's: two pods with the same one cannot both run.
 */
export function createLoopbackPods({ podDirectory, resolveCommand }: LoopbackPodsOptions): LoopbackPods {
  const places = new Map<string, Place>();
  /** Loopback port to the pod that has it. */
  const owners = new Map<number, string>();
  let next = process.pid;
  /** One pod after another: a port is somebody's only when it has been asked for and found free. */
  let creating: Promise<unknown> = Promise.resolve();

  const release = (podUid: string): void => {
    places.delete(podUid);
    for (const [port, uid] of owners) if (uid === podUid) owners.delete(port);
  };

  const claimFree = async (podUid: string): Promise<number> => {
    const port = await freeLoopbackPort(next, (candidate) => owners.has(candidate));
    if (port === undefined)
      throw productError("ERR_PORT_CONFLICT", "no port of 127.0.0.1 from 15100 to 29999 is free; end other programs");
    next = port + 1;
    owners.set(port, podUid);
    return port;
  };

  const claimFixed = async (pod: Pod, container: Container, port: number): Promise<void> => {
    const holder = owners.get(port);
    const refuse = (why: string) =>
      productError(
        "ERR_PORT_CONFLICT",
        `container "${container.name}" of pod ${pod.namespace}/${pod.name} listens on port ${port} of this machine, ${why}; in explicit capture all pods share the machine's ports: give one of the two another port, in its command and as containerPort, or let it take its port from the manifest: leave "command" out and add --image '${container.image || "IMAGE"}=COMMAND {port}'`,
      );
    if (holder !== undefined && holder !== pod.uid)
      throw refuse(`which pod ${places.get(holder)?.owner ?? holder} has`);
    if (holder === pod.uid) return;
    const state = await portState(port);
    if (state === "taken") throw refuse("which another program has");
    if (state === "forbidden") throw refuse("which this user may not open (ports below 1024 are the administrator's)");
    owners.set(port, pod.uid);
  };

  const place = async (pod: Pod): Promise<void> => {
    release(pod.uid);
    try {
      const applicationPorts = new Map<number, number>();
      const outboundPort = await claimFree(pod.uid);
      for (const container of pod.containers)
        for (const { containerPort, protocol } of container.ports) {
          if (protocol !== "tcp") continue;
          if (takesPort(resolveCommand, container, containerPort))
            applicationPorts.set(containerPort, await claimFree(pod.uid));
          else await claimFixed(pod, container, containerPort);
        }
      const credentials = createProxyCredentials(pod.name);
      places.set(pod.uid, { owner: `${pod.namespace}/${pod.name}`, outboundPort, credentials, applicationPorts });
      savePodCapture(podDirectory(pod.uid), {
        outboundPort,
        credentialsDigest: credentialsDigest(credentials),
        applicationPorts: Object.fromEntries(applicationPorts),
      });
    } catch (error) {
      release(pod.uid);
      throw error;
    }
  };

  return {
    createPod(pod) {
      const created = creating.then(() => place(pod));
      creating = created.catch(() => undefined);
      return created;
    },
    async destroyPod(pod) {
      release(pod.uid);
    },
    applicationPort: (podUid, podPort) => places.get(podUid)?.applicationPorts.get(podPort) ?? podPort,
    placed(pod, container) {
      const chosen = places.get(pod.uid)?.applicationPorts;
      return withPorts(container, (port) => chosen?.get(port) ?? port);
    },
    environment(podUid) {
      const place = places.get(podUid);
      return place ? proxyEnvironment(place.outboundPort, place.credentials) : {};
    },
  };
}

/** TCP ports that are in the program's own command: of the machine, whatever the manifest would say. */
export function fixedPorts(resolveCommand: CommandResolver, container: Container): readonly number[] {
  return container.ports
    .filter(({ protocol, containerPort }) => protocol === "tcp" && !takesPort(resolveCommand, container, containerPort))
    .map(({ containerPort }) => containerPort);
}

/** A port number that no command line has by accident. */
const PROBE_PORT = 61_337;

/** Whether another number in the manifest makes another command line. */
export function takesPort(resolveCommand: CommandResolver, container: Container, port: number): boolean {
  try {
    const other = withPorts(container, (each) => (each === port ? PROBE_PORT : each));
    return resolveCommand(container).join("\0") !== resolveCommand(other).join("\0");
  } catch {
    // Nothing is known to run for it: that is said when it is started.
    return false;
  }
}

function withPorts(container: Container, portFor: (port: number) => number): Container {
  const ports = container.ports.map((port) =>
    port.protocol === "tcp" ? { ...port, containerPort: portFor(port.containerPort) } : port,
  );
  return { ...container, ports };
}
