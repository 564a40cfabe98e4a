import { errorText } from "@symbolon/spiffe/core";

/** What the operating system refused, in words instead of "ENOENT: …, open '…'". */
export function systemErrorText(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return WORDS.get(String(code)) ?? errorText(error);
}

const WORDS: ReadonlyMap<string, string> = new Map([
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EISDIR", "it is a directory"],
  ["ELOOP", "its links go round in a circle"],
  ["EMFILE", "too many files are open"],
  ["ENAMETOOLONG", "its name is too long"],
  ["ENFILE", "too many files are open"],
  ["ENOENT", "no such file or directory"],
  ["ENOTDIR", "a part of the path is not a directory"],
]);
