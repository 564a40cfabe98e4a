/**
 * Decisions of casbin and Cedar beside ours, on the same rules and requests, as ratios. Every decision of theirs is compared
 * with ours first. See ../README.md. `node tools/run.mjs bench/policy/peers.ts`
 */
import { compileAuthorization } from "@symbolon/policy";
import { summarize } from "../harness/statistics.ts";
import { installPeers, type Peer } from "./peer-engines.ts";
import { attributesOf, connectionOf, type PeerSet, peerSets, policiesOf } from "./peer-sets.ts";
import { threadNanoseconds } from "./thread-time.ts";

const ROUNDS = 15;
const ROUND_MS = 60;

const rows: Record<string, Record<string, string>> = {};
const peers = await installPeers();
for (const set of peerSets()) {
  const ours = ourEngine(set);
  const others: { readonly name: string; readonly decide: Decide }[] = [];
  for (const peer of peers) others.push({ name: peer.name, decide: await agreeing(peer, set, ours) });
  const costs = new Map<string, number[]>();
  for (let round = -1; round < ROUNDS; round++)
    for (const { name, decide } of [{ name: "ours", decide: ours }, ...others]) {
      const cost = nanosecondsOf(decide, set);
      // The first round warms up.
      if (round >= 0) costs.set(name, [...(costs.get(name) ?? []), cost]);
    }
  const mine = costs.get("ours") ?? [];
  rows[set.name] = {
    ours: `${summarize(mine).median.toFixed(0)} ns`,
    ...Object.fromEntries(others.map(({ name }) => [name, ratioText(costs.get(name) ?? [], mine)])),
  };
}
console.table(rows);

type Decide = (index: number) => boolean;

/** With the connection prepared, and the request as a proxy has it. */
function ourEngine(set: PeerSet): Decide {
  const connection = compileAuthorization(policiesOf(set), { trustDomain: "cluster.local" }).connection(
    connectionOf(set),
  );
  const requests = set.requests.map(attributesOf);
  return (index) => connection.decide(requests[index]).outcome === "allow";
}

async function agreeing(peer: Peer, set: PeerSet, ours: Decide): Promise<Decide> {
  const decide = await peer.load(set);
  for (const [index, request] of set.requests.entries())
    if (decide(index) !== ours(index))
      throw new Error(`${peer.name} decides ${decide(index)} on ${JSON.stringify(request)} of "${set.name}"`);
  return decide;
}

/** Of one decision, over whole passes through the requests. */
function nanosecondsOf(decide: Decide, { requests }: PeerSet): number {
  const started = threadNanoseconds();
  let decisions = 0;
  for (; threadNanoseconds() - started < ROUND_MS * 1e6; decisions += requests.length)
    for (let index = 0; index < requests.length; index++) decide(index);
  return (threadNanoseconds() - started) / decisions;
}

/** Median of neighbouring rounds, with the lowest and the highest. */
function ratioText(theirs: readonly number[], mine: readonly number[]): string {
  const { median, lowest, highest } = summarize(theirs.map((cost, round) => cost / (mine[round] ?? Number.NaN)));
  return `${median.toFixed(0)}x (${lowest.toFixed(0)} - ${highest.toFixed(0)})`;
}
