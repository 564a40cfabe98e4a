/** Three parts of base64url, as a whole value. The first is JSON: `{"`. */
const TOKEN_VALUE = /([?&][^=&#]*=)(?:e[yw][\w-]{4,}(?:\.|%2e)[\w-]{2,}(?:\.|%2e)[\w-]*)(?=[&#]|$)/gi;

/**
 * The target with `(token)` in place of query values that look like tokens: what an access record may say of a request
 * whose rules are not known, or let a token be passed on. The same text when there is none; a query without a dot is not
 * searched.
 */
export function withoutQueryTokens(target: string): string {
  const query = target.indexOf("?");
  if (query < 0) return target;
  if (target.indexOf(".", query) < 0 && !/%2e/i.test(target)) return target;
  return target.slice(0, query) + target.slice(query).replace(TOKEN_VALUE, "$1(token)");
}
