import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createFakeRandom } from "@symbolon/spiffe/testing";
import type { DenialRecord } from "../../telemetry/index.ts";
import { listenOnUnixSocket } from "../os/index.ts";
import type { ProcessIdentity } from "./agent-control.ts";
import { createReportClient, KEPT_DENIALS, type Report } from "./report-client.ts";
import { serveReports } from "./report-server.ts";

const POD = "pod-1";
const PROXY: ProcessIdentity = { pid: 4711, startTicks: 100 };

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const denial = (connectionId: number) => ({ connectionId }) as DenialRecord;

function socketPath(): string {
  const directory = mkdtempSync(join(tmpdir(), "symbolon-reports-"));
  closers.push(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "reports.sock");
}

async function startServer(path: string, peer = PROXY) {
  const state = { reports: [] as Omit<Report, "id">[], failure: undefined as Error | undefined, attempts: 0 };
  const server = await serveReports({
    path,
    listen: listenOnUnixSocket,
    readPeer: () => peer,
    proxyOf: (podUid) => (podUid === POD ? PROXY : undefined),
    async store(_podUid, report) {
      state.attempts++;
      if (state.failure) throw state.failure;
      state.reports.push(report);
    },
    log: silentLog,
  });
  closers.push(() => server.close());
  return { state, server };
}

function startClient(path: string) {
  const clock = createFakeClock();
  const client = createReportClient({ path, podUid: POD, clock, random: createFakeRandom(), log: silentLog });
  closers.push(() => client.close());
  return { client, clock };
}

const idsOf = (reports: readonly Omit<Report, "id">[]) =>
  reports.flatMap(({ denials }) => denials.map(({ connectionId }) => connectionId));

describe("reports of a proxy", () => {
  test("name the sources of keys that tokens lack, each once a report, and only once", async () => {
    const path = socketPath();
    const { state } = await startServer(path);
    const { client, clock } = startClient(path);
    client.keyUnknown("http://a/keys");
    await until(() => state.reports.length === 1);
    for (let token = 0; token < 100; token++) client.keyUnknown("http://b/keys");
    await until(() => clock.pendingTimersMs.includes(200));
    await clock.advance(200);
    await until(() => state.reports.length === 2);
    expect(state.reports.map(({ unknownKeys }) => unknownKeys)).toEqual([["http://a/keys"], ["http://b/keys"]]);
  });

  test("arrive in order, with ids of their own, a hundred at a time", async () => {
    const path = socketPath();
    const { state } = await startServer(path);
    const { client, clock } = startClient(path);
    for (let n = 0; n < 250; n++) client.denied(denial(n));
    await until(() => state.reports.length === 1);
    for (let report = 2; report <= 3; report++) {
      await until(() => clock.pendingTimersMs.includes(200));
      await clock.advance(200);
      await until(() => state.reports.length === report);
    }
    expect(state.reports.map(({ denials }) => denials.length)).toEqual([100, 100, 50]);
    expect(idsOf(state.reports)).toEqual(Array.from({ length: 250 }, (_, n) => n));
    expect(new Set(state.reports.flatMap(({ denials }) => denials.map(({ id }) => id))).size).toBe(250);
  });

  test("wait while the control plane is away, and come when it is there", async () => {
    const path = socketPath();
    const { client, clock } = startClient(path);
    client.denied(denial(1));
    await until(() => clock.pendingTimersMs.length > 0);
    const { state } = await startServer(path);
    await clock.advance(1000);
    await until(() => state.reports.length === 1);
    expect(idsOf(state.reports)).toEqual([1]);
  });

  test("are repeated until they are stored, with the same ids", async () => {
    const path = socketPath();
    const { state } = await startServer(path);
    const { client, clock } = startClient(path);
    state.failure = new Error("disk full");
    client.denied(denial(1));
    await until(() => state.attempts === 1);
    client.denied(denial(2));
    state.failure = undefined;
    await until(() => clock.pendingTimersMs.length > 0);
    await clock.advance(1000);
    await until(() => state.reports.length === 1);
    await until(() => clock.pendingTimersMs.includes(200));
    await clock.advance(200);
    await until(() => state.reports.length === 2);
    expect(idsOf(state.reports)).toEqual([1, 2]);
  });

  test("that find no room are counted, and the count arrives once", async () => {
    const path = socketPath();
    const { client, clock } = startClient(path);
    for (let n = 0; n < KEPT_DENIALS + 7; n++) client.denied(denial(n));
    const { state } = await startServer(path);
    await until(() => clock.pendingTimersMs.length > 0);
    await clock.advance(1000);
    await until(() => state.reports.length === 1);
    await until(() => clock.pendingTimersMs.includes(200));
    await clock.advance(200);
    await until(() => state.reports.length === 2);
    expect(state.reports.map(({ lost }) => lost)).toEqual([7, 0]);
  });

  test("of a process that is not the pod's proxy are not taken", async () => {
    const path = socketPath();
    const { state } = await startServer(path, { pid: 4712, startTicks: 100 });
    const { client, clock } = startClient(path);
    client.denied(denial(1));
    for (let tries = 0; tries < 3; tries++) {
      await until(() => clock.pendingTimersMs.length > 0);
      await clock.advance(1000);
    }
    expect(state.attempts).toBe(0);
  });
});
