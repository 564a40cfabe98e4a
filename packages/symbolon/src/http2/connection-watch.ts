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

type Name = "preface" | "idle" | "stall" | "ping" | "pong" | "age" | "grace";

/** The times that a connection is held to. */
export class ConnectionWatch {
  readonly #limits: WatchLimits;
  readonly #actions: WatchActions;
  readonly #deadlines: Deadlines<Name>;

  constructor(limits: WatchLimits, actions: WatchActions, clock: Clock) {
    this.#limits = limits;
    this.#actions = actions;
    this.#deadlines = new Deadlines(clock, (name) => this.#due(name));
    this.#deadlines.set("preface", limits.prefaceTimeoutMs);
    if (limits.maxAge) this.#deadlines.set("age", limits.maxAge.ageMs);
  }

  prefaceCame(): void {
    this.#deadlines.clear("preface");
    this.withoutStreams();
  }

  withoutStreams(): void {
    this.#deadlines.set("idle", this.#limits.idleTimeoutMs);
  }

  withStreams(): void {
    this.#deadlines.clear("idle");
  }

  /** Something waits for the peer. */
  waiting(): void {
    if (!this.#deadlines.has("stall")) this.#deadlines.set("stall", this.#limits.stallTimeoutMs);
  }

  /** The peer has taken what was written. */
  taken(): void {
    this.#deadlines.clear("stall");
  }

  /** The peer is there: it has sent something. */
  heard(): void {
    if (!this.#limits.keepAlive) return;
    this.#deadlines.clear("pong");
    this.#deadlines.set("ping", this.#limits.keepAlive.intervalMs);
  }

  /** Of two graces the earlier end counts. */
  draining(graceMs: number): void {
    this.#deadlines.setNoLater("grace", graceMs);
  }

  stop(): void {
    this.#deadlines.stop();
  }

  #due(name: Name): void {
    switch (name) {
      case "preface":
        return this.#actions.fail("no preface came");
      case "stall":
        return this.#actions.fail("the peer does not read");
      case "idle":
        return this.#actions.drain(0);
      case "age":
        return this.#actions.drain(this.#limits.maxAge?.graceMs ?? 0);
      case "ping":
        this.#actions.sendPing();
        return this.#deadlines.set("pong", this.#limits.keepAlive?.timeoutMs ?? 0);
      case "pong":
        return this.#actions.abandon();
      case "grace":
        return this.#actions.finish();
    }
  }
}
