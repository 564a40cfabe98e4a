import type { Check } from "@symbolon/policy";

/** Names of environment variables: printable ASCII without "=", as Kubernetes since 1.32. */
export const checkEnvironmentName: Check<string> = (name) => {
  if (name === "") return "must not be empty";
  return /^[\x20-\x3c\x3e-\x7e]+$/.test(name) ? undefined : `must be printable ASCII without "="`;
};

/** Neither a program's arguments nor its environment can hold a NUL. */
export const checkNoNul: Check<string> = (text) => (text.includes("\0") ? "must not hold a NUL character" : undefined);
