import type { RuleItem, RuleStructure } from "../authorization/index.ts";
import type { AuthorizationPolicy } from "../authorization-policy.ts";
import type { PathNormalization } from "../normalize-path.ts";
import type { Report } from "./analysis-finding.ts";
import type { AnalysisInput } from "./analysis-input.ts";
import type { MeshView } from "./mesh-view.ts";

/** A policy with its rules as the engine sees them. */
export interface StructuredPolicy {
  readonly policy: AuthorizationPolicy;
  readonly rules: readonly RuleStructure[];
}

export interface AnalysisContext {
  readonly input: AnalysisInput;
  readonly view: MeshView;
  /** Oldest first. */
  readonly policies: readonly StructuredPolicy[];
  readonly pathNormalization: PathNormalization;
  readonly report: Report;
}

/** One item of a rule with the place that findings name: `spec.rules[0].from[1].source.principals`. */
export interface PlacedItem {
  readonly item: RuleItem;
  readonly path: string;
}

export function itemsOf({ rules }: StructuredPolicy): PlacedItem[] {
  return rules.flatMap((rule) => {
    const place = rulePath(rule);
    const entries = (group: "from" | "to", wrapper: string) =>
      (rule[group] ?? []).flatMap((entry, index) =>
        entry.map((item) => ({ item, path: `${place}.${group}[${index}].${wrapper}.${item.field}` })),
      );
    return [...entries("from", "source"), ...entries("to", "operation"), ...conditionsOf(rule)];
  });
}

export function rulePath({ ruleIndex }: RuleStructure): string {
  return `spec.rules[${ruleIndex}]`;
}

/** A condition's two lists are two items. */
function conditionsOf(structure: RuleStructure): PlacedItem[] {
  const lists = structure.rule.when.flatMap(({ values, notValues }, index) => [
    ...(values ? [`when[${index}].values`] : []),
    ...(notValues ? [`when[${index}].notValues`] : []),
  ]);
  return structure.when.map((item, index) => ({ item, path: `${rulePath(structure)}.${lists[index]}` }));
}

/** "rule 1 of bar/allow-get (f.yaml:7)" */
export function ruleText({ policy, ruleIndex, rule }: RuleStructure): string {
  const { file, line } = rule.position;
  return `rule ${ruleIndex} of ${policy.namespace}/${policy.name} (${file}:${line})`;
}
