import { create } from "@bufbuild/protobuf";
import { EVERYTHING, type FoundSecrets } from "../../agent/secrets/index.ts";
import {
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "../../gen/envoy/index.ts";
import { SECRET_TYPE_URL, secretMessage, secretVersion } from "./secret-messages.ts";
import { PushGate } from "./secret-push-gate.ts";
import {
  checkNames,
  checkTypeUrl,
  logRefusal,
  newNonce,
  notEntitled,
  ProxyNode,
  type SecretSubscription,
  type SubscriptionParts,
} from "./secret-subscription.ts";

/**
 * DeltaSecrets: each answer has what is new, and the names of what is gone. What there has never been is not called removed:
 * Envoy would take its removal for the secret and open its ports without one (E6).
 */
export function createDeltaStream(
  parts: SubscriptionParts<DeltaDiscoveryResponse>,
): SecretSubscription<DeltaDiscoveryRequest> {
  const { workloadName, source, send, refused, random, log } = parts;
  const node = new ProxyNode();
  const names = new Set<string>();
  /** Version of what the proxy has, by name. */
  const known = new Map<string, string>();
  let toldMissing: string | undefined;
  let everything = false;
  let started = false;
  let answered = false;
  let pushes = 0;

  const find = (): FoundSecrets => {
    const named = source.find(new Set(names), node.validator);
    if (!everything) return named;
    const all = source.find("everything", node.validator);
    return {
      secrets: new Map([...all.secrets, ...named.secrets]),
      pending: [...all.pending, ...named.pending],
      missing: named.missing,
    };
  };
  const recordMissing = (missing: FoundSecrets["missing"]): void => {
    const error = missing.size > 0 ? notEntitled(missing) : undefined;
    if (error && error.message !== toldMissing) refused(error);
    toldMissing = error?.message;
  };
  const push = (): string | undefined => {
    if (!started) return undefined;
    const { secrets: offered, pending, missing } = find();

    source.remember(offered.keys());
    const resources = [...offered].flatMap(([name, content]) => {
      const version = secretVersion(content);
      if (known.get(name) === version) return [];
      known.set(name, version);
      return [{ name, version, resource: secretMessage(name, content) }];
    });
    const isWaiting = (name: string) => pending.includes(name) || pending.includes(EVERYTHING);
    const removedResources = [...known.keys()].filter((name) => !offered.has(name) && !isWaiting(name));
    for (const name of removedResources) known.delete(name);
    recordMissing(missing);
    // The first request is always answered, even with nothing: a proxy without an answer waits longer each time (E3).
    if (answered && resources.length === 0 && removedResources.length === 0) return undefined;
    answered = true;
    pushes += 1;
    const nonce = newNonce(random);
    send(
      create(DeltaDiscoveryResponseSchema, {
        systemVersionInfo: String(pushes),
        typeUrl: SECRET_TYPE_URL,
        nonce,
        resources,
        removedResources,
      }),
    );
    return nonce;
  };
  const gate = new PushGate(push);

  const start = (request: DeltaDiscoveryRequest): void => {
    started = true;
    everything = request.resourceNamesSubscribe.length === 0;
    for (const [name, version] of Object.entries(request.initialResourceVersions)) known.set(name, version);
    source.remember(known.keys());
  };
  const changeNames = ({ resourceNamesSubscribe, resourceNamesUnsubscribe }: DeltaDiscoveryRequest): void => {
    for (const name of resourceNamesUnsubscribe) {
      if (name === EVERYTHING) everything = false;
      names.delete(name);
      known.delete(name);
    }
    for (const name of resourceNamesSubscribe) {
      if (name === EVERYTHING) everything = true;
      else names.add(name);
    }
    checkNames(names);
  };

  return {
    request(request) {
      checkTypeUrl(request.typeUrl);
      node.read(request.node);
      const isFirst = !started;
      if (isFirst) start(request);
      // Names change with whatever nonce: unlike the lists of StreamSecrets they are said once only.
      changeNames(request);
      // Asked for by name again, a secret is sent again, whatever is known of it.
      if (!isFirst) for (const name of request.resourceNamesSubscribe) known.delete(name);
      const isCurrent = gate.accepts(request.responseNonce);
      if (request.errorDetail && isCurrent) logRefusal(log, workloadName, names, request.errorDetail);
      gate.open();
    },
    changed: () => gate.open(),
  };
}
