/** The engine against the slow evaluator: ORACLE_CASES triples from ORACLE_SEED (10,000 and a fixed seed by default). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { compileAuthorization, type Decision } from "@symbolon/policy";
import { buildPolicy } from "./build-policy.ts";
import { SeededRandom } from "./random.ts";
import { type RandomCase, randomCase, randomConnection, randomRequest } from "./random-case.ts";
import { type SlowDecision, slowDecide } from "./slow-evaluator.ts";

const CASES = Number(process.env.ORACLE_CASES ?? 10_000);
const SEED = Number(process.env.ORACLE_SEED ?? 20_261_126);
/** Connections and requests tried with each policy set. */
const TRIPLES_A_SET = 10;
const HOUR = 3_600_000;

describe("authorization", () => {
  test(`decides as the slow evaluator does on ${CASES} random triples from seed ${SEED}`, { timeout: HOUR }, () => {
    const random = new SeededRandom(SEED);
    const counts = new Map<string, number>();
    for (let done = 0; done < CASES; ) {
      const drawn = randomCase(random);
      const policies = drawn.policies.map(buildPolicy);
      const compiled = compileAuthorization(policies, drawn.options);
      for (let triple = 0; triple < TRIPLES_A_SET && done < CASES; triple++, done++) {
        const connection = triple === 0 ? drawn.connection : randomConnection(random);
        const request = triple === 0 ? drawn.request : random.chance(0.8) ? randomRequest(random) : undefined;
        const actual = comparable(compiled.connection(connection).decide(request));
        const wanted = slowDecide(policies, drawn.options, connection, request);
        counts.set(wanted.reason, (counts.get(wanted.reason) ?? 0) + 1);
        if (!isDeepStrictEqual(actual, wanted)) fail({ ...drawn, connection, ...(request && { request }) }, done);
      }
    }
    console.log(`seed ${SEED}: ${CASES} triples agree; ${[...counts].map((entry) => entry.join(" ")).join(", ")}`);
    // A draw that never reaches a branch proves nothing about it.
    assert.equal(counts.size, 8);
  });
});

function comparable(decision: Decision): SlowDecision {
  const { outcome, reason, by, audit, shadow } = decision;
  return {
    outcome,
    reason,
    ...(by && { policyId: by.policyId }),
    ...(decision.outcome === "ask_provider" && {
      asks: decision.asks.map((question) => `${question.provider} ${question.by.policyId}`),
    }),
    audit,
    ...(shadow && {
      shadow: {
        ...(shadow.deny && { deny: [shadow.deny.result, shadow.deny.by?.policyId].filter(Boolean).join(" ") }),
        ...(shadow.allow && { allow: [shadow.allow.result, shadow.allow.by?.policyId].filter(Boolean).join(" ") }),
      },
    }),
  };
}

/** Throws with the smallest case that still disagrees: policies, rules, entries and values are taken away one by one. */
function fail(found: RandomCase, index: number): never {
  const disagrees = (candidate: RandomCase) => {
    const { actual, wanted } = bothDecisions(candidate);
    return !isDeepStrictEqual(actual, wanted);
  };
  let smallest = found;
  for (let shrunk: RandomCase | undefined = found; shrunk; ) {
    smallest = shrunk;
    shrunk = smaller(smallest).find(disagrees);
  }
  const { actual, wanted } = bothDecisions(smallest);
  const text = JSON.stringify({ ...smallest, headers: [...(smallest.request?.headers ?? [])] }, undefined, 1);
  throw new Error(
    `triple ${index} of seed ${SEED}: engine ${JSON.stringify(actual)}, slow ${JSON.stringify(wanted)}\n${text}`,
  );
}

function bothDecisions({ policies, options, connection, request }: RandomCase) {
  const built = policies.map(buildPolicy);
  return {
    actual: comparable(compileAuthorization(built, options).connection(connection).decide(request)),
    wanted: slowDecide(built, options, connection, request),
  };
}

function smaller(found: RandomCase): RandomCase[] {
  return without(found.policies)
    .map((policies) => ({ ...found, policies }))
    .concat(
      found.policies.flatMap((policy, at) =>
        smallerRules(policy.rules ?? []).map((rules) => ({
          ...found,
          policies: found.policies.with(at, { ...policy, rules }),
        })),
      ),
    );
}

type Rules = NonNullable<RandomCase["policies"][number]["rules"]>;

function smallerRules(rules: Rules): Rules[] {
  const changed = rules.flatMap((rule, at) => {
    const { from, to, when } = rule;
    const parts = (["from", "to", "when"] as const).filter((part) => rule[part]);
    return [
      ...parts.map((part) => Object.fromEntries(Object.entries(rule).filter(([name]) => name !== part))),
      ...(from
        ? without(from)
            .filter((list) => list.length > 0)
            .map((list) => ({ ...rule, from: list }))
        : []),
      ...(to
        ? without(to)
            .filter((list) => list.length > 0)
            .map((list) => ({ ...rule, to: list }))
        : []),
      ...(when ? without(when).map((list) => ({ ...rule, when: list })) : []),
    ].map((smallerRule) => rules.with(at, smallerRule));
  });
  return [...without(rules), ...changed];
}

function without<T>(list: readonly T[]): T[][] {
  return list.map((_, at) => list.toSpliced(at, 1));
}
