import { productError, type RegistrationEntry } from "../core/index.ts";
import type { Caller } from "./caller.ts";
import type { EntryLookup } from "./ports.ts";

/** As audit and issuance log have it. */
export const ENTRY_AUTHENTICATOR = "registration entry";

/**
 * An agent asks in the name of a registration entry. Its socket is the user's alone, as the one that entries are made
 * by; which entries there are, and what each one gives, is read here and nowhere else.
 * @throws ERR_OBJECT_NOT_FOUND
 */
export function authenticateEntry(
  entries: EntryLookup,
  entryId: string,
): { readonly entry: RegistrationEntry; readonly caller: Caller } {
  const entry = entries.findEntry(entryId);
  if (!entry) throw productError("ERR_OBJECT_NOT_FOUND", `there is no registration entry with id "${shown(entryId)}"`);
  const { spiffeId, name } = entry;
  const caller = { spiffeId, name: `entry ${name}`, authenticator: ENTRY_AUTHENTICATOR, details: { entryId } };
  return { entry, caller };
}

const shown = (text: string): string => (text.length > 64 ? `${text.slice(0, 64)}...` : text);
