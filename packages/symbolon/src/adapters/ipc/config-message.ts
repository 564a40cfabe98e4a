import type { AuthorizationPolicy } from "@symbolon/policy";
import { productError } from "../../core/index.ts";
import {
  type LocalConfig,
  type MeshView,
  meshText,
  type OwnConfig,
  ownText,
  type ProxyConfig,
  policyFromWire,
  policyText,
  type RequestAuthenticationConfig,
  tokensText,
  type WirePolicy,
} from "../../mesh/data-plane.ts";
import { parseMessage } from "./frame.ts";

/**
 * A version of a proxy's configuration on its way: whole, or what differs from the version that the same stream carried
 * before it (ADR 17).
 */
interface ConfigMessage {
  readonly version: number;
  /** Version whose parts are those that are left out; absent: nothing is left out. */
  readonly base?: number;
  readonly own?: OwnConfig;
  /** A number is the place of the same policy in the list of `base`. */
  readonly authorizationPolicies?: readonly (WirePolicy | number)[];
  /** Null: there is none. */
  readonly requestAuthentication?: RequestAuthenticationConfig | null;
  readonly mesh?: MeshView;
}

/** @param base what the stream carried last; absent: nothing yet. @returns JSON text of a `ConfigMessage` */
export function encodeConfig({ version, local, mesh }: ProxyConfig, base?: ProxyConfig): string {
  const parts = [`"version":${version}`];
  const before = base?.local;
  if (base) parts.push(`"base":${base.version}`);
  if (local !== before) {
    const own = ownText(local);
    if (!before || ownText(before) !== own) parts.push(`"own":${own}`);
    const policies = local.authorizationPolicies;
    if (policies !== before?.authorizationPolicies)
      parts.push(`"authorizationPolicies":${listText(policies, before?.authorizationPolicies)}`);
    const tokens = local.requestAuthentication;
    if (!before || tokens !== before.requestAuthentication)
      parts.push(`"requestAuthentication":${tokens ? tokensText(tokens) : "null"}`);
  }
  if (mesh !== base?.mesh) parts.push(`"mesh":${meshText(mesh)}`);
  return `{${parts.join(",")}}`;
}

type Policies = readonly AuthorizationPolicy[];
const NONE: Policies = [];
/** By the new list: all pods of a Deployment go from one list to another. */
const listTexts = new WeakMap<Policies, { readonly base: Policies; readonly text: string }>();

function listText(policies: Policies, base: Policies = NONE): string {
  const known = listTexts.get(policies);
  if (known?.base === base) return known.text;
  const places = new Map(base.map((policy, place) => [policy, place]));
  const text = `[${policies.map((policy) => places.get(policy) ?? policyText(policy)).join(",")}]`;
  listTexts.set(policies, { base, text });
  return text;
}

/**
 * What the control plane of the same version wrote; checked as far as a mix-up could go. Whatever is left out of a
 * message is as it was in `base`, and the same object; what is in neither is refused, because no policy lets everybody in.
 * @throws ERR_FRAME_INVALID
 */
export function decodeConfig(frame: Buffer, podUid: string, base: ProxyConfig | undefined): ProxyConfig {
  const message = parseMessage(frame) as Partial<ConfigMessage>;
  const { version } = message;
  if (typeof version !== "number") throw notConfig();
  if (message.base !== base?.version)
    throw invalid(
      `configuration version ${version} builds on ${message.base ?? "none"}, not on ${base?.version ?? "none"}`,
    );
  if (base && version <= base.version)
    throw invalid(`configuration version ${version} is not newer than ${base.version}`);
  const mesh = message.mesh ?? base?.mesh;
  const local = decodeLocal(message, base?.local);
  if (!mesh || !Array.isArray(mesh.services) || !Array.isArray(mesh.capturedPorts)) throw notConfig();
  if (local.podUid !== podUid) throw invalid(`the configuration is for pod ${local.podUid}, not for ${podUid}`);
  return { version, local, mesh };
}

function decodeLocal(message: Partial<ConfigMessage>, base: LocalConfig | undefined): LocalConfig {
  const { own, authorizationPolicies: entries, requestAuthentication } = message;
  if (base && own === undefined && entries === undefined && requestAuthentication === undefined) return base;
  const known = own ?? (base && ownOf(base));
  const policies = entries === undefined ? base?.authorizationPolicies : decodePolicies(entries, base);
  const tokens = requestAuthentication === undefined && base ? base.requestAuthentication : requestAuthentication;
  // Missing ones of a first message would be none, which lets everybody in.
  if (!known || !Array.isArray(known.inboundPorts) || !policies || (!base && tokens === undefined)) throw notConfig();
  return { ...known, authorizationPolicies: policies, ...(tokens ? { requestAuthentication: tokens } : {}) };
}

function ownOf({ authorizationPolicies: _policies, requestAuthentication: _tokens, ...own }: LocalConfig): OwnConfig {
  return own;
}

function decodePolicies(entries: readonly (WirePolicy | number)[], base: LocalConfig | undefined): Policies {
  if (!Array.isArray(entries)) throw notConfig();
  return entries.map((entry: WirePolicy | number) => {
    if (typeof entry !== "number") return policyFromWire(entry);
    const known = base?.authorizationPolicies[entry];
    if (!known) throw invalid(`there is no policy ${entry} in the version before`);
    return known;
  });
}

function notConfig(): Error {
  return invalid("the message is not a proxy configuration");
}

function invalid(what: string): Error {
  return productError("ERR_FRAME_INVALID", what);
}
