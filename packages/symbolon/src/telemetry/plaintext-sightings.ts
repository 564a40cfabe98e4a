import type { ConnectionRecord } from "./connection-record.ts";

/** Connections without mutual TLS that one workload took, or refused, from one address to one port. JSON-safe. */
export interface PlaintextSighting {
  readonly port: number;
  readonly sourceAddress: string;
  /** True: turned away, because mutual TLS is required there. */
  readonly refused: boolean;
  /** Connections that ended; one that is still open counts at its end. */
  readonly count: number;
  /** RFC 3339. */
  readonly lastSeen: string;
}

/** A caller of a workload, as far as the mesh knows it, and when it last came without mutual TLS. JSON-safe. */
export interface PlaintextCaller {
  readonly namespace: string;
  /** Kind and name of what was called: "Deployment httpbin". */
  readonly workload: string;
  readonly port: number;
  /** "Deployment bar/curl", or the address of something that is no pod of the mesh. */
  readonly caller: string;
  readonly refused: boolean;
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
}

/** A caller that was not seen for so long is forgotten: longer than a weekly job's pause. */
export const PLAINTEXT_RETENTION_MS = 8 * 24 * 3600 * 1000;

/** Callers of one workload that are told apart between two reports; a scan of addresses must not fill the memory. */
const MAX_SIGHTINGS = 512;

/** What a proxy sees of them until its next report. */
export class PlaintextSightings {
  readonly #now: () => Date;
  #sightings = new Map<string, PlaintextSighting>();

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** @returns true: it is one of them */
  add(record: ConnectionRecord): boolean {
    const refused = record.reason === "plaintext_refused" || record.reason === "foreign_tls_refused";
    const isWithout = record.security === "plaintext" || record.security === "tls-passthrough";
    if (record.direction !== "inbound" || !(refused || isWithout)) return false;
    const sourceAddress = record.peerAddress.replace(/:\d+$/, "");
    const port = Number(record.originalDestination.slice(record.originalDestination.lastIndexOf(":") + 1));
    const key = `${port} ${sourceAddress} ${refused}`;
    const count = (this.#sightings.get(key)?.count ?? 0) + (record.open ? 0 : 1);
    if (!this.#sightings.has(key) && this.#sightings.size >= MAX_SIGHTINGS) return true;
    this.#sightings.set(key, { port, sourceAddress, refused, count, lastSeen: this.#now().toISOString() });
    return true;
  }

  /** Those since the last call. */
  take(): readonly PlaintextSighting[] {
    const taken = [...this.#sightings.values()];
    this.#sightings = new Map();
    return taken;
  }
}
