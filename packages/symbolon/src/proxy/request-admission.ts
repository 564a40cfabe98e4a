import {
  type Decision,
  type JwtClaims,
  normalizePath,
  type RequestAttributes,
  type RequestChanges,
} from "@symbolon/policy/enforcement";
import { errorText } from "@symbolon/spiffe/core";
import type { RequestRecord } from "../telemetry/index.ts";
import type { AccessGuard } from "./access-guard.ts";
import { authorizationRecord, type DenialFacts, denialReply } from "./denial.ts";
import { reasonLine } from "./denial-reason.ts";
import type { LocalReply, Revocation } from "./http-service.ts";
import type { RequestEdits, RequestHead } from "./http1/index.ts";
import { type OwnFields, RequestView } from "./request-view.ts";
import { withoutQueryTokens } from "./without-query-tokens.ts";
import type { AuthenticateTokens } from "./workload-policy.ts";

/** What becomes of the head that is forwarded, besides what every request gets. */
export type HeadChanges = Pick<RequestEdits, "appended" | "droppedNames" | "target">;

/** Requests of one inbound connection before the policies of its workload. */
export interface RequestAdmission {
  admit(head: RequestHead, record: RequestRecord, own: OwnFields): LocalReply | undefined;
  refused(record: RequestRecord): void;
  readmit(record: RequestRecord): Revocation | undefined;
  /** Of the request that was admitted last. */
  readonly changes: HeadChanges | undefined;
}

interface Upgrade {
  /** By which its token was found good. */
  readonly authenticate: AuthenticateTokens | undefined;
  /** With its token. */
  readonly receivedFields: RequestAttributes["headers"];
  readonly request: RequestAttributes;
}

type Denied = Extract<Decision, { readonly outcome: "deny" }>;

/** Decisions are made in one turn, so one view serves every connection. */
const view = new RequestView();
const NO_FIELDS: RequestAttributes["headers"] = new Map();

