/** Istio's metric names (istio-security §5.5), so that its boards and alerts keep working. */
export const CA_COUNTERS = [
  "citadel_server_csr_count",
  "citadel_server_authentication_failure_count",
  "citadel_server_csr_parsing_err_count",
  "citadel_server_id_extraction_err_count",
  "citadel_server_csr_sign_err_count",
  "citadel_server_success_cert_issuance_count",
] as const;
export type CaCounterName = (typeof CA_COUNTERS)[number];

export interface CaCounters {
  add(name: CaCounterName): void;
  read(): Readonly<Record<CaCounterName, number>>;
}

export function createCaCounters(): CaCounters {
  // Every name of the list gets its zero on this line.
  const counts = Object.fromEntries(CA_COUNTERS.map((name) => [name, 0])) as Record<CaCounterName, number>;
  return {
    add: (name) => {
      counts[name]++;
    },
    read: () => ({ ...counts }),
  };
}
