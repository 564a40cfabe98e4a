import { type Clock, sleep } from "@symbolon/spiffe/core";
import type { MeshPaths } from "../core/index.ts";
import { meshApi } from "./mesh-api.ts";
import { readProxyVersion } from "./overview.ts";

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
  /** Asked no more: what waits should not be slower for being watched. */
  const reached = new Set<string>();
  for (;;) {
    const { pods } = await api.status();
    const waiting = pods.filter(({ pod, status }) => status?.ready === true && !reached.has(pod.uid));
    const late = await Promise.all(
      waiting.map(async ({ pod: { uid, namespace, name } }) => {
        const current = await readProxyVersion(paths, uid).catch(() => null);
        if (current === null || current < version) return [`${namespace}/${name}`];
        reached.add(uid);
        return [];
      }),
    );
    const behind = late.flat();
    if (behind.length === 0 || clock.monotonicMs() > deadline) return behind;
    await sleep(clock, POLL_MS);
  }
}
