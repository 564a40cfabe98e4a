import {
  type AuthorizationExplainer,
  type ConnectionAttributes,
  createExplainer,
  type Explanation,
  explanationText,
  type RequestAttributes,
} from "@symbolon/policy";
import { type Clock, errorText, type Log } from "@symbolon/spiffe/core";
import type { AuditEvent, AuditSink } from "../core/index.ts";
import type { ProxyConfig } from "../mesh/index.ts";
import type { DenialExplanation, DenialQuery, ReportedDenial, StoredDenial } from "../telemetry/index.ts";
import { createAuditOnce } from "./audit-once.ts";
import type { DenialStore, WrittenConfigs } from "./ports.ts";
import { refusalText } from "./refusal-text.ts";

export interface Denials {
  /** Explains, audits and stores what a pod's proxy has denied; resolves when it is durable. */
  store(podUid: string, report: { readonly denials: readonly ReportedDenial[]; readonly lost: number }): Promise<void>;
  /** Newest last. */
  list(query: DenialQuery): readonly StoredDenial[];
}

/** How long denials are kept, and how many. */
export const DENIAL_RETENTION = { ms: 24 * 3600 * 1000, count: 100_000 } as const;

/** Explained and stored in one turn of the event loop; with hundreds of policies one explanation takes milliseconds. */
const DENIALS_A_TURN = 10;
const TURN_MS = 10;

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export function createDenials(options: {
  readonly configs: WrittenConfigs;
  readonly denials: DenialStore;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly log: Log;
}): Denials {
  const { configs, denials, audit, clock, log } = options;
  const audited = createAuditOnce(audit);
  return {
    async store(podUid, { denials: reported, lost }) {
      const config = configs.written(podUid);
      // A proxy speaks for its own pod alone.
      const own = reported.filter(({ workload }) => workload.podUid === podUid);
      if (own.length < reported.length) log.error("proxy reported denials of another pod", { podUid });
      const added = denials.onlyNew(own);
      const keyOf = ({ id }: ReportedDenial): string => `${podUid}/${id}`;
      await Promise.all(added.map((denial) => audited.write(keyOf(denial), auditEvent(denial))));
      const explain = explainerOf(config);
      for (let rest = added; rest.length > 0; ) {
        // Other proxies, and the API, have their turn between.
        if (rest !== added) await nextTurn();
        const some = explainForOneTurn(rest, explain);
        storeNow(some);
        for (const denial of some) audited.forget(keyOf(denial));
        rest = rest.slice(some.length);
      }
      // Last, so that what fails before it does not count the same loss again.
      if (lost > 0) await audit.write(lossEvent(podUid, lost));
    },
    list: (query) => denials.list(query),
  };

  function explainForOneTurn(rest: readonly ReportedDenial[], explain: Explain): readonly Explained[] {
    const explained: Explained[] = [];
    const start = clock.monotonicMs();
    for (const denial of rest.slice(0, DENIALS_A_TURN)) {
      explained.push({ ...denial, explanation: explain(denial) });
      if (clock.monotonicMs() - start >= TURN_MS) break;
    }
    return explained;
  }

  function storeNow(explained: readonly Explained[]): void {
    const now = clock.now();
    const notBefore = new Date(now.getTime() - DENIAL_RETENTION.ms);
    denials.write(explained, { now, notBefore, atMost: DENIAL_RETENTION.count });
  }

  function explainerOf(config: ProxyConfig | undefined): Explain {
    if (config === undefined) return () => withoutExplanation("the pod is gone, and with it the policies that decided");
    const explainer = lazily(() => policyExplainer(config));
    return (denial) => {
      try {
        return explanationOf(denial, config, explainer);
      } catch (error) {
        log.error("denial cannot be explained", { id: denial.id, error: errorText(error) });
        return withoutExplanation("the explanation failed; the control plane's log has more");
      }
    };
  }
}

type Explained = Omit<StoredDenial, "sequence">;
type Explain = (denial: ReportedDenial) => DenialExplanation;

