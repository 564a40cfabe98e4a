import { type ChildProcess, spawn } from "node:child_process";
import { BundleSet, type X509Svid } from "@symbolon/spiffe";
import { createTestAuthority, type FakeWorkloadApi, startFakeWorkloadApi } from "@symbolon/spiffe/testing";

/** An agent that gives every process the same identity, and a new certificate on demand. */
export async function startAgent(path: string) {
  const authority = createTestAuthority("example.test");
  const bundles = BundleSet.of(authority.bundle);
  const stateOf = (svid: X509Svid) => ({ svids: [{ svid, hint: "" }], bundles });
  const first = authority.issue(path);
  const agent: FakeWorkloadApi = await startFakeWorkloadApi({ state: stateOf(first) });
  return {
    agent,
    authority,
    spiffeId: first.spiffeId.toString(),
    rotate(): X509Svid {
      const next = authority.issue(path);
      agent.update(stateOf(next));
      return next;
    },
  };
}

export interface Program {
  /** The first line of stdout. @throws when the program ends without one */
  readonly firstLine: Promise<string>;
  /** Everything that it printed, and how it ended. */
  readonly ended: Promise<{ readonly output: string; readonly status: number | null }>;
  stop(): Promise<void>;
}

/** A program of a user: nothing but `SPIFFE_ENDPOINT_SOCKET` tells it where the agent is. */
export function startProgram(command: readonly string[], cwd: string, socket: string): Program {
  const [program = "", ...args] = command;
  const env = { ...process.env, SPIFFE_ENDPOINT_SOCKET: socket, NO_COLOR: "1", NODE_NO_WARNINGS: "1" };
  const child: ChildProcess = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let gotLine = (_: string): void => {};
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const end = output.indexOf("\n");
      if (end >= 0) gotLine(output.slice(0, end));
    });
  }
  const ended = new Promise<{ output: string; status: number | null }>((resolve) => {
    child.once("close", (status) => resolve({ output, status }));
  });
  const firstLine = new Promise<string>((resolve, reject) => {
    gotLine = resolve;
    void ended.then(({ status }) => reject(new Error(`${command.join(" ")} ended with ${status}: ${output}`)));
  });
  firstLine.catch(() => {});
  return {
    firstLine,
    ended,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}
