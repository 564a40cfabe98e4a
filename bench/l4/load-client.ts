import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ChildPrograms } from "../child-programs.ts";
import type { LoadOrder, LoadResult } from "./load.ts";

export interface LoadClient {
  /** Where the back end listens; every proxy of a run listens on the same port of another loopback address. */
  readonly port: number;
  send(order: LoadOrder): Promise<LoadResult>;
}

export async function startLoad(
  programs: ChildPrograms,
  backendAddress: string,
  pin: readonly string[],
): Promise<LoadClient> {
  const child = programs.start([...pin, process.execPath, join(import.meta.dir, "load.ts"), backendAddress]);
  if (!child.stdout || !child.stdin) throw new Error("the load generator has no pipes");
  const lines = createInterface({ input: child.stdout });
  const nextLine = async (): Promise<string> => String((await once(lines, "line"))[0]);
  const { stdin } = child;
  return {
    port: Number(await nextLine()),
    async send(order) {
      stdin.write(`${JSON.stringify(order)}\n`);
      return JSON.parse(await nextLine()) as LoadResult;
    },
  };
}
