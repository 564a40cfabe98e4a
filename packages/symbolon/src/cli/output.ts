import { emitYaml } from "./emit-yaml.ts";
import { CommandExit, EXIT } from "./exit-status.ts";

/** Prints a value as `-o json` or `-o yaml` asks. */
export function printStructured(format: "json" | "yaml", value: unknown): void {
  process.stdout.write(format === "json" ? `${JSON.stringify(value, undefined, 2)}\n` : emitYaml(value));
}

/** @throws CommandExit with the usage status */
export function outputFormat<T extends string>(text: string | undefined, allowed: readonly T[]): T | undefined {
  if (text === undefined) return undefined;
  const format = allowed.find((candidate) => candidate === text);
  if (format !== undefined) return format;
  throw new CommandExit(EXIT.usage, `error: -o "${text}" is not one of ${allowed.join(", ")}`);
}
