import { describe, expect, test } from "bun:test";
import { createObservable } from "@symbolon/spiffe/core";
import { testEntry } from "../../../../../test/fakes/registration-entries.ts";
import type { RegistrationEntry } from "../../core/index.ts";
import { type AgentStream, createAgentWatches } from "./agent-watches.ts";

/** An agent that takes messages or lets them wait. */
function agent(taking = true) {
  const told: string[] = [];
  const listeners = new Map<string, () => void>();
  const stream: AgentStream = {
    write({ revision, entries }) {
      told.push(`${revision}: ${entries.map(({ id }) => id).join()}`);
      return taking;
    },
    once: (event, listener) => listeners.set(event, listener),
  };
  return { stream, told, emit: (event: string) => listeners.get(event)?.() };
}

function watches() {
  const entries = createObservable<readonly RegistrationEntry[]>([]);
  const all = createAgentWatches({ bundles: createObservable([]), entries });
  const set = (...ids: readonly string[]) => entries.set(ids.map((id) => testEntry({ id })));
  return { ...all, set };
}

describe("agents are told", () => {
  test("everything at once, then after each change, one message for one moment", async () => {
    const { open, set } = watches();
    const { stream, told } = agent();
    open(stream);
    set("a");
    set("a", "b");
    await Promise.resolve();
    set("b");
    await Promise.resolve();
    expect(told).toEqual(["1: ", "3: a,b", "4: b"]);
  });

  test("the newest state alone once they read again", async () => {
    const { open, set } = watches();
    const { stream, told, emit } = agent(false);
    open(stream);
    for (const id of ["a", "b", "c"]) {
      set(id);
      await Promise.resolve();
    }
    expect(told).toEqual(["1: "]);
    emit("drain");
    expect(told).toEqual(["1: ", "4: c"]);
    emit("drain");
    expect(told).toHaveLength(2);
  });

  test("nothing once they have gone, and nobody once it is closed", async () => {
    const { open, close, set } = watches();
    const gone = agent();
    const stays = agent();
    open(gone.stream);
    open(stays.stream);
    gone.emit("close");
    set("a");
    await Promise.resolve();
    close();
    set("b");
    await Promise.resolve();
    expect(gone.told).toEqual(["1: "]);
    expect(stays.told).toEqual(["1: ", "2: a"]);
  });
});
