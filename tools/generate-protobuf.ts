/**
 * Writes packages/symbolon/src/gen from proto/*.proto. The two generators are fetched by npm for this run alone: they
 * are needed once a year, and one of them wants a newer Node than the project does.
 */

import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "..");
const OUTPUT = join(ROOT, "packages/symbolon/src/gen");
const GENERATORS = ["@bufbuild/buf@1.75.0", "@bufbuild/protoc-gen-es@2.17.0"];

const scratch = await mkdtemp(join(tmpdir(), "symbolon-gen-"));
try {
  const template = join(scratch, "buf.gen.yaml");
  await writeFile(
    template,
    JSON.stringify({
      version: "v2",
      clean: true,
      plugins: [{ local: "protoc-gen-es", out: OUTPUT, opt: ["target=ts", "import_extension=ts"] }],
    }),
  );
  const packages = GENERATORS.map((name) => `--package=${name}`);
  const command = ["exec", "--yes", ...packages, "--", "buf", "generate", join(ROOT, "proto"), "--template", template];
  const run = spawnSync("npm", command, { cwd: ROOT, stdio: "inherit" });
  if (run.status !== 0) throw new Error(`buf generate ended with ${run.status ?? run.signal}`);
  await writeIndex(OUTPUT);
  await writeIndex(join(OUTPUT, "envoy"));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

/** A folder is entered only through its index; the generator writes none. */
async function writeIndex(folder: string): Promise<void> {
  const lines: string[] = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith("_pb.ts")).sort()) {
    const source = await readFile(join(folder, file), "utf8");
    const names = [...source.matchAll(/^export (const|type) (\w+)/gm)].map(([, kind, name]) =>
      kind === "type" ? `type ${name}` : (name ?? ""),
    );
    lines.push(`export { ${names.sort().join(", ")} } from "./${file}";`);
  }
  await writeFile(join(folder, "index.ts"), `${lines.join("\n")}\n`);
}
