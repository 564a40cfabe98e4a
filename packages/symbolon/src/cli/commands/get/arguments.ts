import { type KindNames, kindNames, MESH_KINDS, type MeshKind } from "../../../mesh/index.ts";
import { CommandExit, EXIT } from "../../exit-status.ts";
import { parseKindAndName, requireKind } from "../../kind-argument.ts";

export interface GetRequest {
  readonly kinds: readonly KindNames[];
  /** Absent: every object of the kinds. */
  readonly names?: readonly { readonly kind: MeshKind; readonly name: string }[];
  /** `pod`, `deployment.apps`: how messages and `-o name` write a kind. */
  resource(kind: string): string;
}

/** What kubectl's "all" is. */
const ALL: readonly MeshKind[] = ["Pod", "Service", "Deployment"];

/** kubectl's `KIND[,KIND] [NAME...]` and `KIND/NAME...`. @throws CommandExit with the usage status */
export function parseGetArguments(first: string, rest: readonly string[]): GetRequest {
  if (first.includes("/")) {
    const names = [first, ...rest].map(parseKindAndName);
    const kinds = [...new Set(names.map(({ kind }) => kind))].map(kindNames);
    return { kinds, names, resource };
  }
  const kinds = first.split(",").flatMap((text) => (text === "all" ? ALL.map(kindNames) : [requireKind(text)]));
  if (rest.length === 0) return { kinds, resource };
  const [only] = kinds;
  if (kinds.length !== 1 || only === undefined)
    throw new CommandExit(EXIT.usage, "error: names are of one kind; of several kinds write KIND/NAME");
  return { kinds, names: rest.map((name) => ({ kind: only.kind, name })), resource };
}

function resource(kindText: string): string {
  const kind = MESH_KINDS.find((candidate) => candidate === kindText);
  if (kind === undefined) return kindText.toLowerCase();
  const { singular, group } = kindNames(kind);
  return group === "" ? singular : `${singular}.${group}`;
}
