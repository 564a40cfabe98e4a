import type { Agent, AgentOptions, RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import { lazy } from "../core/index.ts";
import { builtinModule } from "../runtime/index.ts";
import type { X509Source } from "../source/index.ts";
import { connectVerified } from "./connect-tls.ts";
import { createPeerCheck, type PeerCheckOptions } from "./peer-check.ts";

const nodeHttps = builtinModule("node:https");

export interface HttpsAgentOptions
  extends PeerCheckOptions,
    Pick<AgentOptions, "keepAlive" | "keepAliveMsecs" | "maxSockets" | "maxFreeSockets" | "timeout"> {}

/**
 * An agent for `https.request`, axios, got and whatever else takes one. Every connection is made with the identity of that
 * moment; when the identity or the bundles change, those made before end with the request that they carry.
 * @throws ERR_TLS_AUTHORIZER_MISSING; requests fail as `connectTls`
 */
export function createHttpsAgent(source: X509Source, options: HttpsAgentOptions): Agent {
  return new (spiffeAgent())(source, options);
}

/** Node reads the socket only when there is no error. */
type Connected = (error: Error | null, socket: Duplex) => void;

/** With the first agent, because it needs the class of the runtime. */
const spiffeAgent = lazy(() => {
  class SpiffeAgent extends nodeHttps().Agent {
    readonly #connect: (target: RequestOptions) => Promise<Duplex>;
    readonly #unsubscribe: () => void;
    /** Connections under the identity and the bundles of now. */
    #current = new WeakSet<Duplex>();

    constructor(source: X509Source, { allow, clock, ...pool }: HttpsAgentOptions) {
      // The size of the session cache: nothing is resumed.
      super({ keepAlive: true, ...pool, maxCachedSessions: 0 });
      const checking = { allow, ...(clock ? { clock } : {}) };
      const check = createPeerCheck(source, "createHttpsAgent", checking);
      this.#connect = ({ host, port, servername }) =>
        connectVerified(
          source,
          check,
          {
            host: host ?? "localhost",
            port: Number(port ?? 443),
            alpn: ["http/1.1"],
            ...(servername ? { servername } : {}),
          },
          checking,
        );
      this.#unsubscribe = source.subscribe(() => {
        this.#current = new WeakSet();
        this.#dropIdle();
      });
      // A request is over. Before the runtime's own listener, which gives the connection to the next one.
      this.prependListener("free", (socket: Duplex) => {
        if (!this.#current.has(socket)) socket.destroy();
      });
    }

    override createConnection(options: RequestOptions, callback?: Connected): undefined {
      const current = this.#current;
      this.#connect(options).then(
        (socket) => {
          current.add(socket);
          callback?.(null, socket);
        },
        (error: Error) => callback?.(error, undefined as never),
      );
    }

    override destroy(): void {
      this.#unsubscribe();
      super.destroy();
    }

    #dropIdle(): void {
      for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
  }

  return SpiffeAgent;
});
