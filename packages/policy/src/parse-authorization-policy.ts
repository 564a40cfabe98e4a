import type { AuthorizationAction, AuthorizationPolicy, Operation, Rule, Source } from "./authorization-policy.ts";
import { parseConditionKey } from "./condition-key.ts";
import {
  createFindingCollector,
  type FindingCollector,
  fieldPath,
  type ObjectReader,
  type ParseResult,
  parseResult,
  readObject,
} from "./document/index.ts";
import type { ObjectEnvelope } from "./object-envelope.ts";
import { type PolicyOptions, readPolicyHead } from "./policy-head.ts";
import { type PolicyAttachment, readAttachment } from "./read-attachment.ts";
import { readRule } from "./read-authorization-rule.ts";
import { refuseNullFields } from "./refuse-null-fields.ts";
import { annotationPosition, DRY_RUN } from "./security-annotations.ts";

/**
 * Any error anywhere refuses the object as a whole: a matcher that is dropped would widen an ALLOW and narrow a DENY.
 * Stricter than Istio on purpose: an empty list and a field without value in a rule are refused, where Istio takes
 * both for absent, which restricts nothing.
 */
export function parseAuthorizationPolicy(
  envelope: ObjectEnvelope,
  options: PolicyOptions = {},
): ParseResult<AuthorizationPolicy> {
  const collector = createFindingCollector();
  const head = readPolicyHead(envelope, "AuthorizationPolicy", { ...options, collector, dryRun: "read-by-kind" });
  const { reader: root, identity } = head;
  const node = root.node("spec");
  const context = { collector, path: "spec" };
  const dryRunOf = (action: AuthorizationAction) =>
    readDryRun(envelope, action, { namespace: identity.namespace, collector });
  const spec = node
    ? readSpec(readObject(refuseNullFields(node, context), context), dryRunOf)
    : { ...EMPTY_SPEC, dryRun: dryRunOf("allow") };
  const policy = root.finish(
    () => spec && Object.freeze({ kind: "AuthorizationPolicy" as const, ...identity, ...spec }),
  );
  return parseResult(policy, collector);
}

interface Spec extends PolicyAttachment {
  readonly action: AuthorizationAction;
  readonly provider?: string;
  readonly dryRun: boolean;
  readonly rules: readonly Rule[];
}

function readSpec(reader: ObjectReader, dryRunOf: (action: AuthorizationAction) => boolean): Spec | undefined {
  const attachment = readAttachment(reader);
  const action = reader.enumeration("action", ACTIONS) ?? "allow";
  const dryRun = dryRunOf(action);
  const provider = readProvider(reader, action);
  let index = -1;
  const rules = reader.list("rules", (node, at) => readRule(node, at, { action, index: ++index }), { max: 512 }) ?? [];
  if (index < 0 && (action === "deny" || action === "custom"))
    reader.report(
      "SYM0503",
      `${action.toUpperCase()} action without \`rules\` is meaningless as it will never be triggered, add an empty rule \`{}\` if you want it be triggered for every request`,
      reader.has("rules") ? "rules" : "action",
    );
  if (action === "deny" && !reader.hasErrors) warnOfHttpOnly(reader, rules);
  return reader.finish(() => ({
    ...attachment,
    action,
    ...(provider === undefined ? {} : { provider }),
    dryRun,
    rules,
  }));
}

function readProvider(reader: ObjectReader, action: AuthorizationAction): string | undefined {
  const name = reader.object("provider", (provider) => {
    const written = provider.string("name") ?? "";
    return provider.finish(() => written);
  });
  if (action === "custom") {
    if (name === "" || !reader.has("provider"))
      reader.report("SYM0502", "`provider.name` must not be empty", "provider");
    return name;
  }
  if (reader.has("provider"))
    reader.report(
      "SYM0501",
      `\`provider\` must not be with non CUSTOM action, found ${action.toUpperCase()}`,
      "provider",
    );
  return undefined;
}

/** On a TCP port the HTTP attributes of a DENY rule are left out (istio-security §3.9), so that it matches more. */
function warnOfHttpOnly(reader: ObjectReader, rules: readonly Rule[]): void {
  if (!rules.some((rule) => usesHttp(rule) && !namesPorts(rule))) return;
  reader.report(
    "SYM0518",
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP attributes in a DENY rule; it is recommended to explicitly specify the port",
    "rules",
  );
}

function usesHttp({ from = [], to = [], when }: Rule): boolean {
  return (
    from.some((source: Source) => source.requestPrincipals ?? source.notRequestPrincipals) ||
    to.some((operation: Operation) => HTTP_FIELDS.some((field) => operation[field])) ||
    when.some(({ key }) => HTTP_ATTRIBUTES.has(parseConditionKey(key)?.kind ?? ""))
  );
}

function namesPorts({ to = [], when }: Rule): boolean {
  const inOperations = to.length > 0 && to.every(({ ports, notPorts }) => ports ?? notPorts);
  return inOperations || when.some(({ key }) => key === "destination.port");
}

/** istio-security §0.4. */
function readDryRun(
  envelope: ObjectEnvelope,
  action: AuthorizationAction,
  { namespace, collector }: { readonly namespace: string; readonly collector: FindingCollector },
): boolean {
  const { annotations, name } = envelope.metadata;
  if (!Object.hasOwn(annotations, DRY_RUN)) return false;
  const text = annotations[DRY_RUN] ?? "";
  const place = {
    path: fieldPath("metadata.annotations", DRY_RUN),
    position: annotationPosition(envelope, DRY_RUN),
  };
  if (action !== "allow" && action !== "deny")
    collector.report(
      "SYM0517",
      place,
      `the annotation ${DRY_RUN} currently only supports action ALLOW/DENY, found action ${action.toUpperCase()} in ${namespace}/${name}`,
    );
  else if (!TRUE.has(text) && !FALSE.has(text))
    collector.report(
      "SYM0516",
      place,
      `${namespace}/${name} has annotation ${DRY_RUN} with invalid value (${text}): wanted true or false`,
    );
  return TRUE.has(text);
}

const EMPTY_SPEC = { targetRefs: [], action: "allow", rules: [] } as const;
const ACTIONS: Readonly<Record<string, AuthorizationAction>> = {
  ALLOW: "allow",
  DENY: "deny",
  AUDIT: "audit",
  CUSTOM: "custom",
};
/** Go's strconv.ParseBool. */
const TRUE: ReadonlySet<string> = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE: ReadonlySet<string> = new Set(["0", "f", "F", "FALSE", "false", "False"]);
const HTTP_FIELDS = ["hosts", "notHosts", "methods", "notMethods", "paths", "notPaths"] as const;
const HTTP_ATTRIBUTES: ReadonlySet<string> = new Set(["header", "claim", "requestPrincipal", "audience", "presenter"]);
