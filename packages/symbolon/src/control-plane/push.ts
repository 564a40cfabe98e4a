import { type LocalConfig, type MeshView, type ProxyConfig, policyToWire } from "../mesh/index.ts";
import type { SnapshotContent } from "./compute-snapshot.ts";
import type { EncodedProxyConfig, ProxyConfigSource } from "./ports.ts";

export interface ProxyConfigPush extends ProxyConfigSource {
  /** Version of what is in force; 0 before the first. */
  readonly version: number;
  /** Takes the newest content. Equal content changes nothing; otherwise the version grows and followers are called. */
  publish(content: SnapshotContent): void;
}

interface Subscription {
  readonly follower: (config: EncodedProxyConfig | undefined) => void;
  /** Version that it has; 0 while its pod does not exist. */
  seenVersion: number;
}

interface Snapshot {
  readonly version: number;
  readonly mesh: MeshView;
  /** JSON of `mesh`, made once for all pods. */
  readonly meshJson: string;
  readonly locals: ReadonlyMap<string, LocalConfig>;
  /** JSON of each. */
  readonly localsJson: ReadonlyMap<string, string>;
}

/**
 * @param firstVersion lower bound: higher than anything that an earlier run of this mesh pushed
 * @param defer runs a callback after the current turn, so that a burst of changes is one push
 */
export function createProxyConfigPush(firstVersion: number, defer: (callback: () => void) => void): ProxyConfigPush {
  const subscriptions = new Map<string, Set<Subscription>>();
  let snapshot: Snapshot | undefined;
  let encoded = new Map<string, EncodedProxyConfig>();
  let nextVersion = firstVersion;
  let deliveryDue = false;

  const current = (podUid: string): EncodedProxyConfig | undefined => {
    const local = snapshot?.locals.get(podUid);
    if (snapshot === undefined || local === undefined) return undefined;
    const known = encoded.get(podUid);
    if (known) return known;
    const made = encode(snapshot, local, snapshot.localsJson.get(podUid) ?? "");
    encoded.set(podUid, made);
    return made;
  };

  const deliver = (): void => {
    deliveryDue = false;
    for (const [podUid, group] of [...subscriptions]) {
      const config = current(podUid);
      for (const subscription of [...group]) {
        if (!group.has(subscription) || subscription.seenVersion === (config?.version ?? 0)) continue;
        subscription.seenVersion = config?.version ?? 0;
        subscription.follower(config);
      }
    }
  };

  return {
    get version() {
      return snapshot?.version ?? 0;
    },
    publish(content) {
      const meshJson = JSON.stringify(content.mesh);
      const localsJson = new Map([...content.locals].map(([podUid, local]) => [podUid, encodeLocal(local)]));
      if (snapshot?.meshJson === meshJson && equalTexts(snapshot.localsJson, localsJson)) return;
      snapshot = { version: nextVersion++, mesh: content.mesh, meshJson, locals: content.locals, localsJson };
      encoded = new Map();
      if (deliveryDue) return;
      deliveryDue = true;
      defer(deliver);
    },
    current,
    subscribe(podUid, follower) {
      const subscription: Subscription = { follower, seenVersion: current(podUid)?.version ?? 0 };
      const group = subscriptions.get(podUid) ?? new Set();
      subscriptions.set(podUid, group.add(subscription));
      return () => {
        group.delete(subscription);
        if (group.size === 0 && subscriptions.get(podUid) === group) subscriptions.delete(podUid);
      };
    },
  };
}

function encode({ version, mesh, meshJson }: Snapshot, local: LocalConfig, localJson: string): EncodedProxyConfig {
  const config: ProxyConfig = { version, local, mesh };
  const json = `{"version":${version},"local":${localJson},"mesh":${meshJson}}`;
  return { version, config, json: new TextEncoder().encode(json) };
}

const policyTexts = new WeakMap<object, string>();

/** A policy attaches to many pods and outlives many changes: its text is made once. */
function encodeLocal({ authorizationPolicies, ...own }: LocalConfig): string {
  const policies = authorizationPolicies.map((policy) => {
    const text = policyTexts.get(policy) ?? JSON.stringify(policyToWire(policy));
    policyTexts.set(policy, text);
    return text;
  });
  return `${JSON.stringify(own).slice(0, -1)},"authorizationPolicies":[${policies.join(",")}]}`;
}

function equalTexts(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, text]) => b.get(key) === text);
}
