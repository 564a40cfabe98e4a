import { systemClock } from "@symbolon/spiffe/core";
import type { PresentedObject } from "../../../mesh/index.ts";
import { formatTable } from "../../table.ts";
import { columnsOf } from "./columns.ts";

export interface TableOptions {
  readonly wide: boolean;
  readonly withNamespace: boolean;
  readonly headers: boolean;
  /** Namespace that was looked in; absent for all. */
  readonly place: string | undefined;
}

/** One table a kind, in the order in which kinds come. */
export function printTables(objects: readonly PresentedObject[], options: TableOptions): void {
  if (objects.length === 0) {
    console.error(
      options.place === undefined ? "No resources found" : `No resources found in ${options.place} namespace.`,
    );
    return;
  }
  const byKind = Map.groupBy(objects, ({ kind }) => kind);
  console.log(
    [...byKind.values()]
      .map((group) => table(group, options))
      .join("\n")
      .trimEnd(),
  );
}

function table(objects: readonly PresentedObject[], { wide, withNamespace, headers }: TableOptions): string {
  const columns = columnsOf(objects[0]?.kind ?? "", wide);
  const now = systemClock.now();
  const namespaced = withNamespace && objects.some(({ metadata }) => metadata.namespace !== undefined);
  const head = [...(namespaced ? ["NAMESPACE"] : []), ...columns.map(({ header }) => header)];
  const rows = objects.map((object) => [
    ...(namespaced ? [object.metadata.namespace ?? ""] : []),
    ...columns.map((column) => column.cell(object, now)),
  ]);
  return formatTable(headers ? [head, ...rows] : rows);
}
