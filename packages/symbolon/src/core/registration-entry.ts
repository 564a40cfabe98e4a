import type { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";

/** Which processes have which identity, as CA and agents know it (spiffe.md §5.3). */
export interface RegistrationEntry {
  /** Never reused; another entry of the same name has another. */
  readonly id: string;
  readonly name: string;
  /** Grows with each change of the entry. */
  readonly revision: number;
  readonly spiffeId: SpiffeId;
  /** At least one; a process has the identity when all of them hold. */
  readonly selectors: readonly { readonly type: string; readonly value: string }[];
  /** Trust domains whose bundles its workloads get besides their own. */
  readonly federatesWith: readonly TrustDomain[];
  /** Whole seconds; absent: the mesh's. */
  readonly x509LifetimeSeconds?: number;
  readonly jwtLifetimeSeconds?: number;
  readonly dnsNames: readonly string[];
  readonly hint?: string;
  readonly createdAt: Date;
  /** Comes before all others that a process has (S6). */
  readonly isDefault: boolean;
}

/** S6: the explicit default, then the oldest; the id decides between two of one moment. */
export function compareEntries(a: RegistrationEntry, b: RegistrationEntry): number {
  if (a.isDefault !== b.isDefault) return a.isDefault ? -1 : 1;
  return compareAge(a, b);
}

/** Oldest first (S5). */
export function compareAge(a: RegistrationEntry, b: RegistrationEntry): number {
  const difference = a.createdAt.getTime() - b.createdAt.getTime();
  if (difference !== 0) return difference;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
