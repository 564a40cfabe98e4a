import type { RuleItem } from "../authorization/index.ts";
import { qualifiedServiceAccount } from "../peer-identity.ts";
import {
  addressWitness,
  type IdentityPart,
  pathWitness,
  requestPrincipalWitness,
  stringWitness,
} from "./attribute-witnesses.ts";

/** One attribute that policies look at, and the texts that are worth trying in its place, whatever it is now. */
export type AttributePlan =
  | { readonly kind: "identity"; readonly values: readonly IdentityValue[] }
  | { readonly kind: "header"; readonly name: string; readonly witnesses: readonly string[] }
  | { readonly kind: "claim"; readonly path: readonly string[]; readonly witnesses: readonly string[] }
  | { readonly kind: SimplePlan; readonly witnesses: readonly string[] };

type SimplePlan =
  | "sourceAddress"
  | "remoteAddress"
  | "destinationAddress"
  | "destinationPort"
  | "sni"
  | "method"
  | "path"
  | "host"
  | "requestPrincipal"
  | "token";

/** A value of one of the fields that ask who the peer is. */
export interface IdentityValue {
  readonly part: IdentityPart;
  readonly value: string;
}

/** Collects the values of all rules, attribute by attribute, each once. */
export function attributePlans(items: Iterable<RuleItem>): readonly AttributePlan[] {
  const identities = new Map<string, IdentityValue>();
  const plans = new Map<string, { readonly plan: AttributePlan; readonly witnesses: Set<string> }>();
  for (const item of items) {
    const { attribute, values, policyNamespace } = item;
    switch (attribute.kind) {
      case "principal":
      case "namespace":
      case "serviceAccount":
      case "trustDomain":
        for (const written of values) {
          const part = attribute.kind;
          const value = part === "serviceAccount" ? qualifiedServiceAccount(written, policyNamespace) : written;
          identities.set(`${part} ${value}`, { part, value });
        }
        break;
      default: {
        const planned = planOf(attribute);
        if (!planned) break;
        const { key, plan, witness } = planned;
        const known = plans.get(key) ?? { plan, witnesses: new Set<string>() };
        plans.set(key, known);
        for (const value of values) {
          const text = witness(value);
          if (text !== undefined) known.witnesses.add(text);
        }
        if (plan.kind === "claim" || plan.kind === "requestPrincipal")
          plans.set("token", { plan: { kind: "token", witnesses: [] }, witnesses: new Set() });
      }
    }
  }
  return [
    ...(identities.size > 0 ? [{ kind: "identity" as const, values: [...identities.values()] }] : []),
    ...[...plans.values()].map(({ plan, witnesses }) => ({ ...plan, witnesses: [...witnesses] }) as AttributePlan),
  ];
}

interface Planned {
  readonly key: string;
  readonly plan: Exclude<AttributePlan, { readonly kind: "identity" }>;
  witness(value: string): string | undefined;
}

/** Undefined for what nothing here can change: metadata of other filters. */
function planOf(attribute: RuleItem["attribute"]): Planned | undefined {
  const simple = (kind: SimplePlan, witness: Planned["witness"]): Planned => ({
    key: kind,
    plan: { kind, witnesses: [] },
    witness,
  });
  const claim = (path: readonly string[]): Planned => ({
    key: `claim ${JSON.stringify(path)}`,
    plan: { kind: "claim", path, witnesses: [] },
    witness: stringWitness,
  });
  switch (attribute.kind) {
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress":
      return simple(attribute.kind, addressWitness);
    case "destinationPort":
      return simple("destinationPort", (value) => String(Number(value)));
    case "path":
      return simple("path", pathWitness);
    case "sni":
    case "method":
    case "host":
      return simple(attribute.kind, stringWitness);
    case "requestPrincipal":
      return simple("requestPrincipal", requestPrincipalWitness);
    case "claim":
      return claim(attribute.path);
    case "audience":
      return claim(["aud"]);
    case "presenter":
      return claim(["azp"]);
    case "header": {
      const { name } = attribute;
      if (name === ":method") return simple("method", stringWitness);
      if (name === ":path") return simple("path", pathWitness);
      if (name === ":authority" || name === "host") return simple("host", stringWitness);
      return { key: `header ${name}`, plan: { kind: "header", name, witnesses: [] }, witness: stringWitness };
    }
    default:
      return undefined;
  }
}
