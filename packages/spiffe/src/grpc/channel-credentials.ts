import type { Socket } from "node:net";
import { CallCredentials, ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";
import type { X509Source } from "../source/index.ts";
import { connectVerified, createPeerCheck, type PeerCheck, type PeerCheckOptions } from "../tls/index.ts";

/**
 * Channel credentials of `@grpc/grpc-js`: each connection is made with the identity of that moment, so that a rotation needs
 * no new channel. A server that is refused is an `UNAVAILABLE` of the call.
 * @throws ERR_TLS_AUTHORIZER_MISSING
 */
export function createChannelCredentials(source: X509Source, options: PeerCheckOptions): ChannelCredentials {
  return new SpiffeChannelCredentials(source, createPeerCheck(source, "createChannelCredentials", options), options);
}

type Target = Parameters<ChannelCredentials["_createSecureConnector"]>[0];
type Connector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/** grpc-js documents this class as the one to extend; its members with an underscore are the abstract ones. */
class SpiffeChannelCredentials extends ChannelCredentials {
  readonly #source: X509Source;
  readonly #check: PeerCheck;
  readonly #options: PeerCheckOptions;

  constructor(source: X509Source, check: PeerCheck, options: PeerCheckOptions) {
    super();
    this.#source = source;
    this.#check = check;
    this.#options = options;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(
    target: Target,
    channelOptions: ChannelOptions,
    callCredentials?: CallCredentials,
  ): Connector {
    const override = channelOptions["grpc.ssl_target_name_override"];
    const name = override ?? target.path;
    const credentials = callCredentials ?? CallCredentials.createEmpty();
    return {
      connect: async (socket: Socket) => {
        const where = { host: hostOf(name), port: socket.remotePort ?? 0, alpn: ["h2"], socket };
        return { socket: await connectVerified(this.#source, this.#check, where, this.#options), secure: true };
      },
      waitForReady: async () => {
        await this.#source.ready();
      },
      getCallCredentials: () => credentials,
      destroy: () => {},
    };
  }
}

/** "[::1]:1", "name:1", "name". */
function hostOf(target: string): string {
  const bracketed = /^\[(.*)\]/.exec(target)?.[1];
  return bracketed ?? target.replace(/:\d+$/, "");
}
