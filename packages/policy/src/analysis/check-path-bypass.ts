import { quoteValue } from "../document/index.ts";
import { type AnalysisContext, itemsOf } from "./analysis-context.ts";

/**
 * A path that is kept out by its text is kept out in that spelling alone: servers take `//admin` for `/admin`, and only
 * the stricter modes merge slashes before rules are looked at (istio-security §3.13, §11 row 12).
 */
export function checkPathBypass({ policies, pathNormalization: mode, report }: AnalysisContext): void {
  if (mode !== "none" && mode !== "base") return;
  for (const structured of policies)
    for (const { item, path } of itemsOf(structured)) {
      if (item.attribute.kind !== "path" || (structured.policy.action === "deny") === item.negated) continue;
      const index = item.list.values.findIndex(({ value }) => value.startsWith("/"));
      const written = item.list.values[index];
      if (!written) continue;
      report("SYM1031", structured.policy, {
        path: `${path}[${index}]`,
        position: written.position,
        message: `${quoteValue(`/${written.value}`)} gets past this rule, and most servers take it for ${quoteValue(written.value)}: the mesh's normalization is ${mode.toUpperCase()}, which merges no slashes`,
      });
    }
}
