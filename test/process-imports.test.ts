import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { processes } from "./architecture-rules.ts";

const ROOT = resolve(import.meta.dir, "..");
const transpiler = new Bun.Transpiler({ loader: "ts" });

describe.each(Object.entries(processes))("the process of %s", (entry, mayReach) => {
  const reached = reachedFrom(entry);

  test("loads the folders of the table `processes` and no others", () => {
    const others = [...reached.keys()]
      .filter((file) => !(folderOf(file) in mayReach))
      .map((file) => wayTo(file, reached));
    expect(others).toEqual([]);
  });

  test("loads no folder whole of which it needs a part", () => {
    const whole = [...reached.keys()]
      .filter((file) => basename(file) === "index.ts" && existsSync(join(ROOT, dirname(file), "data-plane.ts")))
      .map((file) => wayTo(file, reached));
    expect(whole).toEqual([]);
  });

  test("loads every folder of the table", () => {
    const folders = new Set([...reached.keys()].map(folderOf));
    expect(Object.keys(mayReach).filter((folder) => !folders.has(folder))).toEqual([]);
  });
});

/** Files that are loaded before the entry runs, each with the file that imports it first; npm packages included. */
function reachedFrom(entry: string): ReadonlyMap<string, string | undefined> {
  const reached = new Map<string, string | undefined>([[entry, undefined]]);
  // A map is walked in the order of insertion, with what is inserted on the way.
  for (const file of reached.keys()) {
    if (!/\.[mc]?[jt]s$/.test(file)) continue;
    for (const { path, kind } of transpiler.scanImports(readFileSync(join(ROOT, file), "utf8"))) {
      if (kind === "dynamic-import" || isOfTheRuntime(path)) continue;
      const target = relative(ROOT, Bun.resolveSync(path, dirname(join(ROOT, file))));
      if (!reached.has(target)) reached.set(target, file);
    }
  }
  return reached;
}

function isOfTheRuntime(specifier: string): boolean {
  return specifier === "bun" || /^(node|bun):/.test(specifier);
}

/** `symbolon/src/proxy` of packages/symbolon/src/proxy/proxy.ts; what is not in `packages` keeps its path. */
function folderOf(file: string): string {
  return dirname(file).replace(/^packages\//, "");
}

function wayTo(file: string, reached: ReadonlyMap<string, string | undefined>): string {
  const importer = reached.get(file);
  return importer === undefined ? file : `${file} <- ${wayTo(importer, reached)}`;
}
