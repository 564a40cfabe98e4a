/** casbin and Cedar, fetched from npm into `.cache/` when the bench first runs: no dependency of the workspace. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import type { PeerRule, PeerSet } from "./peer-sets.ts";

export interface Peer {
  readonly name: string;
  /** What remains to be done for each decision: the rules are loaded, and what does not change is made. */
  load(set: PeerSet): Promise<(request: number) => boolean>;
}

const FOLDER = resolve(import.meta.dir, "../../.cache/policy-peers");
const PACKAGES = { "@cedar-policy/cedar-wasm": "4.13.0", casbin: "5.51.1" };

export async function installPeers(): Promise<readonly Peer[]> {
  const isInstalled = Object.keys(PACKAGES).every((name) => existsSync(join(FOLDER, "node_modules", name)));
  if (!isInstalled) {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, "package.json"), '{ "private": true }\n');
    const names = Object.entries(PACKAGES).map(([name, version]) => `${name}@${version}`);
    const args = ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", ...names];
    const { status, stderr } = spawnSync("npm", args, { cwd: FOLDER, encoding: "utf8" });
    if (status !== 0) throw new Error(`cannot install ${names.join(" and ")}: ${stderr}`);
  }
  const load = createRequire(join(FOLDER, "package.json"));
  return [
    { name: "Cedar", load: (set) => loadCedar(load("@cedar-policy/cedar-wasm/nodejs") as Cedar, set) },
    { name: "casbin", load: (set) => loadCasbin(load("casbin") as Casbin, set) },
  ];
}

interface Cedar {
  preparsePolicySet(id: string, policies: { readonly staticPolicies: string }): { readonly type: string };
  statefulIsAuthorized(call: object): { readonly type: string; readonly response?: { readonly decision: string } };
}

/** Parsed once; the call takes the request as JSON. */
async function loadCedar(cedar: Cedar, { name, rules, caller, requests }: PeerSet) {
  const answer = cedar.preparsePolicySet(name, { staticPolicies: rules.map(cedarPolicy).join("\n") });
  if (answer.type !== "success") throw new Error(`Cedar refuses the rules: ${JSON.stringify(answer)}`);
  const uid = { type: "Caller", id: caller };
  const parents = rules.flatMap((rule, index) =>
    isGroup(rule) && rule.callers?.includes(caller) ? [{ type: "Group", id: groupOf(index) }] : [],
  );
  const calls = requests.map((context) => ({
    principal: uid,
    action: { type: "Action", id: "call" },
    resource: { type: "Workload", id: "httpbin" },
    context,
    entities: [{ uid, attrs: {}, parents }],
    preparsedPolicySetId: name,
  }));
  return (index: number) => {
    const { response } = cedar.statefulIsAuthorized(calls[index] as object);
    return response?.decision === "allow";
  };
}

function cedarPolicy(rule: PeerRule, index: number): string {
  const { callers, methods, paths, tenants } = rule;
  const text = (value: string) => JSON.stringify(value);
  const anyOf = (attribute: string, values: readonly string[]) =>
    `(${values.map((value) => `context.${attribute} ${value.endsWith("*") ? "like" : "=="} ${text(value)}`).join(" || ")})`;
  const scope = isGroup(rule)
    ? `principal in Group::${text(groupOf(index))}`
    : callers?.[0] === undefined
      ? "principal"
      : `principal == Caller::${text(callers[0])}`;
  const conditions = [
    ...(methods ? [anyOf("method", methods)] : []),
    ...(paths ? [anyOf("path", paths)] : []),
    ...(tenants ? [anyOf("tenant", tenants)] : []),
  ];
  return `permit(${scope}, action, resource) when { ${conditions.join(" && ")} };`;
}

/** Many callers are a group to both engines, which is the quickest that they have: who is in it, they are told. */
function isGroup({ callers = [] }: PeerRule): boolean {
  return callers.length > 1;
}

function groupOf(index: number): string {
  return `callers-${index}`;
}

interface Casbin {
  newModelFromString(text: string): object;
  newEnforcer(model: object): Promise<CasbinEnforcer>;
}
interface CasbinEnforcer {
  addPolicies(lines: readonly (readonly string[])[]): Promise<boolean>;
  addGroupingPolicies(lines: readonly (readonly string[])[]): Promise<boolean>;
  enforceSync(...values: readonly string[]): boolean;
}

/** `keyMatch` takes a `*` at the end for any rest. Groups cost a look-up for each line, so only where there are any. */
function casbinModel(hasGroups: boolean): string {
  const caller = hasGroups ? "g(r.sub, p.sub)" : "r.sub == p.sub";
  return `
[request_definition]
r = sub, path, method, tenant
[policy_definition]
p = sub, path, method, tenant
${hasGroups ? "[role_definition]\ng = _, _" : ""}
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = (p.sub == "*" || ${caller}) && (p.method == "*" || r.method == p.method) && keyMatch(r.path, p.path) && keyMatch(r.tenant, p.tenant)
`;
}

/** A line has one value of each kind, so that a rule is as many lines as it has combinations. */
async function loadCasbin(casbin: Casbin, { rules, caller, requests }: PeerSet) {
  const hasGroups = rules.some(isGroup);
  const enforcer = await casbin.newEnforcer(casbin.newModelFromString(casbinModel(hasGroups)));
  const any = ["*"];
  const lines = rules.flatMap((rule, index) => {
    const { callers = any, methods = any, paths = any, tenants = any } = rule;
    const subjects = isGroup(rule) ? [groupOf(index)] : callers;
    return subjects.flatMap((sub) =>
      paths.flatMap((path) => methods.flatMap((method) => tenants.map((tenant) => [sub, path, method, tenant]))),
    );
  });
  await enforcer.addPolicies(lines);
  for (const [index, rule] of rules.entries())
    if (isGroup(rule)) await enforcer.addGroupingPolicies((rule.callers ?? []).map((one) => [one, groupOf(index)]));
  return (index: number) => {
    const { path = "", method = "", tenant = "" } = requests[index] ?? {};
    return enforcer.enforceSync(caller, path, method, tenant);
  };
}
