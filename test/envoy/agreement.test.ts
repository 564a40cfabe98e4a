/**
 * The engine against a real Envoy 1.40: ENVOY_CASES requests and as many connections without HTTP, from ORACLE_SEED (1,000
 * and a fixed seed by default). What the two may differ in is in docs/reference/envoy-facts.md, and drawn around here.
 */
import { describe, expect, test } from "bun:test";
import { installEnvoy } from "../../tools/envoy.ts";
import { SeededRandom } from "../oracle/random.ts";
import { compareWithEnvoy, drawTrials } from "./compare.ts";

const CASES = Number(process.env.ENVOY_CASES ?? 1_000);
const SEED = Number(process.env.ORACLE_SEED ?? 20_261_126);
const MINUTES = 10 * 60_000;
const envoy = installEnvoy() ?? "";

describe.skipIf(envoy === "")("authorization", () => {
  for (const { kind, what, firstPort, branches } of [
    {
      kind: "http",
      what: "requests",
      firstPort: 21_000,
      branches: [
        "forwarded",
        "no_allow_policy",
        "no_allow_rule_matched",
        "path_refused",
        "several_providers",
        "asked ext",
      ],
    },
    { kind: "network", what: "connections without HTTP", firstPort: 23_000, branches: ["no_allow_policy"] },
  ] as const)
    test(
      `decides as Envoy does on ${CASES} random ${what} from seed ${SEED}`,
      async () => {
        const random = new SeededRandom(SEED);
        const { differences, counts } = await compareWithEnvoy(drawTrials(kind, { cases: CASES, random, firstPort }), {
          envoy,
          kind,
        });
        const reached = [...counts].map((entry) => entry.join(" ")).join(", ");
        console.log(`seed ${SEED}: ${CASES} ${what}, ${differences.length} differences; ${reached}`);
        for (const difference of differences.slice(0, 5)) console.log(difference);
        expect(differences.length).toBe(0);
        // A draw that never reaches a branch proves nothing about it; a small one need not.
        if (CASES < 1_000) return;
        const all = ["deny_rule_matched", "allow_rule_matched", "provider_missing", "asked opa", "audited", "dry runs"];
        expect([...all, ...branches].filter((branch) => !counts.has(branch))).toEqual([]);
      },
      MINUTES,
    );
});
