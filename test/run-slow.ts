/** `npm run test:slow`: the libraries on Node, a real Envoy, whole meshes, crashes, load; needs namespaces, curl, openssl, python3, and Go, Java, Rust for foreign SPIFFE clients (a test that lacks something says what). */
import { runSuites } from "./suites.ts";

process.exit(
  await runSuites([
    { name: "runtimes", paths: ["./test/runtimes"], budgetSeconds: 300, timeoutPerTestMs: 300_000 },
    [
      {
        name: "oracle",
        paths: ["./test/oracle"],
        budgetSeconds: 600,
        timeoutPerTestMs: 3_600_000,
        env: { ORACLE_CASES: "1000000", FLIP_CASES: "100000", PROXY_CASES: "4000" },
      },
      {
        name: "fuzz",
        paths: ["./test/fuzz"],
        budgetSeconds: 600,
        timeoutPerTestMs: 3_600_000,
        env: { EXECUTIONS: "10000000" },
      },
    ],
    {
      name: "mutated documents",
      paths: [
        "./packages/policy/src/parse-robustness.test.ts",
        "./packages/policy/src/analysis/analyze-robustness.test.ts",
        "./packages/policy/src/analysis/rule-cover.test.ts",
      ],
      budgetSeconds: 120,
      timeoutPerTestMs: 600_000,
      env: { PARSE_MUTATIONS: "100000", ANALYSIS_RUNS: "5000" },
    },
    { name: "envoy", paths: ["./test/envoy"], budgetSeconds: 120, timeoutPerTestMs: 300_000 },
    { name: "spiffe clients", paths: ["./test/clients"], budgetSeconds: 1200, timeoutPerTestMs: 600_000 },
    { name: "attack", paths: ["./test/attack"], budgetSeconds: 120, timeoutPerTestMs: 120_000 },
    { name: "load", paths: ["./test/load"], budgetSeconds: 120, timeoutPerTestMs: 120_000 },
    { name: "scenario", paths: ["./test/scenario"], budgetSeconds: 1500, timeoutPerTestMs: 600_000 },
  ]),
);
