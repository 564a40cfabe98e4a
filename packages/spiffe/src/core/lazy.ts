/** A value that is made when it is first asked for, and once: what a program does not use costs it nothing to import. */
export function lazy<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
