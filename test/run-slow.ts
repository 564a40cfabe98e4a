/** `npm run test:slow`: whole meshes, crashes, load; needs namespaces, curl, openssl, python3 (a test that lacks something says what). */
import { runSuites } from "./suites.ts";

process.exit(
  await runSuites([{ name: "scenario", paths: ["./test/scenario"], budgetSeconds: 1500, timeoutPerTestMs: 600_000 }]),
);