/** The order of istio-security §3.3: the path is normalised, tokens, AUDIT, DENY, ALLOW. CUSTOM is refused at its load. */
export function createRequestAdmission(guard: AccessGuard): RequestAdmission {
  let changes: HeadChanges | undefined;
  let claims: JwtClaims | undefined;
  /** As it came: the engine normalises it itself, and twice is not the same as once. */
  let received = "";
  let scheme: RequestView["scheme"] = "http";
  let denied: Denied | undefined;
  /** Refused before any policy had decided. */
  let refusedBefore: { readonly reason: string; readonly detail: string } | undefined;
  /** Of a request that may become a tunnel, which outlives its head. */
  let upgrade: Upgrade | undefined;

  return {
    get changes() {
      return changes;
    },
    admit(head, record, own) {
      try {
        return decideFirst(head, record, own);
      } catch (error) {
        return undecided(error);
      } finally {
        // Decided and, for whom it goes to, copied: from here on it is read by whoever reads the records.
        record.path = withoutQueryTokens(record.path);
      }
    },
    refused(record) {
      const { requestId } = record;
      const decision = denied ?? refusedBefore;
      if (!decision) return;
      guard.recordDenial({
        what: "request",
        decision,
        // A refused token stands in the path or in fields; of such a request only what it asked for is kept.
        request: denied ? view : { ...facts(record), path: record.path },
        ...(requestId === undefined ? {} : { requestId }),
      });
    },
    readmit(record) {
      try {
        return decideAgain(record);
      } catch (error) {
        return { reply: undecided(error), tell: () => undefined };
      }
    },
  };

  function decideFirst(head: RequestHead, record: RequestRecord, own: OwnFields): LocalReply | undefined {
    const { policy } = guard;
    changes = undefined;
    claims = undefined;
    denied = undefined;
    refusedBefore = undefined;
    upgrade = undefined;
    received = record.path;
    const path = normalizePath(received, policy.pathNormalization);
    view.fill(head, received, hostOf(record), own);
    ({ scheme } = view);
    if (path === undefined) return refuse(PATH_REFUSED, record);
    if (path !== received) {
      record.path = path;
      changes = { appended: "", target: path };
    }
    const receivedFields = head.webSocket ? new Map(view.headers) : undefined;
    if (policy.authenticate) {
      const tokens = policy.authenticate(view);
      if (tokens.kind === "refused") {
        record.path = tokens.path;
        refusedBefore = { reason: tokens.reason, detail: tokens.reply.detail };
        return withReason(tokens.reply, tokens.reason);
      }
      claims = tokens.claims;
      view.claims = claims;
      if (tokens.changes) apply(tokens.changes, record);
    }
    if (receivedFields) {
      const { authenticate } = policy;
      upgrade = { authenticate, receivedFields, request: { ...facts(record), headers: new Map(view.headers) } };
    }
    const decision = guard.decide(view);
    if (!decision) return undefined;
    record.authorization = authorizationRecord(decision);
    return decision.outcome === "deny" ? refuse(decision, record) : undefined;
  }

  function decideAgain(record: RequestRecord): Revocation | undefined {
    // Without its fields a request cannot be decided anew where fields count; it goes on to its end.
    if (!upgrade && guard.policy.readsHeaders) return undefined;
    if (upgrade && guard.policy.authenticate !== upgrade.authenticate) {
      const revocation = authenticateAnew(upgrade, record);
      if (revocation) return revocation;
    }
    const request = upgrade?.request ?? facts(record);
    const decision = guard.decide(request);
    if (decision?.outcome !== "deny") return undefined;
    record.authorization = authorizationRecord(decision);
    return revoked(reply(decision), record, { decision, request });
  }

  /** @param denial as it was decided: the connection may have another request by the time it is told */
  function revoked(
    answer: LocalReply,
    { requestId }: RequestRecord,
    denial: Pick<DenialFacts, "decision" | "request">,
  ): Revocation {
    const facts = { ...denial, ...(requestId === undefined ? {} : { requestId }) };
    return { reply: answer, tell: () => guard.recordDenial({ what: "revoked", ...facts }) };
  }

  /** Default deny on doubt (SR-40): a defect of ours lets nobody in. */
  function undecided(error: unknown): LocalReply {
    denied = undefined;
    refusedBefore = { reason: UNDECIDED, detail: errorText(error) };
    return withReason({ status: 503, flag: "RBAC", detail: `policy_${UNDECIDED}` }, UNDECIDED);
  }

  function facts({ method, authority }: RequestRecord): RequestAttributes {
    return { method, path: received, host: hostOf({ authority }), headers: NO_FIELDS, ...(claims ? { claims } : {}) };
  }

  /** Keys or rules are others than those that the token of `asked` was good for. */
  function authenticateAnew(asked: Upgrade, record: RequestRecord): Revocation | undefined {
    const { authenticate } = guard.policy;
    const { receivedFields } = asked;
    const request = { ...asked.request, path: received, headers: receivedFields, scheme };
    const tokens = authenticate?.(request);
    if (tokens?.kind === "refused") {
      const { reason, reply: answer } = tokens;
      return revoked(withReason(answer, reason), record, {
        decision: { reason, detail: answer.detail },
        request: { ...facts(record), path: tokens.path },
      });
    }
    claims = tokens?.claims;
    upgrade = {
      authenticate,
      receivedFields,
      request: { ...facts(record), headers: changedFields(receivedFields, tokens?.changes) },
    };
    return undefined;
  }

  function refuse(decision: Denied, record: RequestRecord): LocalReply {
    denied = decision;
    record.authorization = authorizationRecord(decision);
    return reply(decision);
  }

  function reply(decision: Denied): LocalReply {
    return withReason(denialReply(decision), decision.reason);
  }

  function withReason(answer: LocalReply, reason: string): LocalReply {
    if (!guard.tellsReason) return answer;
    return { ...answer, fields: `${answer.fields ?? ""}${reasonLine(reason)}` };
  }

  /** @param tokens taken out of the path as it came, whose query they were in */
  function apply(tokens: RequestChanges, record: RequestRecord): void {
    const { removeHeaders, addHeaders, path } = tokens;
    if (removeHeaders.length === 0 && addHeaders.length === 0 && path === undefined) return;
    if (path !== undefined) record.path = normalizePath(path, guard.policy.pathNormalization) ?? record.path;
    const droppedNames = new Set(removeHeaders.map((name) => name.toLowerCase()));
    view.headers.change(droppedNames, addHeaders);
    changes = {
      appended: addHeaders.map(({ name, value }) => `${name}: ${value}\r\n`).join(""),
      droppedNames,
      ...(path === undefined && changes?.target === undefined ? {} : { target: record.path }),
    };
  }
}

function changedFields(
  fields: RequestAttributes["headers"],
  { removeHeaders, addHeaders }: Pick<RequestChanges, "removeHeaders" | "addHeaders"> = NO_CHANGES,
): RequestAttributes["headers"] {
  const dropped = new Set(removeHeaders.map((name) => name.toLowerCase()));
  const changed = new Map([...fields].filter(([name]) => !dropped.has(name)));
  for (const { name, value } of addHeaders) changed.set(name, [...(changed.get(name) ?? []), value]);
  return changed;
}

const NO_CHANGES = { removeHeaders: [], addHeaders: [] };

/** Dots at the end of a name change nothing of whom it names (CV-06). */
function hostOf({ authority = "" }: { readonly authority?: string | undefined }): string {
  return authority.endsWith(".") || authority.includes(".:") ? authority.replace(/\.+(?=$|:)/, "") : authority;
}

const UNDECIDED = "evaluation_failed";
const PATH_REFUSED: Denied = Object.freeze({ outcome: "deny", reason: "path_refused", audit: false });
