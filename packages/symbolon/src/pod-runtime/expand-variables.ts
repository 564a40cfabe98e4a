type Variables = readonly { readonly name: string; readonly value: string }[];

/** Kubernetes' `$(NAME)` in commands, arguments and values; `$$(NAME)` stands for itself, an unknown name stays as it is. */
export function expandVariables(text: string, variables: Variables): string {
  return text.replace(/\$\$|\$\(([^)]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return "$";
    return variables.find((variable) => variable.name === name)?.value ?? whole;
  });
}

/** Each value may use the variables before it; of two with one name the later counts. */
export function expandEnvironment(variables: Variables): Variables {
  const expanded = new Map<string, string>();
  for (const { name, value } of variables) {
    const before = [...expanded].map(([knownName, knownValue]) => ({ name: knownName, value: knownValue }));
    expanded.set(name, expandVariables(value, before));
  }
  return [...expanded].map(([name, value]) => ({ name, value }));
}
