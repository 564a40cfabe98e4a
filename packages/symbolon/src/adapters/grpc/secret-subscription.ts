import { type Log, type Random, toHex } from "@symbolon/spiffe/core";
import type { FoundSecrets, SecretSource, SecretValidator } from "../../agent/secrets/index.ts";
import { productError } from "../../core/index.ts";
import type { Node, Status } from "../../gen/envoy/index.ts";
import { SECRET_TYPE_URL, validatorOf } from "./secret-messages.ts";

/** One stream of one proxy: what it has asked for and what it has been sent. */
export interface SecretSubscription<Request> {
  /** @throws ERR_SECRET_* and then the stream is over */
  request(message: Request): void;
  /** What the workload has may have changed. @throws as `request` */
  changed(): void;
}

export interface SubscriptionParts<Response> {
  readonly workloadName: string;
  readonly source: SecretSource;
  readonly send: (response: Response) => void;
  readonly random: Random;
  readonly log: Log;
}

export const MAX_SECRET_NAMES = 1000;
const MAX_LOGGED_CHARACTERS = 500;

export function newNonce(random: Random): string {
  return toHex(random.bytes(4));
}

export function checkTypeUrl(typeUrl: string): void {
  if (typeUrl === "" || typeUrl === SECRET_TYPE_URL) return;
  const message = `secret discovery has resources of type ${SECRET_TYPE_URL}, not ${JSON.stringify(typeUrl.slice(0, 200))}`;
  throw productError("ERR_SECRET_REQUEST_INVALID", message);
}

export function checkNames(names: ReadonlySet<string>): void {
  if (names.size <= MAX_SECRET_NAMES) return;
  throw productError("ERR_SECRET_REQUEST_INVALID", `${names.size} names are asked for, more than ${MAX_SECRET_NAMES}`);
}

/** SPIRE's text for names that nothing is served under, then the reason of each. */
export function notEntitled(missing: FoundSecrets["missing"]) {
  const names = [...missing.keys()].sort();
  const quoted = names.map((name) => JSON.stringify(name)).join(" ");
  const reasons = names.map((name) => `${name}: ${missing.get(name)}`).join("; ");
  return productError(
    "ERR_SECRET_NOT_ENTITLED",
    `workload is not authorized for the requested identities [${quoted}]: ${reasons}`,
  );
}

/** Only the first message of a stream need say who its proxy is. */
export class ProxyNode {
  #validator: SecretValidator = "spiffe-validation";

  read(node: Node | undefined): void {
    if (node) this.#validator = validatorOf(node);
  }

  get validator(): SecretValidator {
    return this.#validator;
  }
}

export function logRefusal(log: Log, workload: string, names: Iterable<string>, error: Status): void {
  log.warn("proxy has refused secrets", {
    workload,
    secrets: [...names].join(" ").slice(0, MAX_LOGGED_CHARACTERS),
    error: error.message.slice(0, MAX_LOGGED_CHARACTERS),
  });
}
