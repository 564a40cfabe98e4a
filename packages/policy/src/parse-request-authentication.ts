import {
  createFindingCollector,
  type ObjectReader,
  type ParseResult,
  parseResult,
  readObject,
} from "./document/index.ts";
import type { ObjectEnvelope } from "./object-envelope.ts";
import { type PolicyOptions, readPolicyHead } from "./policy-head.ts";
import { type PolicyAttachment, readAttachment } from "./read-attachment.ts";
import { readJwtRule } from "./read-jwt-rule.ts";
import { refuseNullFields } from "./refuse-null-fields.ts";
import type { JwtRule, RequestAuthentication } from "./request-authentication.ts";

/** Any error anywhere refuses the object as a whole; a field without value is one, as in `parseAuthorizationPolicy`. */
export function parseRequestAuthentication(
  envelope: ObjectEnvelope,
  options: PolicyOptions = {},
): ParseResult<RequestAuthentication> {
  const collector = createFindingCollector();
  const head = readPolicyHead(envelope, "RequestAuthentication", { ...options, collector, dryRun: "refused" });
  const { reader: root, identity } = head;
  const node = root.node("spec");
  const context = { collector, path: "spec" };
  const spec = node ? readSpec(readObject(refuseNullFields(node, context), context)) : EMPTY_SPEC;
  const policy = root.finish(
    () => spec && Object.freeze({ kind: "RequestAuthentication" as const, ...identity, ...spec }),
  );
  return parseResult(policy, collector);
}

interface Spec extends PolicyAttachment {
  readonly jwtRules: readonly JwtRule[];
}

function readSpec(reader: ObjectReader): Spec | undefined {
  const attachment = readAttachment(reader);
  const jwtRules = reader.list("jwtRules", readJwtRule, { max: 4096 }) ?? [];
  return reader.finish(() => ({ ...attachment, jwtRules }));
}

const EMPTY_SPEC: Spec = { targetRefs: [], jwtRules: [] };
