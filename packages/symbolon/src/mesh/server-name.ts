const DOTS_AT_END = /\.+$/;

/** A TLS server name as policies compare it: what every server takes for the same name is the same text. */
export function canonicalServerName(name: string): string {
  return name.toLowerCase().replace(DOTS_AT_END, "");
}