function lazily<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

const withoutExplanation = (note: string): DenialExplanation => ({ text: "", flips: [], moreFlips: 0, notes: [note] });

/** Above it the data of policies is left out, and the text is cut. */
const MAX_EXPLANATION = 24_000;

function policyExplainer({ local, mesh }: ProxyConfig): AuthorizationExplainer {
  const { trustDomain, trustDomainAliases, pathNormalization } = mesh;
  return createExplainer(local.authorizationPolicies, { trustDomain, trustDomainAliases, pathNormalization });
}

function explanationOf(
  denial: ReportedDenial,
  { version, local }: ProxyConfig,
  explainer: () => AuthorizationExplainer,
): DenialExplanation {
  const refusal = refusalText(denial, local);
  if (refusal !== undefined)
    return { text: refusal, flips: [], moreFlips: 0, notes: versionNotes(denial.configVersion, version) };
  const explanation = explainer().explain({
    connection: connectionOf(denial),
    ...(denial.request ? { request: requestOf(denial.request) } : {}),
  });
  const text = explanationText(explanation);
  const policies = explanation.policies.map(({ policy: { namespace, name, action, dryRun }, matches, rules }) => {
    return { namespace, name, action, dryRun, matches, rules };
  });
  const isLarge = JSON.stringify(policies).length + text.length > MAX_EXPLANATION;
  return {
    text: text.slice(0, MAX_EXPLANATION),
    ...(isLarge ? {} : { policies }),
    flips: explanation.flips,
    moreFlips: explanation.moreFlips,
    notes: notesOn(denial, explanation, version),
  };
}

function notesOn(
  { reason, configVersion, request }: ReportedDenial,
  { decision }: Explanation,
  version: number,
): string[] {
  const notes = versionNotes(configVersion, version);
  if (decision.outcome !== "deny" || decision.reason !== reason)
    notes.push(`by what is known here the decision would be ${decision.outcome} (${decision.reason})`);
  if (request?.cut) notes.push(`not kept whole: ${request.cut.join(", ")}`);
  return notes;
}

function versionNotes(decided: number, explained: number): string[] {
  if (decided === explained) return [];
  return [`decided by configuration ${decided}, explained by ${explained}, which was in force when it was reported`];
}

function connectionOf({ connection }: ReportedDenial): ConnectionAttributes {
  return connection;
}

function requestOf({ method, path, host, headers, claims }: NonNullable<ReportedDenial["request"]>): RequestAttributes {
  const lines = new Map<string, string[]>();
  for (const [name, value] of headers) lines.set(name, [...(lines.get(name) ?? []), value]);
  return { method, path, host, headers: lines, ...(claims ? { claims: claims as RequestAttributes["claims"] } : {}) };
}

const MAX_AUDITED_PATH = 256;

function auditEvent(denial: ReportedDenial): AuditEvent {
  const { id, what, workload, rule, reason, connection, request, requestId, configVersion } = denial;
  return {
    kind: request ? "request.deny" : "connection.deny",
    outcome: "refused",
    actor: connection.peerSpiffeId ?? `unauthenticated (${connection.sourceAddress})`,
    subject: `${workload.namespace}/${workload.podName}`,
    ...(rule ? { authority: `AuthorizationPolicy ${rule.namespace}/${rule.name}, rule ${rule.ruleIndex}` } : {}),
    code: reason,
    details: {
      denial: id,
      ...(what === "revoked" ? { revoked: true } : {}),
      ...(requestId === undefined ? {} : { requestId }),
      ...(request ? { method: request.method, path: request.path.slice(0, MAX_AUDITED_PATH), host: request.host } : {}),
      port: connection.destinationPort,
      configVersion,
    },
  };
}

function lossEvent(podUid: string, lost: number): AuditEvent {
  const details = { denialsNotReported: lost };
  return { kind: "audit.gap", outcome: "failure", actor: "symbolon", subject: `proxy of pod ${podUid}`, details };
}
