import type { AnalysisContext } from "./analysis-context.ts";
import { scopesOverlap } from "./mesh-view.ts";

/** ALLOW policies add up: one in the root namespace allows in every namespace what the namespace's own do not. */
export function checkRootAllow({ policies, view, report }: AnalysisContext): void {
  const allowing = policies.map(({ policy }) => policy).filter(({ action, dryRun }) => action === "allow" && !dryRun);
  const others = allowing.filter(({ namespace }) => namespace !== view.rootNamespace);
  for (const root of allowing) {
    if (root.namespace !== view.rootNamespace || root.rules.length === 0) continue;
    const widened = others.filter((policy) => scopesOverlap(root, policy, view));
    const [first] = widened;
    if (!first) continue;
    report("SYM1004", root, {
      path: "spec.rules",
      message: `what this allows is allowed also where ${first.namespace}/${first.name}${widened.length > 1 ? ` and ${widened.length - 1} more` : ""} would not: ALLOW policies add up`,
    });
  }
}
