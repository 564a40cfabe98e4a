/** `npm run check`: types, lint, architecture, unit tests. With an argument, that step alone. */
import { spawnSync } from "node:child_process";
import { resolve } from "node:path";

const ROOT = resolve(import.meta.dir, "..");
const BIN = resolve(ROOT, "node_modules/.bin");
const PROJECTS = [
  "packages/spiffe",
  "packages/policy",
  "packages/policy/tsconfig.test.json",
  "packages/symbolon",
  "packages/dashboard",
  ".",
];

const steps: Record<string, () => boolean> = {
  typecheck: () => PROJECTS.map((project) => run(`types of ${project}`, [`${BIN}/tsc`, "-p", project])).every(Boolean),
  lint: () => run("lint and format", [`${BIN}/biome`, "check", "--error-on-warnings", "."]),
  test: () => run("tests", [process.execPath, "test/run-quick.ts"]),
};

const wanted = process.argv[2];
if (wanted && !(wanted in steps)) {
  console.error(`unknown step "${wanted}"; one of ${Object.keys(steps).join(", ")}`);
  process.exit(64);
}
const failed = Object.entries(steps).filter(([name, step]) => (!wanted || name === wanted) && !step());
process.exit(failed.length > 0 ? 1 : 0);

function run(label: string, [command = "", ...args]: readonly string[]): boolean {
  const started = performance.now();
  const { status } = spawnSync(command, args, { cwd: ROOT, stdio: "inherit" });
  console.error(`${status === 0 ? "ok" : "FAILED"}  ${label} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return status === 0;
}
