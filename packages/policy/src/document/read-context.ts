import type { DocumentNode, SourcePosition } from "./document-node.ts";
import type { FindingCode } from "./finding-codes.ts";
import type { FindingCollector } from "./finding-collector.ts";

/** Where a reader stands in an object, and where its findings go. */
export interface ReadContext {
  readonly collector: FindingCollector;
  readonly path: string;
}

/** Says which rule a value breaks; `undefined` when it is good. */
export type Check<T> = (value: T) => string | undefined;

export function rootContext(collector: FindingCollector): ReadContext {
  return { collector, path: "" };
}

export function fieldContext(context: ReadContext, name: string): ReadContext {
  return { collector: context.collector, path: fieldPath(context.path, name) };
}

export function itemContext(context: ReadContext, index: number): ReadContext {
  return { collector: context.collector, path: `${context.path}[${index}]` };
}

/** `spec.mtls`, and `metadata.labels["app.kubernetes.io/name"]` for keys that are no field names. */
export function fieldPath(parent: string, name: string): string {
  if (!/^[A-Za-z0-9_-]+$/.test(name)) return `${parent}[${JSON.stringify(name)}]`;
  return parent === "" ? name : `${parent}.${name}`;
}

export function reportAt(
  context: ReadContext,
  code: FindingCode,
  where: DocumentNode | SourcePosition,
  message: string,
): void {
  const position = "position" in where ? where.position : where;
  context.collector.report(code, { path: context.path, position }, message);
}
