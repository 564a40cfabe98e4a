import { describe, expect, test } from "bun:test";
import { createObservable } from "@symbolon/spiffe/core";
import { testEntry } from "../../../../../test/fakes/registration-entries.ts";
import type { RegistrationEntry } from "../../core/index.ts";
import { type AgentStream, createAgentWatches } from "./agent-watches.ts";

/** An agent that takes messages or lets them wait. */
function agent(taking = true) {
  const told: string[] = [];
  const over: (() => void)[] = [];
  const waiting: (() => void)[] = [];
  const stream: AgentStream = {
    write({ revision, entries }, onTaken) {
      told.push(`${revision}: ${entries.map(({ id }) => id).join()}`);
      if (taking) onTaken();
      else waiting.push(onTaken);
    },
    onOver: (listener) => void over.push(listener),
  };
  return { stream, told, take: () => waiting.shift()?.(), go: () => over[0]?.() };
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
    open(stream, "");
    set("a");
    set("a", "b");
    await Promise.resolve();
    set("b");
    await Promise.resolve();
    expect(told).toEqual(["1: ", "3: a,b", "4: b"]);
  });

  test("the newest state alone once they read again", async () => {
    const { open, set } = watches();
    const { stream, told, take } = agent(false);
    open(stream, "");
    for (const id of ["a", "b", "c"]) {
      set(id);
      await Promise.resolve();
    }
    expect(told).toEqual(["1: "]);
    take();
    expect(told).toEqual(["1: ", "4: c"]);
    take();
    expect(told).toHaveLength(2);
  });

  test("nothing once they have gone, and nobody once it is closed", async () => {
    const { open, close, set } = watches();
    const gone = agent();
    const stays = agent();
    open(gone.stream, "");
    open(stays.stream, "");
    gone.go();
    set("a");
    await Promise.resolve();
    close();
    set("b");
    await Promise.resolve();
    expect(gone.told).toEqual(["1: "]);
    expect(stays.told).toEqual(["1: ", "2: a"]);
  });
});

describe("what agents say is wrong with themselves", () => {
  test("is known while their watches live, each problem once; an agent without one says nothing", () => {
    const { open, problems, close } = watches();
    expect(problems()).toEqual([]);
    const [well, first, second, third] = [agent(), agent(), agent(), agent()];
    open(well.stream, "");
    expect(problems()).toEqual([]);
    open(first.stream, "agent: disk full");
    open(second.stream, "host-agent: disk full");
    open(third.stream, "agent: disk full");
    expect(problems()).toEqual(["agent: disk full", "host-agent: disk full"]);
    first.go();
    expect(problems()).toEqual(["host-agent: disk full", "agent: disk full"]);
    third.go();
    expect(problems()).toEqual(["host-agent: disk full"]);
    close();
    expect(problems()).toEqual([]);
  });
});
