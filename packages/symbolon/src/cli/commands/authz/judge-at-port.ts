import {
  type AuthorizationOptions,
  type ConnectionAttributes,
  compileAuthorization,
  createExplainer,
  type Decision,
  type Explanation,
  type MtlsDecision,
  type RequestAttributes,
} from "@symbolon/policy";
import { type PodPort, protocolOf } from "../../policy-set/pod-port.ts";
import type { SetWorkload } from "../../policy-set/policy-set.ts";
import type { PolicySource } from "../../policy-set/policy-source.ts";
import { placeOf, placeText, type WorkloadPolicies } from "../../policy-set/workload-policies.ts";
import { type AccessAnswer, cannotTell, type SeenAccess } from "./access-answer.ts";
import { type AccessQuestion, missingFacts } from "./access-question.ts";
import { answerOf, customAnswer, verdictOf } from "./answer-text.ts";
import type { Caller } from "./caller.ts";
import { judgeRules, neededFacts } from "./judge-rules.ts";
import { checkToken, withToken } from "./token-check.ts";

export interface AccessPlace {
  readonly workload: SetWorkload;
  readonly port: PodPort;
  readonly caller: Caller;
  readonly policies: WorkloadPolicies;
}

/** What is supposed instead of what is, to find out what it would change. */
interface Supposed {
  readonly mode?: MtlsDecision["mode"];
  readonly spiffeId?: string;
  readonly noToken?: true;
}

/** The order of a proxy: mutual TLS, CUSTOM policies, tokens, and then DENY and ALLOW policies. */
export function judgeAtPort(
  question: AccessQuestion,
  { workload, port, caller, policies }: AccessPlace,
  source: PolicySource,
  now: Date,
  supposed: Supposed = {},
): AccessAnswer {
  const decided = policies.mtls.decisionForPort(port.number);
  const mtls = { ...decided, mode: supposed.mode ?? decided.mode };
  const changes = (...tried: readonly (readonly [Supposed, string] | undefined)[]) =>
    tried.flatMap((one) => {
      const answer = one && judgeAtPort(question, { workload, port, caller, policies }, source, now, one[0]);
      return one && answer?.outcome === "allow" ? [{ outcome: "allow" as const, text: one[1] }] : [];
    });
  const protocol = question.request && protocolOf(port) !== "tcp" ? "http" : "tcp";
  const notes: string[] = [];
  if (question.request && protocol === "tcp")
    notes.push(`a Service declares port ${port.number} as TCP: policies see a connection, and no request`);
  if (question.request && /[a-z]/.test(question.request.method))
    notes.push(`the method is asked as written, ${question.request.method}: policies compare it with its case`);
  // A port in mode DISABLE takes plaintext alone, so that nobody has an identity there.
  const spiffeId = mtls.mode === "disable" ? undefined : (supposed.spiffeId ?? caller.spiffeId);
  if (caller.spiffeId !== undefined && spiffeId === undefined)
    notes.push(`port ${port.number} takes plaintext alone (DISABLE): the caller's identity does not get there`);
  const seen: SeenAccess = {
    caller: caller.text,
    ...(spiffeId === undefined ? {} : { spiffeId }),
    workload: `${workload.kind} ${workload.namespace}/${workload.name}`,
    port: port.number,
    protocol,
    mtls: mtlsText(mtls),
    ...(question.request && protocol === "http" ? { request: requestText(question.request) } : {}),
  };
  if (mtls.mode === "strict" && spiffeId === undefined) {
    const { possible } = caller;
    const where = mtls.policy ? ` in ${placeText(placeOf(mtls.policy))}` : "";
    return {
      ...mtlsRequired(mtls, seen, notes),
      changes: changes(possible && [{ spiffeId: possible.spiffeId }, possible.by], [
        { mode: "permissive" },
        `mode PERMISSIVE instead of STRICT${where}; opens the port to every caller without identity that no policy refuses`,
      ]),
    };
  }

  if (!question.request && protocolOf(port) === "http" && policies.authorization.length > 0) {
    const text = `a Service declares port ${port.number} as HTTP, where policies are asked about each request: give METHOD and PATH`;
    return { ...cannotTell("request_missing", text), seen };
  }

  const connection: ConnectionAttributes = {
    ...(spiffeId === undefined ? {} : { peerSpiffeId: spiffeId }),
    sourceAddress: question.sourceAddress ?? UNSPECIFIED,
    ...(question.remoteAddress === undefined ? {} : { remoteAddress: question.remoteAddress }),
    destinationAddress: question.destinationAddress ?? UNSPECIFIED,
    destinationPort: port.number,
    ...(question.sni === undefined ? {} : { sni: question.sni }),
  };
  const options = optionsOf(source);
  if (protocol === "tcp") return ask({ connection, policies, options, seen, notes, question });

  const { request: bare } = question;
  const token = supposed.noToken ? undefined : question.token;
  if (!bare) return ask({ connection, policies, options, seen, notes, question });
  const sent = token === undefined ? bare : withToken(bare, token, policies.tokens);
  const hasRules = policies.tokens.some(({ jwtRules }) => jwtRules.length > 0);
  if (!hasRules) {
    if (token !== undefined)
      notes.push("no RequestAuthentication applies to the workload: nobody looks at the token, and it gives no claims");
    return ask({ connection, request: sent, sent, policies, options, seen, notes, question });
  }
  const checked = checkToken(sent, policies.tokens, {
    now,
    ...(question.jwks === undefined ? {} : { jwks: question.jwks }),
    ...(source.keySets ? { keySets: source.keySets } : {}),
  });
  const { outcome } = checked;
  if (outcome.kind === "refused") {
    const { policy, index } = outcome.by;
    return {
      outcome: "deny",
      reason: `token_${outcome.failure}`,
      text: `denied: ${placeText(placeOf(policy))}, rule ${index} refuses the token with ${outcome.answer.status} "${outcome.answer.body}" [token_${outcome.failure}]`,
      policy: placeOf(policy),
      rule: index,
      notes,
      seen: { ...seen, token: checked.text },
      changes: changes(token === undefined ? undefined : [{ noToken: true }, "no token"]),
    };
  }
  notes.push(...checked.notes);
  const request = checked.request;
  return ask({ connection, request, sent, policies, options, seen: { ...seen, token: checked.text }, notes, question });
}

