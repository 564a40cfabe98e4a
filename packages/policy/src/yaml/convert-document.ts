import { type Document, isAlias, isMap, isScalar, isSeq, type ParsedNode, type YAMLMap, type YAMLSeq } from "yaml";
import {
  type DocumentNode,
  type FindingCode,
  type FindingCollector,
  fieldPath,
  type MapEntry,
  type SourcePosition,
} from "../document/index.ts";
import { blockTextOffset } from "./block-text.ts";
import { convertScalar, keyText, refusesTag } from "./convert-scalar.ts";
import { MAX_DEPTH, MAX_VALUES } from "./limits.ts";

/** A converted value with what it adds to the document when an alias repeats it. */
interface Converted {
  readonly node: DocumentNode;
  readonly values: number;
  readonly height: number;
}

export interface SourceText {
  readonly text: string;
  readonly positionAt: (offset: number) => SourcePosition;
}

type YamlNode = ParsedNode | null | undefined;

/** The library's document as a positioned tree; `undefined` when it is empty or anything in it was refused. */
export function convertDocument(
  document: Document.Parsed,
  source: SourceText,
  collector: FindingCollector,
): DocumentNode | undefined {
  const start = document.contents?.range?.[0] ?? document.range[0];
  const { yaml } = document.directives;
  if (yaml.explicit && yaml.version !== "1.2") {
    const place = { path: "", position: source.positionAt(document.range[0]) };
    collector.report(
      "SYM0007",
      place,
      `the directive %YAML ${yaml.version} is not supported: documents are read as YAML 1.2`,
    );
    return undefined;
  }
  const contents = document.contents;
  if (contents === null || (isScalar(contents) && contents.value === null)) return undefined;
  const conversion = new Conversion(source, collector);
  const converted = conversion.convert(contents, "", 0, start);
  return collector.errorCount > 0 ? undefined : converted?.node;
}

/** One walk over one document; anchors are known from where they stand, as YAML 1.2 §3.2.2.2 wants. */
class Conversion {
  readonly #source: SourceText;
  readonly #collector: FindingCollector;
  readonly #anchors = new Map<string, Converted>();
  #values = 0;
  #stopped = false;

  constructor(source: SourceText, collector: FindingCollector) {
    this.#source = source;
    this.#collector = collector;
  }

