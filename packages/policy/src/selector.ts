import { type ObjectReader, readString, reportAt } from "./document/index.ts";
import { checkLabelValue, checkQualifiedName } from "./kubernetes-names.ts";
import type { Labels } from "./object-metadata.ts";

/** Istio's WorkloadSelector; one without labels means every workload in scope and is not kept as a value. */
export interface WorkloadSelector {
  readonly matchLabels: Labels;
}

/** Subset test: every label of the selector is a label of the workload. No selector matches everything. */
export function selectorMatches(selector: WorkloadSelector | undefined, labels: Labels): boolean {
  if (!selector) return true;
  return Object.entries(selector.matchLabels).every(
    ([key, value]) => Object.hasOwn(labels, key) && labels[key] === value,
  );
}

/** "app=httpbin,version=v1": the form that kubectl uses. */
export function selectorText(selector: WorkloadSelector): string {
  const labels = Object.entries(selector.matchLabels).map(([key, value]) => `${key}=${value}`);
  return labels.sort().join(",");
}

/**
 * Reads the selector of a policy with the messages of Istio's validation (istio-security §0.2). A selector that is there
 * but names no label is legal, means "every workload", and is worth a warning.
 */
export function readSelector(reader: ObjectReader, field = "selector"): WorkloadSelector | undefined {
  const matchLabels = reader.object(field, (selector) => {
    const labels = readMatchLabels(selector);
    return selector.finish(() => labels);
  });
  const isPresent = reader.has(field);
  if (matchLabels && Object.keys(matchLabels).length > 0) return { matchLabels };
  if (isPresent && matchLabels) reader.report("SYM0303", "workload selector specified without labels", field);
  return undefined;
}

function readMatchLabels(selector: ObjectReader): Labels {
  const labels = selector.map("matchLabels", (entry, context) => {
    const { key, keyPosition } = entry;
    const value = readString(entry.value, context);
    if (value === undefined) return undefined;
    if (key === "") reportAt(context, "SYM0301", keyPosition, `empty key is not supported in selector: "=${value}"`);
    else if (`${key}${value}`.includes("*"))
      reportAt(context, "SYM0302", keyPosition, `wildcard is not supported in selector: "${key}=${value}"`);
    else {
      // No object can carry such a label (Kubernetes' own rules), so the policy would silently apply to nothing.
      const broken = checkQualifiedName(key) ?? checkLabelValue(value);
      if (broken !== undefined)
        reportAt(context, "SYM0304", keyPosition, `invalid label "${key}=${value}" in selector: ${broken}`);
    }
    return value;
  });
  return Object.fromEntries(labels ?? []);
}
