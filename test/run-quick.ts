/** `npm test`: everything that needs nothing but Node and npm. */
import { runSuites } from "./suites.ts";

process.exit(
  await runSuites([
    {
      name: "architecture",
      paths: ["./test/architecture.test.ts", "./test/process-imports.test.ts", "./test/docs.test.ts"],
      budgetSeconds: 10,
    },
    { name: "spiffe", paths: ["./packages/spiffe"], budgetSeconds: 120 },
    { name: "policy", paths: ["./packages/policy", "./test/oracle"], budgetSeconds: 60 },
    { name: "symbolon", paths: ["./packages/symbolon"], budgetSeconds: 240 },
  ]),
);
