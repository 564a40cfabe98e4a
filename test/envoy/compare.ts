/** Policy sets with connections or requests, decided by the engine and by an Envoy that has the same policies. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConnectionAttributes, compileAuthorization, type RequestAttributes } from "@symbolon/policy";
import type { SeededRandom } from "../oracle/random.ts";
import type { FilterKind } from "./authorization-filters.ts";
import { caseText, drawConnection, drawListener, drawRequest } from "./draw.ts";
import { type EnvoyListener, envoyBootstrap } from "./envoy-bootstrap.ts";
import { createPki } from "./envoy-pki.ts";
import { engineOutcome, envoyOutcome, type ObservedLine } from "./outcome.ts";
import { startProviders } from "./providers.ts";
import { sendBytes, sendRequest } from "./send-request.ts";
import { startEnvoy } from "./start-envoy.ts";

export interface Comparison {
  readonly differences: readonly string[];
  /** How often each reason, provider and observation came up. */
  readonly counts: ReadonlyMap<string, number>;
}

/** A policy set and what is sent to it. */
export interface Trial {
  readonly listener: EnvoyListener;
  readonly exchanges: readonly { readonly connection: ConnectionAttributes; readonly request?: RequestAttributes }[];
}

export interface ComparisonOptions {
  readonly envoy: string;
  readonly kind: FilterKind;
}

interface Draw {
  readonly cases: number;
  readonly random: SeededRandom;
  /** Each policy set has a listener. */
  readonly firstPort: number;
}

interface Done {
  readonly wanted: string;
  readonly asked: readonly string[];
  /** Address and port as Envoy writes them. */
  readonly peer: string;
  readonly hasAllowPolicy: boolean;
  readonly text: string;
}

const CASES_A_SET = 5;

/** `cases` random exchanges. */
export function drawTrials(kind: FilterKind, { cases, random, firstPort }: Draw): readonly Trial[] {
  const listeners = Array.from({ length: Math.ceil(cases / CASES_A_SET) }, (_, index) =>
    drawListener(random, firstPort + index),
  );
  return listeners.map((listener) => ({
    listener,
    exchanges: Array.from({ length: CASES_A_SET }, () => {
      const { remoteAddress, ...direct } = drawConnection(random, listener);
      // Only HTTP says who stands behind the peer.
      if (kind === "network") return { connection: direct };
      const connection = remoteAddress === undefined ? direct : { ...direct, remoteAddress };
      return { connection, request: drawRequest(random) };
    }),
  }));
}

/** Decides every exchange with the engine, and sends it to an Envoy that has the same policies. */
export async function compareWithEnvoy(
  trials: readonly Trial[],
  { envoy, kind }: ComparisonOptions,
): Promise<Comparison> {
  const listeners = trials.map(({ listener }) => listener);
  const directory = mkdtempSync(join(tmpdir(), "symbolon-envoy-"));
  const accessLog = join(directory, "access.log");
  const pki = createPki(directory);
  const providers = await startProviders();
  const keys = { ...pki, jwks: JSON.stringify(pki.jwks) };
  const stop = await startEnvoy(envoy, directory, envoyBootstrap(listeners, { kind, keys, providers, accessLog }));
  const done: Done[] = [];
  const counts = new Map<string, number>();
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  let log = "";

  const tryOne = async (
    listener: EnvoyListener,
    compiled: ReturnType<typeof compileAuthorization>,
    { connection, request }: Trial["exchanges"][number],
  ) => {
    const { decision, outcome } = engineOutcome(compiled.connection(connection), request, listener.verdicts);
    const client = connection.peerSpiffeId === undefined ? undefined : pki.client(connection.peerSpiffeId);
    const token = request?.claims && pki.token(request.claims);
    const { localPort } = request
      ? await sendRequest(connection, request, { keys: client, token })
      : await sendBytes(connection, client);
    const asked = providers.takeAsked();
    done.push({
      wanted: decision.reason === "path_refused" ? "400" : JSON.stringify(outcome),
      asked,
      peer: `${connection.sourceAddress}:${localPort}`,
      hasAllowPolicy: listener.policies.some(({ action, dryRun }) => action === "allow" && !dryRun),
      text: caseText(listener, connection, request),
    });
    count(decision.reason);
    for (const provider of asked) count(`asked ${provider}`);
    if (connection.remoteAddress !== undefined) count("forwarded");
    if (outcome.audit) count("audited");
    if (outcome.shadowAllow || outcome.shadowDeny) count("dry runs");
  };

  try {
    for (const { listener, exchanges } of trials) {
      const compiled = compileAuthorization(listener.policies, listener.options);
      for (const exchange of exchanges) await tryOne(listener, compiled, exchange);
    }
  } finally {
    // What Envoy has not written yet, it writes when it ends.
    await stop();
    providers.stop();
    log = readFileSync(accessLog, "utf8");
    rmSync(directory, { recursive: true, force: true });
  }
  return { differences: differencesOf(done, linesByPeer(log), kind), counts };
}

/** Ports come again; then the lines of one peer are in the order of its connections. */
function linesByPeer(log: string): Map<string, ObservedLine[]> {
  const lines = new Map<string, ObservedLine[]>();
  for (const text of log.split("\n").filter((line) => line !== "")) {
    const line = JSON.parse(text) as ObservedLine;
    lines.set(line.peer, [...(lines.get(line.peer) ?? []), line]);
  }
  return lines;
}

function differencesOf(
  done: readonly Done[],
  lines: ReadonlyMap<string, ObservedLine[]>,
  kind: FilterKind,
): readonly string[] {
  return done.flatMap(({ wanted, asked, peer, hasAllowPolicy, text }) => {
    const line = lines.get(peer)?.shift();
    const actual =
      line && (line.status === 400 ? "400" : JSON.stringify(envoyOutcome(line, { asked, kind, hasAllowPolicy })));
    return actual === wanted ? [] : [`Envoy ${actual}, engine ${wanted}: ${text}`];
  });
}