interface Asked {
  readonly connection: ConnectionAttributes;
  /** After tokens were looked at. */
  readonly request?: RequestAttributes;
  /** As it was sent: CUSTOM policies see that. */
  readonly sent?: RequestAttributes;
  readonly policies: WorkloadPolicies;
  readonly options: AuthorizationOptions;
  readonly seen: SeenAccess;
  readonly notes: readonly string[];
  readonly question: AccessQuestion;
}

function ask({ connection, request, sent, policies, options, seen, notes, question }: Asked): AccessAnswer {
  const { authorization } = policies;
  const explainer = createExplainer(authorization, options);
  const explained = explainer.explain({ connection, ...(request ? { request } : {}) });
  const explanation =
    sent && sent !== request ? withCustomOf(explainer.explain({ connection, request: sent }), explained) : explained;
  const compiled = compileAuthorization(authorization, options).connection(connection);
  const first = compiled.decide(sent);
  const needed = neededFacts(explanation, missingFacts(question));
  const isCustom = first.outcome === "ask_provider" || CUSTOM_REFUSALS.includes(first.reason);
  const rest = isCustom ? compiled.decideAfterProviders(request) : compiled.decide(request);
  const verdict = needed.length > 0 ? judgeRules(explanation, needed) : verdictOf(rest, authorization);
  const unknown = needed.map(({ hint, standIn }) => `a policy looks at ${hint} (${standIn} stands for it)`);
  const common = { notes: [...notes, ...unknown, ...shadowNotes(rest)], seen, explanation };
  if (verdict.outcome === "allow" && isCustom) return { ...customAnswer(first, authorization), ...common };
  return { ...answerOf(verdict, authorization), ...common };
}

/** CUSTOM policies are asked before tokens are looked at, and taken out. */
function withCustomOf(before: Explanation, after: Explanation): Explanation {
  const custom = new Map(before.policies.map((one) => [one.policy, one]));
  const policies = after.policies.map((one) =>
    one.policy.action === "custom" ? (custom.get(one.policy) ?? one) : one,
  );
  return { ...after, policies };
}

function shadowNotes({ shadow, audit }: Decision): readonly string[] {
  const notes = (["deny", "allow"] as const).flatMap((action) => {
    const result = shadow?.[action];
    return result ? [`policies of action ${action.toUpperCase()} in a dry run: ${result.result}`] : [];
  });
  return audit ? [...notes, "an AUDIT policy matches: the access record is marked (authorization.audit)"] : notes;
}

function mtlsRequired(mtls: MtlsDecision, seen: SeenAccess, notes: readonly string[]): AccessAnswer {
  const { policy } = mtls;
  const by = policy ? `, by ${placeText(placeOf(policy))}` : "";
  return {
    outcome: "deny",
    reason: "mtls_required",
    text: `denied: port ${seen.port} takes mutual TLS alone (STRICT${by}), and the caller has no identity [mtls_required]`,
    ...(policy ? { policy: placeOf(policy) } : {}),
    notes,
    seen,
  };
}

function mtlsText({ mode, policy }: MtlsDecision): string {
  return `${mode.toUpperCase()}, ${policy ? `by ${placeText(placeOf(policy))}` : "as no PeerAuthentication says otherwise"}`;
}

function requestText({ method, path, host }: RequestAttributes): string {
  return `${method} ${path}, host ${host}`;
}

function optionsOf({ set, trustDomain, trustDomainAliases }: PolicySource): AuthorizationOptions {
  const { meshConfig } = set;
  return {
    trustDomain,
    trustDomainAliases,
    ...(meshConfig
      ? {
          pathNormalization: meshConfig.pathNormalization,
          providers: new Map(meshConfig.authorizationProviders.map(({ name, kind }) => [name, kind])),
        }
      : {}),
  };
}

/** Nothing that counts looks at it: see `neededFacts`. */
const UNSPECIFIED = "0.0.0.0";
const CUSTOM_REFUSALS: readonly string[] = ["provider_missing", "several_providers"];
