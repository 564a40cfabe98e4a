/** Registration entries as tests write them. */
import { SpiffeId } from "@symbolon/spiffe/id";
import type { RegistrationEntry } from "../../packages/symbolon/src/core/index.ts";

type Changes = Omit<Partial<RegistrationEntry>, "spiffeId" | "selectors"> & {
  readonly spiffeId?: string;
  /** `type:value` each. */
  readonly selectors?: readonly string[];
};

export function testEntry({ spiffeId, selectors = ["unix:uid:1000"], ...changes }: Changes = {}): RegistrationEntry {
  const id = changes.id ?? "1";
  return {
    id,
    name: `entry-${id}`,
    revision: 1,
    federatesWith: [],
    dnsNames: [],
    createdAt: new Date("2026-01-01T00:00:00Z"),
    isDefault: false,
    ...changes,
    spiffeId: SpiffeId.parse(spiffeId ?? `spiffe://cluster.local/${id}`),
    selectors: selectors.map(testSelector),
  };
}

export function testSelector(text: string): { readonly type: string; readonly value: string } {
  const colon = text.indexOf(":");
  return { type: text.slice(0, colon), value: text.slice(colon + 1) };
}
