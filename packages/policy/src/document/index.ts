export { nearestName, suggestion } from "./did-you-mean.ts";
export {
  type BooleanNode,
  type DocumentNode,
  describeNode,
  documentToJson,
  entryValue,
  type JsonValue,
  type ListNode,
  type MapEntry,
  type MapNode,
  type NullNode,
  type NumberNode,
  quoteValue,
  type SourcePosition,
  type StringNode,
} from "./document-node.ts";
export { createFinding, escapeControls, type Finding, type FindingPlace, formatFinding, hasErrors } from "./finding.ts";
export {
  FINDING_CODES,
  type FindingCatalogue,
  type FindingCode,
  type FindingInfo,
  type Severity,
} from "./finding-codes.ts";
export { createFindingCollector, type FindingCollector } from "./finding-collector.ts";
export { pointAtFields } from "./locate-field.ts";
export {
  type CountOptions,
  type FieldOptions,
  type ObjectReader,
  type ReadEntry,
  type ReadItem,
  type Required,
  readObject,
} from "./object-reader.ts";
export { type ParseResult, parseResult } from "./parse-result.ts";
export {
  type Check,
  fieldContext,
  fieldPath,
  itemContext,
  type ReadContext,
  reportAt,
  rootContext,
} from "./read-context.ts";
export {
  type IntegerOptions,
  readBoolean,
  readEnumeration,
  readInteger,
  readIntegerOrString,
  readString,
  type StringOptions,
} from "./read-scalar.ts";
