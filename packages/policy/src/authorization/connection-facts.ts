import type { ConnectionAttributes } from "../attributes.ts";
import { type IpAddress, parseIpAddress } from "../ip-match.ts";
import { type PeerIdentity, parsePeerIdentity } from "../peer-identity.ts";

/** A connection's attributes taken apart, once in its life. Absent or unreadable: no positive item matches. */
export interface ConnectionFacts {
  readonly peer: PeerIdentity | undefined;
  readonly sourceAddress: IpAddress | undefined;
  readonly remoteAddress: IpAddress | undefined;
  readonly destinationAddress: IpAddress | undefined;
  /** As given, for people. */
  readonly addressTexts: Readonly<Record<"sourceAddress" | "remoteAddress" | "destinationAddress", readonly string[]>>;
  readonly destinationPort: string;
  readonly sni: string | undefined;
}

export function connectionFacts(connection: ConnectionAttributes): ConnectionFacts {
  const sourceAddress = parseIpAddress(connection.sourceAddress);
  return {
    peer: connection.peerSpiffeId === undefined ? undefined : parsePeerIdentity(connection.peerSpiffeId),
    sourceAddress,
    remoteAddress: connection.remoteAddress === undefined ? sourceAddress : parseIpAddress(connection.remoteAddress),
    destinationAddress: parseIpAddress(connection.destinationAddress),
    addressTexts: {
      sourceAddress: [connection.sourceAddress],
      remoteAddress: [connection.remoteAddress ?? connection.sourceAddress],
      destinationAddress: [connection.destinationAddress],
    },
    destinationPort: String(connection.destinationPort),
    sni: connection.sni,
  };
}
