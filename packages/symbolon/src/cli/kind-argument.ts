import { nearestName } from "@symbolon/policy";
import { findKind, type KindNames, kindAliases } from "../mesh/index.ts";
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
