import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { importsAtOnce, layers, npmDependencies, packages, reservedNames } from "./architecture-rules.ts";

const ROOT = resolve(import.meta.dir, "..");
const transpiler = new Bun.Transpiler({ loader: "ts" });
const sources = [...new Bun.Glob("packages/*/src/**/*.{ts,tsx}").scanSync(ROOT)]
  .filter((file) => !file.includes("/dist/"))
  .sort()
  .map((file) => readSource(file));
const production = sources.filter((source) => !source.isTest);

describe("architecture", () => {
  test("every import is in the tables of test/architecture-rules.ts", () => {
    const violations = production.flatMap((source) => source.imports.flatMap((target) => judge(source, target)));
    expect(violations).toEqual([]);
  });

  test("a folder is entered only through its index.ts", () => {
    const violations = production.flatMap((source) =>
      source.imports
        .filter((target) => target.kind === "file")
        .filter((target) => target.area !== source.area && target.package === source.package)
        // The files directly in src are no folder; the tables say who may use them.
        .filter((target) => target.area !== "" && !isEntry(target) && !isManifest(target))
        .map((target) => `${source.path} imports ${target.path}`),
    );
    expect(violations).toEqual([]);
  });

  test("importing @symbolon/spiffe loads no module of the runtime", () => {
    const violations = production
      .filter((source) => source.package === "spiffe" && !importsAtOnce.has(source.area))
      .flatMap((source) =>
        transpiler
          .scanImports(source.text)
          .filter(({ path }) => resolveTarget(source.path, path).kind === "runtime")
          .map(({ path }) => `${source.path} imports ${path}: use builtinModule("${path}")`),
      );
    expect(violations).toEqual([]);
  });

  test("no import cycle, file by file", () => {
    expect(findCycle()).toEqual([]);
  });

  test("time, randomness, environment and console stay in the files that own them", () => {
    const violations = production.flatMap((source) =>
      reservedNames
        .filter((rule) => !rule.allowedIn.some((prefix) => source.path.startsWith(prefix)))
        .filter((rule) => rule.pattern.test(withoutComments(source.text)))
        .map((rule) => `${source.path} uses ${rule.name}: ${rule.reason}`),
    );
    expect(violations).toEqual([]);
  });

  test("no private key stands in what is shipped (CV-48)", () => {
    const privateKey =
      /-----BEGIN [A-Z ]*PRIVATE KEY-----\s*(\\n)?[A-Za-z0-9+/]{16}|["']?\bd["']?\s*:\s*["'][A-Za-z0-9_-]{20,}["']/;
    expect(privateKey.test('{"kty":"EC","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}')).toBe(true);
    expect(privateKey.test("-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA")).toBe(true);
    expect(production.filter(({ text }) => privateKey.test(text)).map(({ path }) => path)).toEqual([]);
  });

  test("every runtime dependency has a reason, and every reason a dependency", () => {
    for (const [name, reasons] of Object.entries(npmDependencies)) {
      const manifest = JSON.parse(readFileSync(join(ROOT, "packages", name, "package.json"), "utf8"));
      const declared = Object.keys(manifest.dependencies ?? {}).filter((dependency) => !isOwnPackage(dependency));
      expect(declared.sort()).toEqual(Object.keys(reasons).sort());
    }
  });

  test("every folder that the tables name exists, and every folder is in the tables", () => {
    for (const [name, table] of Object.entries(layers)) {
      const found = new Set(production.filter((source) => source.package === name).map((source) => source.area));
      found.delete("");
      expect([...found].sort()).toEqual(Object.keys(table).sort());
    }
  });

  test("median source file is at most 150 lines, and none is over 400 without a stated reason", () => {
    const lengths = production.map((source) => source.text.split("\n").length).sort((a, b) => a - b);
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(150);
    const long = production.filter((source) => source.text.split("\n").length > 400);
    expect(long.filter((source) => !/LONG FILE:/.test(source.text)).map((source) => source.path)).toEqual([]);
  });
});

interface Source {
  readonly path: string;
  readonly text: string;
  readonly package: string;
  /** First folder below src, or below src/adapters; empty for files directly in src. */
  readonly area: string;
  readonly isTest: boolean;
  readonly imports: readonly Target[];
}

type Target =
  | FileTarget
  | { readonly kind: "package"; readonly name: string }
  | { readonly kind: "runtime"; readonly name: string };

interface FileTarget {
  readonly kind: "file";
  readonly path: string;
  readonly package: string;
  readonly area: string;
}

function isEntry({ path, package: name, area }: FileTarget): boolean {
  const file = path.slice(path.lastIndexOf("/") + 1);
  return file === "index.ts" || file in (layers[name]?.[area]?.entries ?? {});
}

/** A package may read its own version. */
function isManifest({ path, package: name }: FileTarget): boolean {
  return path === `packages/${name}/package.json`;
}

function judge(source: Source, target: Target): string[] {
  const packageRules = packages[source.package];
  const areaRules = layers[source.package]?.[source.area];
  const refuse = (what: string) => [`${source.path} imports ${what}`];
  switch (target.kind) {
    case "runtime": {
      const allowed = areaRules?.runtime ?? packageRules?.runtime ?? [];
      const ok = allowed.some(
        (pattern) => target.name === pattern || (pattern.endsWith("*") && target.name.startsWith(pattern.slice(0, -1))),
      );
      return ok ? [] : refuse(`${target.name}, a runtime module that its folder may not use`);
    }
    case "package": {
      const allowed = areaRules?.packages ?? packageRules?.packages ?? [];
      return allowed.some((name) => target.name === name || target.name.startsWith(`${name}/`))
        ? []
        : refuse(`${target.name}, a package that its folder may not use`);
    }
    case "file":
      if (target.package !== source.package) return refuse(`${target.path} of another package by path`);
      if (target.area === source.area || source.area === "" || isManifest(target)) return [];
      return areaRules && target.area in areaRules.mayImport
        ? []
        : refuse(`${target.path}: ${source.area} may not import ${target.area}`);
  }
}

function readSource(path: string): Source {
  const text = readFileSync(join(ROOT, path), "utf8");
  const imports = [...new Set(importSpecifiers(path, text))].map((specifier) => resolveTarget(path, specifier));
  return { path, text, ...placeOf(path), isTest: /\.test\.tsx?$/.test(path), imports };
}

/** Value imports from Bun's scanner; type imports, which it leaves out, by their own pattern; and what is loaded at its first use. */
function importSpecifiers(path: string, text: string): string[] {
  const values = path.endsWith(".d.ts") ? [] : transpiler.scanImports(text).map((found) => found.path);
  const types = [...text.matchAll(/^\s*(?:import|export) type [^;]*?from "([^"]+)"/gms)].map((match) => match[1] ?? "");
  const mixed = [...text.matchAll(/^\s*(?:import|export) \{[^}]*\btype [^}]*\} from "([^"]+)"/gms)].map(
    (match) => match[1] ?? "",
  );
  const atFirstUse = [...text.matchAll(/\bbuiltinModule\("([^"]+)"\)/g)].map((match) => match[1] ?? "");
  return [...values, ...types, ...mixed, ...atFirstUse].filter((specifier) => specifier !== "");
}

