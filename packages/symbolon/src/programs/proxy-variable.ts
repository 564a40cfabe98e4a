/** The proxy of an http URL, as curl finds it: `http_proxy` in lower case, unless `no_proxy` names the host. */
export function proxyFor(url: URL, env: Readonly<Record<string, string | undefined>>): URL | undefined {
  const { http_proxy: text, no_proxy: direct = "" } = env;
  if (!text || !URL.canParse(text)) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const names = direct.split(",").map((name) => name.trim().replace(/^\./, ""));
  const isDirect = names.some((name) => name === "*" || (name !== "" && (host === name || host.endsWith(`.${name}`))));
  return isDirect ? undefined : new URL(text);
}

/** Proxy-Authorization of a proxy's URL, a whole line with CRLF; empty for one without credentials (RFC 7617). */
export function proxyAuthorization({ username, password }: URL): string {
  if (username === "" && password === "") return "";
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Proxy-Authorization: Basic ${Buffer.from(credentials).toString("base64")}\r\n`;
}
