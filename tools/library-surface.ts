/** What each entry of @symbolon/spiffe exports, from its index.ts: docs/reference/library-surface.txt, made by `npm run docs`; a test compares. */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const PACKAGE = resolve(import.meta.dir, "../packages/spiffe");
export const SURFACE_PAGE = resolve(import.meta.dir, "../docs/reference/library-surface.txt");

/** One line a name: `entry  name`, types as `entry  type name`. @throws when an entry exports in a form that is not read here */
export function librarySurface(): string {
  const { exports } = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as {
    readonly exports: Readonly<Record<string, { readonly bun: string }>>;
  };
  const lines = Object.entries(exports).flatMap(([entry, { bun }]) =>
    exportedNames(readFileSync(join(PACKAGE, bun), "utf8"), bun).map((name) => `${entry}  ${name}`),
  );
  return `${lines.join("\n")}\n`;
}

function exportedNames(text: string, path: string): readonly string[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  const statement = /export (type )?\{([^}]*)\} from "[^"]+";/g;
  const names = [...code.matchAll(statement)].flatMap(([, type, list = ""]) =>
    list
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => (type ? `type ${name}` : name)),
  );
  const rest = code.replace(statement, "").trim();
  if (rest !== "") throw new Error(`${path} has more than lists of exports: ${rest.slice(0, 100)}`);
  return names.toSorted();
}
