import type { Clock } from "@symbolon/spiffe/core";
import { Deadlines } from "./deadlines.ts";

export interface WatchLimits {
  /** From the connection's beginning to the client's preface. */
  readonly prefaceTimeoutMs: number;
  /** Without a stream. */
  readonly idleTimeoutMs: number;
  /** Without anything taken by the peer, while something waits for it. */
  readonly stallTimeoutMs: number;
  /** A ping after so long without a word of the peer, and how long its answer may take. */
  readonly keepAlive?: { readonly intervalMs: number; readonly timeoutMs: number };
  /** Then the connection takes no more streams, and ends with the last, or after the grace. */
  readonly maxAge?: { readonly ageMs: number; readonly graceMs: number };
}

/** What becomes of a connection when a time is up. */
export interface WatchActions {
  fail(reason: "no preface came" | "the peer does not read"): void;
  drain(graceMs: number): void;
  sendPing(): void;
  /** Nobody is there any more. */
  abandon(): void;
  /** The grace of a drained connection is over. */
  finish(): void;
}

/** The times that a connection is held to. */
export class ConnectionWatch {
  readonly #limits: WatchLimits;
  readonly #actions: WatchActions;
  readonly #deadlines: Deadlines<"preface" | "idle" | "stall" | "ping" | "pong" | "age" | "grace">;

  constructor(limits: WatchLimits, actions: WatchActions, clock: Clock) {
    this.#limits = limits;
    this.#actions = actions;
    this.#deadlines = new Deadlines(clock);
    this.#deadlines.set("preface", limits.prefaceTimeoutMs, () => actions.fail("no preface came"));
    const { maxAge } = limits;
    if (maxAge) this.#deadlines.set("age", maxAge.ageMs, () => actions.drain(maxAge.graceMs));
  }

  prefaceCame(): void {
    this.#deadlines.clear("preface");
    this.withoutStreams();
  }

  withoutStreams(): void {
    this.#deadlines.set("idle", this.#limits.idleTimeoutMs, () => this.#actions.drain(0));
  }

  withStreams(): void {
    this.#deadlines.clear("idle");
  }

  /** Something waits for the peer. */
  waiting(): void {
    if (this.#deadlines.has("stall")) return;
    this.#deadlines.set("stall", this.#limits.stallTimeoutMs, () => this.#actions.fail("the peer does not read"));
  }

  /** The peer has taken what was written. */
  taken(): void {
    this.#deadlines.clear("stall");
  }

  /** The peer is there: it has sent something. */
  heard(): void {
    const { keepAlive } = this.#limits;
    if (!keepAlive) return;
    this.#deadlines.clear("pong");
    this.#deadlines.set("ping", keepAlive.intervalMs, () => {
      this.#actions.sendPing();
      this.#deadlines.set("pong", keepAlive.timeoutMs, () => this.#actions.abandon());
    });
  }

  draining(graceMs: number): void {
    this.#deadlines.set("grace", graceMs, () => this.#actions.finish());
  }

  stop(): void {
    this.#deadlines.clearAll();
  }
}
