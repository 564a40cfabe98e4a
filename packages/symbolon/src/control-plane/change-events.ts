import { createHash } from "node:crypto";
import { type Finding, formatFinding } from "@symbolon/policy";
import { errorText, isSymbolonError } from "@symbolon/spiffe/core";
import type { AuditEvent } from "../core/index.ts";
import type { ObjectChange } from "./config-store.ts";
import { keyText, ownerText, type StoredObject } from "./stored-object.ts";

type Objects = ReadonlyMap<string, StoredObject>;

/** One audit event for each object that a change touches: who declared it, and what it was before and after (SR-63). */
export function changeEvents(
  changes: readonly ObjectChange[],
  { before, after, actor }: { readonly before: Objects; readonly after: Objects; readonly actor: string },
): readonly AuditEvent[] {
  return changes
    .filter(({ action }) => action !== "unchanged")
    .map(({ key, action }) => {
      const text = keyText(key);
      const [old, next] = [before.get(text), after.get(text)];
      const owner = (next ?? old)?.owner;
      return {
        kind: "configuration.change",
        outcome: "success",
        actor,
        subject: text,
        ...(owner === undefined ? {} : { authority: ownerText(owner) }),
        details: {
          action,
          ...(old === undefined ? {} : { before: digest(old) }),
          ...(next === undefined || action === "deleted" ? {} : { after: digest(next) }),
        },
      };
    });
}

const MAX_AUDITED_FINDING = 500;

/** One event for a refused change, however much is wrong with it: its first error, cut, and how many there are. */
export function refusalEvent(findings: readonly Finding[], actor: string): AuditEvent {
  const errors = findings.filter(({ severity }) => severity === "error");
  const [first] = errors;
  return {
    kind: "configuration.change",
    outcome: "refused",
    actor,
    ...(first === undefined ? {} : { code: first.code }),
    details: {
      errors: errors.length,
      ...(first === undefined ? {} : { finding: formatFinding(first).slice(0, MAX_AUDITED_FINDING) }),
    },
  };
}

/** @param error why: its code, and what it says */
export function impossibleChangeEvent(error: unknown, actor: string): AuditEvent {
  return {
    kind: "configuration.change",
    outcome: "refused",
    actor,
    ...(isSymbolonError(error) ? { code: error.code } : {}),
    details: { errors: 1, finding: errorText(error).slice(0, MAX_AUDITED_FINDING) },
  };
}

/** What was audited as done is not in force after all: the state could not be written. */
export function failedChange(event: AuditEvent, error: unknown): AuditEvent {
  return {
    ...event,
    outcome: "failure",
    ...(isSymbolonError(error) ? { code: error.code } : {}),
    details: { ...event.details, error: errorText(error).slice(0, MAX_AUDITED_FINDING) },
  };
}

/** SHA-256 of the object as JSON, hex: the same content has the same one, in whichever file it stands. */
const digest = ({ object }: StoredObject): string => createHash("sha256").update(JSON.stringify(object)).digest("hex");