function resolveTarget(from: string, specifier: string): Target {
  if (specifier.startsWith("node:") || specifier.startsWith("bun:") || specifier === "bun")
    return { kind: "runtime", name: specifier };
  if (!specifier.startsWith(".")) return { kind: "package", name: specifier };
  const path = relative(ROOT, resolve(ROOT, dirname(from), specifier));
  if (!existsSync(join(ROOT, path))) throw new Error(`${from} imports ${specifier}, which does not exist`);
  return { kind: "file", path, ...placeOf(path) };
}

function placeOf(path: string): { package: string; area: string } {
  const [, name = "", , ...rest] = path.split("/");
  const folders = rest.slice(0, -1);
  const area = folders[0] === "adapters" ? folders.slice(0, 2).join("/") : (folders[0] ?? "");
  return { package: name, area };
}

function findCycle(): string[] {
  const edges = new Map(production.map((source) => [source.path, valueImports(source)]));
  const state = new Map<string, "open" | "done">();
  const visit = (path: string, trail: readonly string[]): string[] => {
    if (state.get(path) === "done") return [];
    if (state.get(path) === "open") return [...trail.slice(trail.indexOf(path)), path];
    state.set(path, "open");
    for (const next of edges.get(path) ?? []) {
      const cycle = visit(next, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    state.set(path, "done");
    return [];
  };
  for (const path of edges.keys()) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

function valueImports(source: Source): string[] {
  if (source.path.endsWith(".d.ts")) return [];
  return transpiler
    .scanImports(source.text)
    .map((found) => resolveTarget(source.path, found.path))
    .flatMap((target) => (target.kind === "file" ? [target.path] : []));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "");
}

function isOwnPackage(name: string): boolean {
  return name.startsWith("@symbolon/") || name === "symbolon";
}
