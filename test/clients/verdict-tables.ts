/** What `clients.test.ts` has seen, as tables that say of each cell what came, or that nothing did. */

/** Columns of the second table, in the words of `peerCertificates`. */
export const REFUSALS: Readonly<Record<string, string>> = {
  "a wrong ID": "wrong ID",
  "a wrong trust domain": "wrong domain",
  "the right ID from a wrong authority": "wrong CA",
  "an expired certificate": "expired",
  "a certificate that is not yet valid": "not yet",
  "a CA certificate as leaf": "CA as leaf",
  "two URI names": "two URIs",
  "no URI name": "no URI",
  "no certificate": "none",
};

const MISSING = "MISSING";

export type Role = "server" | "client";

export interface Verdicts {
  /** Two libraries that may speak with one another. */
  spoke(server: string, client: string, isWelcome: boolean): void;
  /**
   * A library and a peer that must not be let in; nothing is noted of a peer that is welcome.
   * @param isKnown a fault of the library's that is on record
   */
  met(language: string, role: Role, peer: string, isLetIn: boolean, isKnown: boolean): void;
  /** Servers down, clients across, then each library in both roles down, and peers that must be refused across. */
  print(languages: readonly string[]): string;
}

export function createVerdicts(): Verdicts {
  const cells = new Map<string, string>();
  const cell = (...key: readonly string[]): string => cells.get(key.join("\n")) ?? MISSING;
  const note = (text: string, ...key: readonly string[]): void => void cells.set(key.join("\n"), text);

  const refusalRow = (language: string, role: Role): readonly string[] => {
    // TLS has no server without a certificate.
    const peers = Object.keys(REFUSALS).filter((peer) => role === "server" || peer !== "no certificate");
    const verdicts = peers.map((peer) => cell(language, role, peer));
    const refused = verdicts.filter((verdict) => verdict === "refused").length;
    const known = verdicts.filter((verdict) => verdict === "let in*").length;
    const count = `${refused}/${peers.length}${known > 0 ? `, ${known} known fault` : ""}`;
    return [`${language} ${role}`, ...verdicts, ...(role === "client" ? ["-"] : []), count];
  };

  return {
    spoke: (server, client, isWelcome) => note(isWelcome ? "ok" : "FAILED", server, client),
    met(language, role, peer, isLetIn, isKnown) {
      if (peer in REFUSALS) note(isLetIn ? (isKnown ? "let in*" : "LET IN") : "refused", language, role, peer);
    },
    print: (languages) => {
      const accepted = [
        ["", ...languages],
        ...languages.map((server) => [server, ...languages.map((client) => cell(server, client))]),
      ];
      const refused = [
        ["", ...Object.values(REFUSALS), "refused"],
        ...languages.flatMap((language) => [refusalRow(language, "server"), refusalRow(language, "client")]),
      ];
      return `mTLS, servers down, clients across
${table(accepted)}

mTLS refused: each library as a server, and as a client, against peers with these certificates
(*: a known fault of the library; -: a TLS server always has a certificate)
${table(refused)}`;
    },
  };
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)) + 2);
  return rows
    .map((row) =>
      row
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}
