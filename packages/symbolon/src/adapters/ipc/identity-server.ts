import { errorText, type Log } from "@symbolon/spiffe/core";
import type { IdentityManager } from "../../agent/index.ts";
import { type AuditSink, productError } from "../../core/index.ts";
import type { ProcessIdentity } from "./agent-control.ts";
import type { FrameConnection } from "./frame-connection.ts";
import { type FrameServer, type ListenPrivately, serveFrames } from "./frame-server.ts";
import { encodeIdentity, encodeNoIdentity } from "./identity-message.ts";

export interface IdentityServerOptions {
  readonly identities: Pick<IdentityManager, "current" | "subscribe">;
  readonly listen: ListenPrivately;
  readonly readPeer: (fd: number) => ProcessIdentity;
  /** Start time of a live process; undefined when there is none with this id. */
  readonly startTicksOf: (pid: number) => number | undefined;
  readonly audit: AuditSink;
  readonly log: Log;
}

/** Hands each pod's identity to that pod's proxy, on a socket of the pod's own. */
export interface IdentityServer {
  /** Opens the pod's socket, or replaces the process that may use it. */
  open(podUid: string, socketPath: string, proxy: ProcessIdentity): Promise<void>;
  close(podUid: string): void;
  closeAll(): void;
}

interface PodSocket {
  readonly server: FrameServer;
  readonly connections: Set<FrameConnection>;
}

export function createIdentityServer(options: IdentityServerOptions): IdentityServer {
  /** The one process that may use a pod's socket. */
  const registered = new Map<string, ProcessIdentity>();
  const sockets = new Map<string, PodSocket>();
  /** One socket is made at a time: an order may be repeated, or taken back, before the first has been obeyed. */
  let opening: Promise<void> = Promise.resolve();

  const close = (podUid: string): void => {
    registered.delete(podUid);
    sockets.get(podUid)?.server.close();
    sockets.delete(podUid);
  };

  return {
    open(podUid, socketPath, proxy) {
      const before = registered.get(podUid);
      registered.set(podUid, proxy);
      // What the process before it still holds open is not for the new one.
      if (before && !isSameProcess(before, proxy))
        for (const connection of [...(sockets.get(podUid)?.connections ?? [])]) connection.close();
      opening = opening.catch(() => undefined).then(() => listen(podUid, socketPath));
      return opening;
    },
    close,
    closeAll() {
      for (const podUid of [...registered.keys()]) close(podUid);
    },
  };

  async function listen(podUid: string, socketPath: string): Promise<void> {
    if (sockets.has(podUid) || !registered.has(podUid)) return;
    const connections = new Set<FrameConnection>();
    const server = await serveFrames({
      path: socketPath,
      listen: options.listen,
      log: options.log,
      accept(connection) {
        attest(podUid, connection, registered.get(podUid));
        connections.add(connection);
        const delivery = deliverTo(podUid, connection, () => registered.get(podUid));
        return {
          onFrame: () => connection.close(),
          onDrain: delivery.resume,
          onClose() {
            connections.delete(connection);
            delivery.end();
          },
        };
      },
    });
    if (registered.has(podUid)) sockets.set(podUid, { server, connections });
    else server.close();
  }

  /** The kernel's word on who connected must be the process that the supervisor named; anything else is on record. */
  function attest(podUid: string, connection: FrameConnection, proxy: ProcessIdentity | undefined): void {
    let got = "unknown";
    try {
      const peer = options.readPeer(connection.fd);
      got = `process ${peer.pid}`;
      if (proxy && isSameProcess(peer, proxy)) return;
    } catch (error) {
      got = errorText(error);
    }
    const wanted = proxy ? `process ${proxy.pid}` : "none";
    void options.audit
      .write({
        kind: "identity.deliver",
        outcome: "refused",
        actor: got,
        subject: `pod ${podUid}`,
        authority: "kernel peer credentials",
        code: "ERR_PEER_CREDENTIALS",
        details: { wanted },
      })
      .catch((error: unknown) => options.log.error("audit line was not written", { error }));
    throw productError("ERR_PEER_CREDENTIALS", `the identity of pod ${podUid} is for ${wanted}, not for ${got}`);
  }

  /** Newest only: while the peer does not read, later identities replace the one that waits. */
  function deliverTo(podUid: string, connection: FrameConnection, registered: () => ProcessIdentity | undefined) {
    let writable = true;
    let dirty = true;
    let delivered = false;
    const push = (): void => {
      if (!writable || !dirty) return;
      const proxy = registered();
      // Asked again before each delivery: the process may have ended, and its id may be another's by now.
      if (!proxy || options.startTicksOf(proxy.pid) !== proxy.startTicks) return connection.close();
      dirty = false;
      const identity = options.identities.current(podUid);
      if (!identity) {
        // An agent that has only just started has nothing to take back: what its predecessor gave is good until it expires.
        if (delivered) writable = connection.send(encodeNoIdentity());
      } else {
        delivered = true;
        const { facts, key } = encodeIdentity(identity);
        connection.send(facts);
        writable = connection.send(key, { wipe: true });
        void options.audit
          .write({
            kind: "identity.deliver",
            outcome: "success",
            actor: `process ${proxy.pid}`,
            subject: identity.svid.spiffeId.toString(),
            details: { podUid, serialNumber: identity.svid.leaf.serialNumberHex },
          })
          .catch((error: unknown) => options.log.error("audit line was not written", { error }));
      }
    };
    const unsubscribe = options.identities.subscribe(podUid, () => {
      dirty = true;
      push();
    });
    queueMicrotask(push);
    return {
      resume() {
        writable = true;
        push();
      },
      end: unsubscribe,
    };
  }
}

function isSameProcess(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.pid === b.pid && a.startTicks === b.startTicks;
}
