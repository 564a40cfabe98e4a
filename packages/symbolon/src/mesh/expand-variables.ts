/**
 * Kubernetes' `$(NAME)`: replaced when NAME is known, left as it stands when not; `$$(NAME)` is a literal `$(NAME)`.
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (match, name: string | undefined) =>
    match === "$$" ? "$" : (variables.get(name ?? "") ?? match),
  );
}
