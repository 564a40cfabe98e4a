import { checkDns1123Subdomain, type Finding } from "@symbolon/policy";
import { errorText } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { locate, meshFinding, objectKeyText, type ParsedObject, type ServiceObject } from "../mesh/index.ts";

/** Of the Service's own namespace. */
const ACCOUNTS = "alpha.istio.io/kubernetes-serviceaccounts";
/** Principals, with or without the scheme. */
const CANONICAL = "alpha.istio.io/canonical-serviceaccounts";

/** Who may serve a Service by the word of its annotations, besides the pods that it selects (istio-security §4.4). */
export interface AnnotatedIdentities {
  readonly serviceAccounts: readonly string[];
  /** SPIFFE IDs. */
  readonly canonical: readonly string[];
}

export function annotatedIdentities({ meta: { annotations } }: ServiceObject): AnnotatedIdentities {
  return {
    serviceAccounts: splitNames(annotations[ACCOUNTS]),
    canonical: splitNames(annotations[CANONICAL]).map(asSpiffeId),
  };
}

/** A name that can be none would be in every proxy's configuration, or in the way of all of them (CV-44). */
export function checkAnnotatedIdentities(entry: ParsedObject, service: ServiceObject): readonly Finding[] {
  const { serviceAccounts, canonical } = annotatedIdentities(service);
  const finding = (annotation: string, name: string, why: string): Finding =>
    meshFinding(
      "SYM2204",
      `${objectKeyText(entry.key)}: ${JSON.stringify(name)} is no identity: ${why}`,
      locate(entry.node, ["metadata", "annotations", annotation]),
    );
  return [
    ...serviceAccounts.flatMap((name) => {
      const why = checkDns1123Subdomain(name);
      return why === undefined ? [] : [finding(ACCOUNTS, name, why)];
    }),
    ...canonical.flatMap((name) => {
      const why = spiffeIdProblem(name);
      return why === undefined ? [] : [finding(CANONICAL, name, why)];
    }),
  ];
}

function spiffeIdProblem(text: string): string | undefined {
  try {
    SpiffeId.parse(text);
    return undefined;
  } catch (error) {
    return errorText(error);
  }
}

function asSpiffeId(name: string): string {
  return name.startsWith("spiffe://") ? name : `spiffe://${name}`;
}

function splitNames(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}
