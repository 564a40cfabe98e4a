import { type Clock, sleep } from "@symbolon/spiffe/core";
import type { MeshPaths } from "../core/index.ts";
import { meshApi } from "./mesh-api.ts";
import { readProxyDump } from "./overview.ts";

const POLL_MS = 10;

/**
 * Waits until every running proxy has a version or a later one.
 * @returns pods whose proxies do not have it in time, as NAMESPACE/NAME
 */
export async function waitUntilInForce(
  paths: MeshPaths,
  version: number,
  clock: Clock,
  withinMs: number,
): Promise<readonly string[]> {
  const api = meshApi(paths);
  const deadline = clock.monotonicMs() + withinMs;
  for (;;) {
    const { pods } = await api.status();
    const running = pods.filter(({ status }) => status?.ready === true);
    const late = await Promise.all(
      running.map(async ({ pod }) => {
        const dump = await readProxyDump(paths, pod.uid).catch(() => undefined);
        return (dump?.configVersion ?? -1) >= version ? [] : [`${pod.namespace}/${pod.name}`];
      }),
    );
    const behind = late.flat();
    if (behind.length === 0 || clock.monotonicMs() > deadline) return behind;
    await sleep(clock, POLL_MS);
  }
}
