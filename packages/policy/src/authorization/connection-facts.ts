import type { ConnectionAttributes } from "../attributes.ts";
import { type IpAddress, parseIpAddress } from "../ip-match.ts";
import { type PeerIdentity, parsePeerIdentity } from "../peer-identity.ts";

type AddressName = "sourceAddress" | "remoteAddress" | "destinationAddress";

/**
 * A connection's attributes, taken apart when a rule first asks for them. Absent or unreadable: no positive item matches.
 */
export class ConnectionFacts {
  readonly #connection: ConnectionAttributes;
  readonly #addresses = new Map<AddressName, IpAddress | undefined>();
  readonly peer: PeerIdentity | undefined;
  readonly destinationPort: string;
  readonly sni: string | undefined;

  constructor(connection: ConnectionAttributes) {
    this.#connection = connection;
    const { peerSpiffeId, destinationPort, sni } = connection;
    this.peer = peerSpiffeId === undefined ? undefined : parsePeerIdentity(peerSpiffeId);
    this.destinationPort = String(destinationPort);
    this.sni = sni;
  }

  address(name: AddressName): IpAddress | undefined {
    if (!this.#addresses.has(name)) this.#addresses.set(name, parseIpAddress(this.addressText(name)));
    return this.#addresses.get(name);
  }

  /** As given, for people. */
  addressText(name: AddressName): string {
    return this.#connection[name] ?? this.#connection.sourceAddress;
  }
}
