/** What decides between objects of one kind. */
export interface ConfigOrderKey {
  readonly name: string;
  readonly namespace: string;
  readonly creationTimestamp?: Date;
}

/**
 * Istio's `sortConfigByCreationTime` (istio-security §0.3): oldest first; on a tie by name, then by namespace. An object
 * without time is older than any other. Text compares by code unit, as Go compares ASCII names.
 */
export function compareByCreation(left: ConfigOrderKey, right: ConfigOrderKey): number {
  const byTime = timeOf(left) - timeOf(right);
  if (byTime !== 0 && !Number.isNaN(byTime)) return byTime;
  return compareText(left.name, right.name) || compareText(left.namespace, right.namespace);
}

/** Seconds are enough: Kubernetes' timestamps have no more. */
export function creationText({ creationTimestamp }: Pick<ConfigOrderKey, "creationTimestamp">): string {
  return creationTimestamp === undefined ? "(unknown)" : creationTimestamp.toISOString().replace(/\.\d{3}Z$/, "Z");
}

function timeOf({ creationTimestamp }: ConfigOrderKey): number {
  return creationTimestamp?.getTime() ?? Number.NEGATIVE_INFINITY;
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
