/** Explanations by brute force: FLIP_CASES cases from ORACLE_SEED (500 and a fixed seed by default). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import {
  type AuthorizationPolicy,
  createExplainer,
  explanationText,
  type Flip,
  OPENINGS,
  type SingleChange,
  type Subject,
} from "@symbolon/policy";
import { buildPolicy } from "./build-policy.ts";
import { SeededRandom } from "./random.ts";
import { randomCase } from "./random-case.ts";
import { ruleMatches, type SlowOptions, slowDecide } from "./slow-evaluator.ts";

const DEFAULT_CASES = 500;
const CASES = Number(process.env.FLIP_CASES ?? DEFAULT_CASES);
const SEED = Number(process.env.ORACLE_SEED ?? 20_261_126);
type Policies = readonly AuthorizationPolicy[];

const HOUR = 3_600_000;

describe("explanations", () => {
  test(
    `name every single change that flips, and no other, on ${CASES} random cases from seed ${SEED}`,
    { timeout: HOUR },
    () => {
      const random = new SeededRandom(SEED);
      /** Of other cases, for what a change does to them. */
      let others: readonly Subject[] = [];
      const counts = { changes: 0, flips: 0, cut: 0 };
      for (let done = 0; done < CASES; done++) {
        const { policies: texts, options, ...subject } = randomCase(random);
        const policies = texts.map(buildPolicy);
        // Ten cost twice what the rest of a case does: in a long run one is enough.
        others = [...others.slice(done < DEFAULT_CASES ? -9 : -1), subject];
        const explainer = createExplainer(policies, options);
        const explanation = explainer.explain(subject);
        const before = slowDecide(policies, options, subject.connection, subject.request);
        const changes = explainer.singleChanges(subject);
        const wanted: Flip[] = [];
        for (const { change, policies: changed, subject: other } of changes) {
          const { outcome } = slowDecide(changed, options, other.connection, other.request);
          if (outcome !== before.outcome) wanted.push({ change, outcome });
        }
        const where = () => `case ${done} of seed ${SEED}: ${JSON.stringify({ texts, options, subject })}`;
        check(explanation.decision.outcome === before.outcome, where);
        check(
          explanation.flips.length + explanation.moreFlips === wanted.length,
          () => `${where()}\n${difference(explanation.flips, wanted)}`,
        );
        check(explanation.flips.length === Math.min(20, wanted.length), where);
        const named = new Set(wanted.map(keyOf));
        for (const flip of explanation.flips)
          check(named.has(keyOf(flip)), () => `${where()}\n${keyOf(flip)} does not flip`);
        check(
          isDeepStrictEqual(
            explanation.flips.map(({ change }) => placeOf(change)),
            shownPlaces(wanted),
          ),
          () => `${where()}\nin another order`,
        );
        for (const change of changes) {
          if (change.change.kind !== "policy" || change.change.opens !== "nothing") continue;
          for (const other of others)
            check(
              !opens(policies, change.policies, options, other),
              () => `${where()}\n${change.change.text} opens ${JSON.stringify(other)}`,
            );
        }
        for (const { policy, rules } of explanation.policies)
          for (const [index, rule] of rules.entries()) {
            const world = { options, policy, connection: subject.connection, request: subject.request };
            const [written] = policy.rules.slice(index);
            if (before.reason !== "path_refused" && written) check(rule.matches === ruleMatches(written, world), where);
          }
        check(explanationText(explanation).length > 0, where);
        counts.changes += changes.length;
        counts.flips += wanted.length;
        counts.cut += explanation.moreFlips > 0 ? 1 : 0;
      }
      console.log(
        `seed ${SEED}: ${CASES} cases, ${counts.changes} single changes, ${counts.flips} flips, ${counts.cut} lists cut at 20`,
      );
      assert.ok(counts.flips > CASES);
    },
  );
});

/** Of the call first, then what opens least, then the smallest. */
function placeOf(change: SingleChange): readonly [number, number] {
  return [change.kind === "policy" ? OPENINGS.indexOf(change.opens) + 1 : 0, change.size];
}

/** Of twenty at most, ten are kept for changes of policies. */
function shownPlaces(wanted: readonly Flip[]): readonly (readonly [number, number])[] {
  const places = wanted.map(({ change }) => placeOf(change));
  const sorted = places.toSorted(([a, size], [b, other]) => a - b || size - other);
  const ofCall = sorted.filter(([place]) => place === 0);
  const ofPolicies = sorted.filter(([place]) => place > 0);
  return [...ofCall.slice(0, Math.max(10, 20 - ofPolicies.length)), ...ofPolicies].slice(0, 20);
}

function opens(before: Policies, after: Policies, options: SlowOptions, { connection, request }: Subject): boolean {
  const outcome = (policies: Policies) => slowDecide(policies, options, connection, request).outcome;
  return outcome(after) === "allow" && outcome(before) !== "allow";
}

function keyOf({ change, outcome }: Flip): string {
  return `${outcome} ${JSON.stringify(change)}`;
}

function difference(actual: readonly Flip[], wanted: readonly Flip[]): string {
  const [left, right] = [actual.map(keyOf), wanted.map(keyOf)];
  const missing = right.filter((key) => !left.includes(key));
  const extra = left.filter((key) => !right.includes(key));
  return `not named: ${missing.join("\n")}\nnamed, and does not flip: ${extra.join("\n")}`;
}

function check(isTrue: boolean, describeFailure: () => string): void {
  if (!isTrue) throw new Error(describeFailure());
}
