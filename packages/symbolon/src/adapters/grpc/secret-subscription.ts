import { type Log, type Random, type SymbolonError, toHex } from "@symbolon/spiffe/core";
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
  /** Puts on record that the workload gets nothing under some names. */
  readonly refused: (error: SymbolonError) => void;
  readonly random: Random;
  readonly log: Log;
}

export const MAX_SECRET_NAMES = 1000;
const MAX_LOGGED_CHARACTERS = 500;
const MAX_TOLD_NAMES = 5;
const MAX_TOLD_CHARACTERS = 300;

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

/** SPIRE's text for names that nothing is served under, then the reason of each; a status has to fit into a header. */
export function notEntitled(missing: FoundSecrets["missing"]) {
  const names = [...missing.keys()].sort();
  const told = names.slice(0, MAX_TOLD_NAMES);
  const quoted = told.map((name) => JSON.stringify(shortened(name)));
  if (names.length > told.length) quoted.push(`and ${names.length - told.length} more`);
  const reasons = told.map((name) => `${JSON.stringify(shortened(name))}: ${shortened(missing.get(name) ?? "")}`);
  return productError(
    "ERR_SECRET_NOT_ENTITLED",
    `workload is not authorized for the requested identities [${quoted.join(" ")}]: ${reasons.join("; ")}`,
  );
}

function shortened(text: string): string {
  return text.length > MAX_TOLD_CHARACTERS ? `${text.slice(0, MAX_TOLD_CHARACTERS)}...` : text;
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
