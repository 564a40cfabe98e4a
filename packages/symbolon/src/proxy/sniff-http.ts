import type { TrackedConnection } from "./connection-registry.ts";
import type { Deadlines } from "./deadlines.ts";
import { detectHttp } from "./http1/index.ts";
import type { Leg } from "./leg.ts";

/** `other`: no HTTP, or nothing that could be told in time. */
export type SpokenProtocol = "http1" | "http2" | "other";

/**
 * Finds out whether a connection speaks HTTP/1. On a port that is declared HTTP, everything is that but HTTP/2's preface,
 * so that whatever is no request is answered with 400.
 */
export function sniffHttp(
  leg: Leg,
  connection: TrackedConnection,
  options: {
    readonly declared: boolean;
    readonly waitMs: number;
    /** Nothing that decides has come in time, or in so many bytes. */
    readonly late: (limit: "waitMs" | "detectionBytes") => void;
    readonly detectionBytes: number;
    readonly deadlines: Deadlines;
    readonly closed: () => void;
    readonly decided: (protocol: SpokenProtocol) => void;
  },
): void {
  const { declared, deadlines, decided } = options;
  let over = false;
  const cancel = deadlines.add(options.waitMs, () => {
    options.late("waitMs");
    decide(declared ? "http1" : "other");
  });
  leg.owner = {
    onEarly: look,
    onClosed() {
      over = true;
      cancel();
      options.closed();
    },
  };
  // Nothing has been asked yet, so nothing is lost.
  connection.drain = () => {
    if (leg.earlyBytes === 0) leg.terminate();
  };
  look();

  function look(): void {
    if (over || leg.earlyBytes === 0) return;
    const bytes = leg.early.length === 1 ? (leg.early[0] as Buffer) : Buffer.concat(leg.early);
    const protocol = detectHttp(bytes);
    if (protocol === "http2") return decide("http2");
    if (protocol === "http1") return decide("http1");
    if (declared && !(protocol === "incomplete" && isPrefacePrefix(bytes))) return decide("http1");
    const tooLong = bytes.length >= options.detectionBytes;
    if (tooLong) options.late("detectionBytes");
    if (protocol === "other" || tooLong) decide("other");
  }

  function decide(protocol: SpokenProtocol): void {
    if (over) return;
    over = true;
    cancel();
    delete connection.drain;
    decided(protocol);
  }
}

function isPrefacePrefix(bytes: Uint8Array): boolean {
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  return bytes.length < preface.length && preface.startsWith(Buffer.from(bytes).toString("latin1"));
}
