import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Order, Outcome } from "../generator/orders.ts";
import type { ChildPrograms } from "./child-programs.ts";

export interface LoadClient {
  /** Where the back end listens; every proxy of a run listens on the same port of another loopback address. */
  readonly port: number;
  /** @throws when an answer was wrong or a connection broke: such a run has no figure */
  send(order: Order): Promise<Outcome>;
}

export async function startLoad(
  programs: ChildPrograms,
  backendAddress: string,
  pin: readonly string[],
): Promise<LoadClient> {
  const program = join(import.meta.dir, "../generator/generator.ts");
  const child = programs.start([...pin, process.execPath, program, backendAddress]);
  if (!child.stdout || !child.stdin) throw new Error("the load generator has no pipes");
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the load generator has ended")));
  // Also when nobody waits: it ends with the session.
  ended.catch(() => undefined);
  const nextLine = async (): Promise<string> => String((await Promise.race([once(lines, "line"), ended]))[0]);
  const { stdin } = child;
  return {
    port: Number(await nextLine()),
    async send(order) {
      stdin.write(`${JSON.stringify(order)}\n`);
      const outcome = JSON.parse(await nextLine()) as Outcome;
      if (outcome.failures > 0) throw new Error(`${outcome.failures} failures: ${outcome.firstFailure}`);
      // What was counted has really been served, and nothing was served twice.
      if (outcome.served !== outcome.exchanges)
        throw new Error(`${outcome.exchanges} exchanges, but the back end served ${outcome.served}`);
      return outcome;
    },
  };
}
