import type { SpiffeBundle } from "@symbolon/spiffe/bundle";
import type { Observable } from "@symbolon/spiffe/core";
import type { RegistrationEntry } from "../../core/index.ts";
import type { NodeState } from "../../gen/index.ts";
import { nodeStateMessage } from "./agent-messages.ts";

/** What is used of a gRPC stream to an agent. */
export interface AgentStream {
  /** @param onTaken called when the message has left for the agent */
  write(message: NodeState, onTaken: () => void): void;
  onOver(listener: () => void): void;
}

export interface AgentWatches {
  /**
   * Tells the state at once, and again after each change for as long as the stream lives.
   * @param problem what the agent says is wrong with itself, until the stream ends; empty when nothing is
   */
  open(stream: AgentStream, problem: string): void;
  /** Each once, in the order of their streams. */
  problems(): readonly string[];
  close(): void;
}

interface Watch {
  readonly stream: AgentStream;
  readonly problem: string;
  /** A message is under way. */
  blocked: boolean;
  /** Has not been told the newest state. */
  behind: boolean;
}

/**
 * Every agent hears of every change, in one message for all changes of one moment; one that does not read has at most one
 * message waiting, and gets the newest state next.
 */
export function createAgentWatches(sources: {
  readonly bundles: Observable<readonly SpiffeBundle[]>;
  readonly entries: Observable<readonly RegistrationEntry[]>;
}): AgentWatches {
  const { bundles, entries } = sources;
  const open = new Set<Watch>();
  let revision = 1n;
  let scheduled = false;

  const tell = (watch: Watch): void => {
    if (watch.blocked) return;
    watch.behind = false;
    watch.blocked = true;
    watch.stream.write(nodeStateMessage(revision, bundles.current, entries.current), () => {
      watch.blocked = false;
      if (watch.behind && open.has(watch)) tell(watch);
    });
  };
  const changed = (): void => {
    revision += 1n;
    for (const watch of open) watch.behind = true;
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      for (const watch of open) if (watch.behind) tell(watch);
    });
  };
  const unfollow = [bundles.subscribe(changed), entries.subscribe(changed)];

  return {
    open(stream, problem) {
      const watch = { stream, problem, blocked: false, behind: false };
      open.add(watch);
      stream.onOver(() => open.delete(watch));
      tell(watch);
    },
    problems: () => [...new Set([...open].map(({ problem }) => problem).filter((problem) => problem !== ""))],
    close() {
      for (const end of unfollow) end();
      open.clear();
    },
  };
}
