import { suggestion } from "@symbolon/policy";

const ID = { form: /^(0|[1-9]\d{0,9})$/, wanted: "a decimal number" };
const NAME = { form: /./, wanted: "a name" };
const FILE = { form: /^\//, wanted: "an absolute path" };
const DIGEST = { form: /^[0-9a-f]{64}$/, wanted: "64 lower-case hex digits" };

/** What is attested of processes outside pods (`adapters/os`): a selector that begins with none of these never holds. */
const KNOWN_SELECTORS: ReadonlyMap<string, { readonly form: RegExp; readonly wanted: string }> = new Map([
  ["unix:uid", ID],
  ["unix:user", NAME],
  ["unix:gid", ID],
  ["unix:group", NAME],
  ["unix:supplementary_gid", ID],
  ["unix:supplementary_group", NAME],
  ["unix:path", FILE],
  ["unix:sha256", DIGEST],
  ["systemd:id", NAME],
  ["systemd:fragment_path", FILE],
  ["container:id", DIGEST],
  ["container:rootless_id", DIGEST],
]);

/** Why a selector holds for no process; undefined when it may. The text has passed the check of its form. */
export function neverAttested(selector: string): string | undefined {
  const [type = "", key = "", ...rest] = selector.split(":");
  const beginning = `${type}:${key}`;
  const value = rest.join(":");
  const known = KNOWN_SELECTORS.get(beginning);
  if (known?.form.test(value)) return undefined;
  const because = (why: string): string => `"${selector}" holds for no process: ${why}`;
  if (!known) return because(`nothing here attests it${suggestion(beginning, [...KNOWN_SELECTORS.keys()])}`);
  return because(value === "" ? "it has no value" : `after "${beginning}:" comes ${known.wanted}`);
}