  /** `fallback` is the position of a value that was left out. Answers `undefined` after a finding. */
  convert(node: YamlNode, path: string, depth: number, fallback: number): Converted | undefined {
    if (this.#stopped) return undefined;
    const offset = node?.range?.[0] ?? fallback;
    if (!node) return this.#counted({ kind: "null", position: this.#positionAt(offset), raw: "" }, path, depth);
    if (isAlias(node)) return this.#alias(node.source, path, depth, offset);
    if (node.tag !== undefined && refusesTag(node))
      return this.#refuse("SYM0007", path, offset, `the tag ${node.tag} is not supported`);
    const converted = this.#value(node, path, depth, offset);
    const anchor = node.anchor;
    if (anchor !== undefined && converted) this.#anchors.set(anchor, converted);
    return converted;
  }

  #value(node: ParsedNode, path: string, depth: number, offset: number): Converted | undefined {
    if (isMap(node)) return this.#map(node, path, depth, offset);
    if (isSeq(node)) return this.#list(node, path, depth, offset);
    if (!isScalar(node)) return this.#refuse("SYM0007", path, offset, "this kind of value is not supported");
    const scalar = convertScalar(node, this.#positionAt(offset));
    if (typeof scalar === "string") return this.#refuse("SYM0010", path, offset, scalar);
    if (scalar.kind !== "string" || node.type !== "BLOCK_LITERAL") return this.#counted(scalar, path, depth);
    const blockStart = this.#positionAt(blockTextOffset(this.#source.text, offset, scalar.value));
    return this.#counted({ ...scalar, blockStart }, path, depth);
  }

  #map(node: YAMLMap.Parsed, path: string, depth: number, offset: number): Converted | undefined {
    const counted = this.#counted({ kind: "map", position: this.#positionAt(offset), entries: [] }, path, depth);
    if (!counted) return undefined;
    const entries: MapEntry[] = [];
    const seen = new Map<string, SourcePosition>();
    let { values, height } = counted;
    for (const pair of node.items) {
      const keyOffset = pair.key?.range?.[0] ?? offset;
      const key = this.#key(pair.key, path, keyOffset);
      if (key === undefined) continue;
      const keyPosition = this.#positionAt(keyOffset);
      const entryPath = fieldPath(path, key);
      const before = seen.get(key);
      if (before)
        this.#refuse(
          "SYM0003",
          entryPath,
          keyOffset,
          `duplicate key ${JSON.stringify(key)}: already at line ${before.line}`,
        );
      else seen.set(key, keyPosition);
      const value = this.convert(pair.value, entryPath, depth + 1, keyOffset);
      if (!value) continue;
      entries.push({ key, keyPosition, value: value.node });
      values += value.values;
      height = Math.max(height, value.height + 1);
    }
    return { node: { kind: "map", position: this.#positionAt(offset), entries }, values, height };
  }

  #list(node: YAMLSeq.Parsed, path: string, depth: number, offset: number): Converted | undefined {
    const counted = this.#counted({ kind: "list", position: this.#positionAt(offset), items: [] }, path, depth);
    if (!counted) return undefined;
    const items: DocumentNode[] = [];
    let { values, height } = counted;
    for (const [index, item] of node.items.entries()) {
      const itemPath = `${path}[${index}]`;
      const value = this.convert(item, itemPath, depth + 1, offset);
      if (!value) continue;
      items.push(value.node);
      values += value.values;
      height = Math.max(height, value.height + 1);
    }
    return { node: { kind: "list", position: this.#positionAt(offset), items }, values, height };
  }

  #key(node: YamlNode, path: string, offset: number): string | undefined {
    if (isScalar(node)) {
      if (node.tag !== undefined && refusesTag(node)) {
        this.#refuse("SYM0007", path, offset, `the tag ${node.tag} is not supported`);
        return undefined;
      }
      const key = keyText(node);
      if (key.kind === "key") {
        if (node.anchor !== undefined) {
          const position = this.#positionAt(offset);
          this.#anchors.set(node.anchor, {
            node: { kind: "string", position, value: key.text, raw: key.text },
            values: 1,
            height: 0,
          });
        }
        return key.text;
      }
      this.#refuse(key.code, path, offset, key.message);
      return undefined;
    }
    this.#refuse("SYM0009", path, offset, "a key must be a string: wanted text before the colon");
    return undefined;
  }

  #alias(source: string, path: string, depth: number, offset: number): Converted | undefined {
    const target = this.#anchors.get(source);
    if (!target)
      return this.#refuse("SYM0004", path, offset, `the alias *${source.slice(0, 64)} names no anchor above it`);
    this.#values += target.values;
    return this.#withinLimits(path, depth + target.height, offset) ? target : undefined;
  }

  #counted(node: DocumentNode, path: string, depth: number): Converted | undefined {
    this.#values += 1;
    const within = this.#withinLimitsAt(path, depth, node.position);
    return within ? { node, values: 1, height: 0 } : undefined;
  }

  #withinLimits(path: string, depth: number, offset: number): boolean {
    return this.#withinLimitsAt(path, depth, this.#positionAt(offset));
  }

  #withinLimitsAt(path: string, depth: number, position: SourcePosition): boolean {
    const tooMany = this.#values > MAX_VALUES;
    if (!tooMany && depth < MAX_DEPTH) return true;
    this.#stopped = true;
    const limit = tooMany
      ? `more than ${MAX_VALUES} values after its aliases are expanded`
      : `more than ${MAX_DEPTH} levels of nesting`;
    this.#collector.report("SYM0005", { path, position }, `the document has ${limit}`);
    return false;
  }

  #positionAt(offset: number): SourcePosition {
    return this.#source.positionAt(offset);
  }

  #refuse(code: FindingCode, path: string, offset: number, message: string): undefined {
    this.#collector.report(code, { path, position: this.#positionAt(offset) }, message);
    return undefined;
  }
}
