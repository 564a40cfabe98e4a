import { nearestName } from "@symbolon/policy";
import { findKind, type KindNames, kindAliases, type MeshKind } from "../mesh/index.ts";
import { CommandExit, EXIT } from "./exit-status.ts";

/** @throws CommandExit with the usage status and a suggestion */
export function requireKind(text: string): KindNames {
  const kind = findKind(text);
  if (kind) return kind;
  const near = nearestName(text.toLowerCase(), kindAliases());
  throw new CommandExit(
    EXIT.usage,
    `error: there is no kind "${text}"${near === undefined ? "" : `; did you mean "${near}"?`} Kinds: ${kindAliases().join(", ")}`,
  );
}

/** `KIND/NAME`. @throws CommandExit with the usage status */
export function parseKindAndName(text: string): { readonly kind: MeshKind; readonly name: string } {
  const slash = text.indexOf("/");
  if (slash < 1 || slash === text.length - 1)
    throw new CommandExit(EXIT.usage, `error: "${text}" is not KIND/NAME, and the others are`);
  return { kind: requireKind(text.slice(0, slash)).kind, name: text.slice(slash + 1) };
}
