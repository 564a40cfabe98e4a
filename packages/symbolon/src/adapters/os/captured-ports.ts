import { productError } from "../../core/index.ts";
import { APPLICATION_LINK, CAPTURE_PREFERENCE, CAPTURE_TABLE } from "./pod-addresses.ts";
import { runCommand } from "./run-command.ts";

export interface CapturedPorts {
  /** TCP ports whose connections from the application reach this namespace's listeners. Calls are made one after another. */
  set(ports: Iterable<number>): Promise<void>;
}

/**
 * Decides which ports of the application are captured; every other one fails at once. To be used by the proxy, in P,
 * as root of the mesh's user namespace. The kernel holds the state, so a proxy that starts again takes over what the
 * one before it has set.
 * @param applicationNamespace file of A: `podNamespaces(...).application`
 */
export function createCapturedPorts(applicationNamespace: string): CapturedPorts {
  const sides = [PROXY_SIDE, applicationSide(applicationNamespace)];
  let tail: Promise<void> = Promise.resolve();
  /** What the kernel has been told; most changes of configuration leave it as it is, and asking costs two processes. */
  let inForce: string | undefined;
  return {
    set(ports) {
      const wanted = portRanges(ports);
      tail = tail
        .catch(() => undefined)
        .then(async () => {
          const key = wanted.join();
          if (key === inForce) return;
          inForce = undefined;
          for (const side of sides) await apply(side, wanted);
          inForce = key;
        });
      return tail;
    },
  };
}

/** Adjacent ports as one rule: the kernel walks the rules one by one for every new connection. */
export function portRanges(ports: Iterable<number>): readonly string[] {
  const sorted = [...new Set(ports)].sort((a, b) => a - b);
  const ranges: { first: number; last: number }[] = [];
  for (const port of sorted) {
    const open = ranges.at(-1);
    if (open && open.last + 1 === port) open.last = port;
    else ranges.push({ first: port, last: port });
  }
  return ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
}

async function apply(side: Side, wanted: readonly string[]): Promise<void> {
  const present = await currentRanges(side);
  const added = wanted.filter((range) => !present.includes(range));
  const removed = present.filter((range) => !wanted.includes(range));
  if (added.length + removed.length === 0) return;
  // Additions first: a port that moves from one range to another is never without a rule.
  const batch = [
    ...added.map((range) => `rule add ${side.rule(range)}`),
    ...removed.map((range) => `rule del ${side.rule(range)}`),
  ];
  const result = await runCommand([...side.enter, "ip", "-batch", "-"], { stdin: `${batch.join("\n")}\n` });
  if (result.status !== 0)
    throw productError("ERR_NETWORK_SETUP", `cannot change the captured ports: ${result.stderr.trim()}`);
}

async function currentRanges(side: Side): Promise<readonly string[]> {
  const result = await runCommand([...side.enter, "ip", "rule", "show", "pref", `${CAPTURE_PREFERENCE}`]);
  if (result.status !== 0)
    throw productError("ERR_NETWORK_SETUP", `cannot read the captured ports: ${result.stderr.trim()}`);
  return [...result.stdout.matchAll(/ dport (\d+(?:-\d+)?)/g)].map((match) => match[1] ?? "");
}

interface Side {
  /** Command that enters the namespace; empty for the one we are in. */
  readonly enter: readonly string[];
  rule(range: string): string;
}

const PROXY_SIDE: Side = {
  enter: [],
  rule: (range) =>
    `pref ${CAPTURE_PREFERENCE} iif ${APPLICATION_LINK} ipproto tcp dport ${range} lookup ${CAPTURE_TABLE}`,
};

function applicationSide(namespace: string): Side {
  return {
    enter: ["nsenter", `--net=${namespace}`],
    rule: (range) => `pref ${CAPTURE_PREFERENCE} ipproto tcp dport ${range} lookup main`,
  };
}
