import { create } from "@bufbuild/protobuf";
import type { WantedSecrets } from "../../agent/secrets/index.ts";
import { type DiscoveryRequest, type DiscoveryResponse, DiscoveryResponseSchema } from "../../gen/envoy/index.ts";
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

/** StreamSecrets: each answer has everything that is asked for (xDS, "state of the world"). */
export function createStateStream(parts: SubscriptionParts<DiscoveryResponse>): SecretSubscription<DiscoveryRequest> {
  const { workloadName, source, send, random, log } = parts;
  const node = new ProxyNode();
  let wanted: WantedSecrets | undefined;
  /** By name; undefined until the first push. */
  let sent: ReadonlyMap<string, string> | undefined;
  let pushes = 0;

  const push = (): string | undefined => {
    if (wanted === undefined) return undefined;
    const { secrets, pending, missing } = source.find(wanted, node.validator);
    if (missing.size > 0) throw notEntitled(missing);
    const versions = new Map([...secrets].map(([name, content]) => [name, secretVersion(content)]));
    // Nothing at all would be taken for the answer.
    if (pending.length > 0 && versions.size === 0) return undefined;
    const before = sent;
    // A name that was given up and is wanted again is sent again.
    sent = versions;
    if (before && !isNews(before, versions, wanted)) return undefined;
    source.remember(versions.keys());
    pushes += 1;
    const nonce = newNonce(random);
    send(
      create(DiscoveryResponseSchema, {
        versionInfo: String(pushes),
        typeUrl: SECRET_TYPE_URL,
        nonce,
        resources: [...secrets].map(([name, content]) => secretMessage(name, content)),
      }),
    );
    return nonce;
  };
  const gate = new PushGate(push);

  return {
    request({ node: proxy, typeUrl, resourceNames, responseNonce, versionInfo, errorDetail }) {
      checkTypeUrl(typeUrl);
      node.read(proxy);
      if (!gate.accepts(responseNonce)) return;
      const names = new Set(resourceNames);
      if (errorDetail) logRefusal(log, workloadName, names, errorDetail);
      checkNames(names);
      // A version without an answer of this stream is one of an earlier stream.
      if (wanted === undefined && versionInfo !== "") source.remember(names);
      wanted = nextWanted(wanted, names);
      gate.open();
    },
    changed: () => gate.open(),
  };
}

/** An empty list says "everything" until the stream has named something; from then on it says "nothing" (xDS). */
function nextWanted(before: WantedSecrets | undefined, names: ReadonlySet<string>): WantedSecrets {
  const isWildcard = before === undefined || before === "everything";
  return names.size === 0 && isWildcard ? "everything" : names;
}

function isNews(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  wanted: WantedSecrets,
): boolean {
  for (const [name, version] of after) if (before.get(name) !== version) return true;
  // Who has named its secrets has itself left out what is gone from the list.
  return wanted === "everything" && before.size !== after.size;
}
