/** Manifests as tests write them: one text, read strictly, every finding formatted. */
import { type Finding, formatFinding } from "@symbolon/policy";
import {
  type MeshObject,
  type ParsedManifests,
  type ParseManifestsOptions,
  parseManifests,
} from "../../packages/symbolon/src/mesh/index.ts";

export const parseRules: ParseManifestsOptions = {
  defaultNamespace: "default",
  allowUnenforced: false,
  explainUnknownImage: (image) => (image === "unknown" ? `nothing is known about image "${image}"` : undefined),
};

export function parse(text: string, options: Partial<ParseManifestsOptions> = {}): ParsedManifests {
  return parseManifests([{ file: "f.yaml", text }], { ...parseRules, ...options });
}

export function findingLines(findings: readonly Finding[]): readonly string[] {
  return findings.map((finding) => formatFinding(finding).replace("f.yaml:", ""));
}

/** Lines of all findings, and how many objects there are. */
export function read(text: string, options?: Partial<ParseManifestsOptions>) {
  const { objects, findings } = parse(text, options);
  return { count: objects.length, lines: findingLines(findings) };
}

/** The only object of a text without errors. */
export function only<Kind extends MeshObject["kind"]>(kind: Kind, text: string): Extract<MeshObject, { kind: Kind }> {
  const { objects, findings } = parse(text);
  const [entry] = objects;
  if (objects.length !== 1 || entry?.object.kind !== kind)
    throw new Error(`wanted one ${kind}, got ${objects.length} objects\n${findingLines(findings).join("\n")}`);
  return entry.object as Extract<MeshObject, { kind: Kind }>;
}
