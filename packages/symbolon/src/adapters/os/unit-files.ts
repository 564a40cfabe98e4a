import { lstatSync, readlinkSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Where the system's service manager looks for unit files, the first that has one wins (systemd.unit(5)). */
export const UNIT_DIRECTORIES = [
  "/etc/systemd/system.control",
  "/run/systemd/system.control",
  "/run/systemd/transient",
  "/run/systemd/generator.early",
  "/etc/systemd/system",
  "/etc/systemd/system.attached",
  "/run/systemd/system",
  "/run/systemd/system.attached",
  "/run/systemd/generator",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
  "/run/systemd/generator.late",
] as const;

/**
 * File that defines a unit (systemd's property `FragmentPath`), an instance's that of its template; undefined for a unit
 * without one, such as a session.
 */
export function unitFile(unit: string, directories: readonly string[] = UNIT_DIRECTORIES): string | undefined {
  for (const name of [unit, templateOf(unit)])
    for (const directory of name === undefined ? [] : directories) {
      const path = definition(resolve(directory, name ?? ""));
      if (path !== undefined) return path;
    }
  return undefined;
}

/** `getty@tty1.service` is defined by `getty@.service`. */
function templateOf(unit: string): string | undefined {
  const [, prefix, type] = /^([^@]+)@[^@]+(\.[a-z]+)$/.exec(unit) ?? [];
  return prefix === undefined ? undefined : `${prefix}@${type}`;
}

const MAX_LINKS = 8;

/** An alias is a link to the file that counts; one to /dev/null switches the unit off. */
function definition(path: string): string | undefined {
  let at = path;
  for (let links = 0; links < MAX_LINKS; links++)
    try {
      const found = lstatSync(at);
      if (found.isFile()) return at;
      if (!found.isSymbolicLink()) return undefined;
      at = resolve(dirname(at), readlinkSync(at));
    } catch {
      return undefined;
    }
  return undefined;
}
