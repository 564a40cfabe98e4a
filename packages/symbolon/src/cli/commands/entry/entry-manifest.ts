import type { PresentedObject } from "../../../mesh/index.ts";
import type { EntryFlags } from "./entry-flags.ts";

const DEFAULT_IDENTITY = "symbolon.io/default-identity";
const MAX_NAME = 253;

type Fields = Readonly<Record<string, unknown>>;

/** The object that flags stand for; with `before`, that object with what the flags say in place of what it said. */
export function entryManifest(name: string, flags: EntryFlags, before?: PresentedObject): Fields {
  const { [DEFAULT_IDENTITY]: wasDefault, ...others } = before?.metadata.annotations ?? {};
  const isDefault = flags.default === undefined ? wasDefault : flags.default ? "true" : undefined;
  const annotations = { ...others, ...given(DEFAULT_IDENTITY, isDefault) };
  return {
    apiVersion: "spire.spiffe.io/v1alpha1",
    kind: "ClusterStaticEntry",
    metadata: {
      name,
      ...(before?.metadata.labels ? { labels: before.metadata.labels } : {}),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: {
      ...before?.spec,
      ...given("spiffeID", flags.spiffeId),
      ...given("selectors", flags.selector),
      ...given("x509SVIDTTL", flags.ttl),
      ...given("jwtSVIDTTL", flags.jwtTtl),
      ...given("dnsNames", takenBack(flags.dns)),
      ...given("federatesWith", takenBack(flags.federatesWith)),
      ...given("hint", flags.hint),
    },
  };
}

/** A name for an entry that was given none: `spiffe://td/ns/foo/sa/web` is `ns-foo-sa-web`. */
export function nameOfSpiffeId(spiffeId: string): string {
  const path = spiffeId.replace(/^[a-z]+:\/\/[^/]*/i, "");
  return path
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MAX_NAME)
    .replace(/^-+|-+$/g, "");
}

/** `--dns ""` takes all names back. */
function takenBack(values: readonly string[] | undefined): readonly string[] | undefined {
  return values?.length === 1 && values[0] === "" ? [] : values;
}

function given(field: string, value: unknown): Fields {
  return value === undefined ? {} : { [field]: value };
}
