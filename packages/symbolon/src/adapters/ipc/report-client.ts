import { type Clock, errorText, type Log, type Random, type Timer, toHex } from "@symbolon/spiffe/core";
import {
  type ConnectionRecord,
  type DenialRecord,
  type PlaintextSighting,
  PlaintextSightings,
  type ReportedDenial,
} from "../../telemetry/index.ts";
import { encodeMessage, parseMessage } from "./frame.ts";
import { connectFrames } from "./frame-client.ts";
import type { FrameConnection } from "./frame-connection.ts";

/** What one proxy tells the control plane. */
export interface ReportClient {
  /** Never waits and never throws; what finds no room is counted, and the count is reported. */
  denied(denial: DenialRecord): void;
  /** A connection that ended, or one that is open. */
  seen(connection: ConnectionRecord): void;
  /** A token is signed with a key that the set from this source does not have. */
  keyUnknown(source: string): void;
  close(): void;
}

export interface Report {
  /** Grows; the answer to it has the same. */
  readonly id: number;
  readonly denials: readonly ReportedDenial[];
  /** Denials that found no room since the last report. */
  readonly lost: number;
  readonly plaintext: readonly PlaintextSighting[];
  /** Sources of key sets that lack the key of a token. */
  readonly unknownKeys: readonly string[];
}

/** Denials that wait while the control plane is away or busy. */
export const KEPT_DENIALS = 5000;
const DENIALS_A_REPORT = 100;
/** With the number above: 500 a second of each proxy, so that a flood at one does not keep the control plane busy. */
const BETWEEN_REPORTS_MS = 200;

/**
 * Reports denials in order, and callers without mutual TLS; each report is repeated, on the next connection too, until the control plane has said that
 * it is stored.
 */
export function createReportClient(options: {
  readonly path: string;
  readonly podUid: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): ReportClient {
  const { podUid, clock, random, log } = options;
  const run = toHex(random.bytes(6));
  let count = 0;
  let waiting: ReportedDenial[] = [];
  let lost = 0;
  const sightings = new PlaintextSightings(() => clock.now());
  let hasSightings = false;
  const unknownKeys = new Set<string>();
  let reportId = 0;
  let unanswered: Report | undefined;
  let connection: FrameConnection | undefined;
  let pause: Timer | undefined;

  const sendNext = (): void => {
    if (!connection || pause || unanswered || isEmpty()) return;
    const plaintext = sightings.take();
    hasSightings = false;
    unanswered = {
      id: ++reportId,
      denials: waiting.slice(0, DENIALS_A_REPORT),
      lost,
      plaintext,
      unknownKeys: [...unknownKeys],
    };
    unknownKeys.clear();
    send(unanswered);
  };
  const isEmpty = (): boolean => waiting.length === 0 && lost === 0 && !hasSightings && unknownKeys.size === 0;
  const send = (report: Report): void => void connection?.send(encodeMessage({ type: "report", ...report }));

  const client = connectFrames({
    ...options,
    onOpen(opened) {
      connection = opened;
      opened.send(encodeMessage({ type: "hello", podUid }));
      if (unanswered) send(unanswered);
      else sendNext();
    },
    onFrame(frame, current) {
      const answered = readAnswer(frame, current);
      if (unanswered === undefined || answered !== unanswered.id) return;
      waiting = waiting.slice(unanswered.denials.length);
      lost -= unanswered.lost;
      unanswered = undefined;
      pause = clock.setTimer(BETWEEN_REPORTS_MS, () => {
        pause = undefined;
        sendNext();
      });
    },
    onDown() {
      connection = undefined;
    },
  });

  function readAnswer(frame: Buffer, current: FrameConnection): unknown {
    try {
      const { type, id } = parseMessage(frame);
      return type === "stored" ? id : undefined;
    } catch (error) {
      log.error("answer of the control plane is refused", { reason: errorText(error) });
      current.close();
      return undefined;
    }
  }

  return {
    denied(denial) {
      if (waiting.length >= KEPT_DENIALS) lost++;
      else waiting.push({ ...denial, id: `${run}-${++count}` });
      sendNext();
    },
    seen(record) {
      if (!sightings.add(record)) return;
      hasSightings = true;
      sendNext();
    },
    keyUnknown(source) {
      unknownKeys.add(source);
      sendNext();
    },
    close() {
      pause?.cancel();
      client.close();
      if (waiting.length + lost > 0) log.warn("denials not reported at the end", { denials: waiting.length + lost });
    },
  };
}
