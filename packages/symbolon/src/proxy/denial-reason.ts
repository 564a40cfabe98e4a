import { FIELD, type ResponseHead } from "./http1/index.ts";

/** Why a policy refused a request, for who wants it told (`up --denial-reasons`). */
export function reasonLine(reason: string): string {
  return `X-Symbolon-Reason: ${reason}\r\n`;
}

const REASON = /^[a-z][a-z0-9_]{0,63}$/;
const LOWEST_REFUSAL = 400;

/**
 * The line by which a server's proxy tells why, for the client's proxy to pass on; else empty. Fields of this prefix end
 * at each hop, so a server's proxy never passes on one of its application: a verified peer that says it means it.
 */
export function reasonOfPeer(head: ResponseHead, isVerified: boolean): string {
  if (!isVerified || head.status < LOWEST_REFUSAL || head.fields.indexOf(FIELD.internal) < 0) return "";
  const [reason, ...others] = head.fields.values("x-symbolon-reason");
  return reason !== undefined && others.length === 0 && REASON.test(reason) ? reasonLine(reason) : "";
}
