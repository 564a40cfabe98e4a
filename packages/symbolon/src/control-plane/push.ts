import type { ProxyConfig } from "../mesh/index.ts";
import type { SnapshotContent } from "./compute-snapshot.ts";
import { keepEqualParts } from "./keep-equal-parts.ts";
import type { ProxyConfigSource, WrittenConfigs } from "./ports.ts";

export interface ProxyConfigPush extends ProxyConfigSource, WrittenConfigs {
  /** Version of what is in force; 0 before the first. */
  readonly version: number;
  /** Takes the newest content. Equal content changes nothing; otherwise the version grows and followers are called. */
  publish(content: SnapshotContent): void;
}

interface Subscription {
  readonly follower: (config: ProxyConfig | undefined) => void;
  /** What it has; undefined while its pod does not exist. */
  seen: ProxyConfig | undefined;
}

interface Snapshot extends SnapshotContent {
  readonly version: number;
}

/**
 * @param firstVersion lower bound: higher than anything that an earlier run of this mesh pushed
 * @param defer runs a callback after the current turn, so that a burst of changes is one push
 */
export function createProxyConfigPush(firstVersion: number, defer: (callback: () => void) => void): ProxyConfigPush {
  const subscriptions = new Map<string, Set<Subscription>>();
  let snapshot: Snapshot | undefined;
  /** Equal to the snapshot. */
  let written: SnapshotContent | undefined;
  let configs = new Map<string, ProxyConfig>();
  let nextVersion = firstVersion;
  let deliveryDue = false;

  const current = (podUid: string): ProxyConfig | undefined => {
    const local = snapshot?.locals.get(podUid);
    if (snapshot === undefined || local === undefined) return undefined;
    const known = configs.get(podUid);
    if (known) return known;
    const made: ProxyConfig = { version: snapshot.version, local, mesh: snapshot.mesh };
    configs.set(podUid, made);
    return made;
  };

  const deliver = (): void => {
    deliveryDue = false;
    const behind = [...subscriptions].flatMap(([podUid, group]) =>
      [...group]
        .filter(({ seen }) => seen !== current(podUid))
        .map((subscription) => ({ podUid, group, subscription })),
    );
    // Whoever has nothing new but the number can wait for the others.
    const isTouched = ({ podUid, subscription: { seen } }: (typeof behind)[number]): boolean => {
      const config = current(podUid);
      return seen?.local !== config?.local || seen?.mesh !== config?.mesh;
    };
    const [touched, untouched] = [behind.filter(isTouched), behind.filter((each) => !isTouched(each))];
    for (const { podUid, group, subscription } of [...touched, ...untouched]) {
      if (!group.has(subscription)) continue;
      subscription.seen = current(podUid);
      subscription.follower(subscription.seen);
    }
  };

  return {
    get version() {
      return snapshot?.version ?? 0;
    },
    publish(newContent) {
      written = newContent;
      const content = keepEqualParts(snapshot, newContent);
      if (content === undefined) return;
      snapshot = { ...content, version: nextVersion++ };
      configs = new Map();
      if (deliveryDue) return;
      deliveryDue = true;
      defer(deliver);
    },
    current,
    written(podUid) {
      const local = written?.locals.get(podUid);
      return written && snapshot && local && { version: snapshot.version, local, mesh: written.mesh };
    },
    subscribe(podUid, follower) {
      const subscription: Subscription = { follower, seen: current(podUid) };
      const group = subscriptions.get(podUid) ?? new Set();
      subscriptions.set(podUid, group.add(subscription));
      return () => {
        group.delete(subscription);
        if (group.size === 0 && subscriptions.get(podUid) === group) subscriptions.delete(podUid);
      };
    },
  };
}
