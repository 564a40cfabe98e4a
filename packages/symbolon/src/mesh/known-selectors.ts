import { suggestion } from "@symbolon/policy";

/** What is attested of processes outside pods (`adapters/os`): a selector that begins with none of these never holds. */
const KNOWN_SELECTORS = [
  "unix:uid",
  "unix:user",
  "unix:gid",
  "unix:group",
  "unix:supplementary_gid",
  "unix:supplementary_group",
  "unix:path",
  "unix:sha256",
  "systemd:id",
  "systemd:fragment_path",
  "container:id",
  "container:rootless_id",
] as const;

/** Why a selector holds for no process; undefined when it may. The text has passed the check of its form. */
export function neverAttested(selector: string): string | undefined {
  const [type = "", key = "", ...value] = selector.split(":");
  const beginning = `${type}:${key}`;
  const known: readonly string[] = KNOWN_SELECTORS;
  if (known.includes(beginning) && value.join(":") !== "") return undefined;
  const why = known.includes(beginning) ? "it has no value" : "nothing here attests it";
  return `"${selector}" holds for no process: ${why}${suggestion(beginning, known)}`;
}
