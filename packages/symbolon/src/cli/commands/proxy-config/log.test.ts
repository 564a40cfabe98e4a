import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { symbolon } from "../../../../../../test/fakes/command-line.ts";
import { type AdministrativeCommand, type ApiBackend, type ApiServer, serveApi } from "../../../adapters/http/index.ts";
import { type FrameServer, serveProxyAdmin } from "../../../adapters/ipc/index.ts";
import { listenOnUnixSocket } from "../../../adapters/os/index.ts";
import { meshDirectories } from "../../../app/index.ts";
import { meshPaths, productError } from "../../../core/index.ts";

const POD = {
  kind: "Pod",
  metadata: { name: "web-1", namespace: "foo", uid: "u1" },
  spec: { containers: [] },
};
const before = { state: process.env.XDG_STATE_HOME, runtime: process.env.XDG_RUNTIME_DIR };
const commands: AdministrativeCommand[] = [];
let directory = "";
let level = "info";
let auditFails = false;
let api: ApiServer | undefined;
let admin: FrameServer | undefined;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "proxy-log-"));
  process.env.XDG_STATE_HOME = directory;
  process.env.XDG_RUNTIME_DIR = directory;
  const paths = meshPaths(meshDirectories("default", process.env));
  const { proxyAdminSocket } = paths.podRuntime(POD.metadata.uid);
  for (const path of [paths.apiSocket, proxyAdminSocket]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const backend = {
    list: () => [POD],
    async recordCommand(command: AdministrativeCommand) {
      if (auditFails) throw productError("ERR_AUDIT_UNWRITABLE", "the disk is full");
      commands.push(command);
    },
  };
  api = serveApi({ socketPath: paths.apiSocket, backend: backend as unknown as ApiBackend, log: silentLog });
  admin = await serveProxyAdmin({
    path: proxyAdminSocket,
    listen: listenOnUnixSocket,
    handler: {
      ready: () => true,
      configVersion: () => 1,
      dump: () => null,
      config: () => null,
      metrics: () => [],
      logLevel: () => level,
      setLogLevel(wanted) {
        level = wanted;
        return true;
      },
    },
    log: silentLog,
  });
});
afterAll(async () => {
  admin?.close();
  await api?.stop();
  for (const [name, value] of [
    ["XDG_STATE_HOME", before.state],
    ["XDG_RUNTIME_DIR", before.runtime],
  ] as const)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  rmSync(directory, { recursive: true });
});

test("asking for a proxy's log level is no command of an administrator; changing it is one, and is on record first", async () => {
  expect(await symbolon("proxy-config", "log", "web-1", "-n", "foo")).toMatchObject({
    status: 0,
    stdout: "level: info\n",
  });
  expect(commands).toEqual([]);
  const change = ["proxy-config", "log", "web-1", "-n", "foo", "--level", "debug"];
  auditFails = true;
  const refused = await symbolon(...change);
  expect(refused.status).not.toBe(0);
  expect(refused.stderr).toContain("the disk is full");
  expect(level).toBe("info");
  auditFails = false;
  expect(await symbolon(...change)).toMatchObject({ status: 0, stdout: "level: debug\n" });
  expect(commands).toEqual([
    {
      actor: `command line (uid ${process.getuid?.()})`,
      subject: "Pod/foo/web-1",
      details: { command: "proxy-config log", level: "debug" },
    },
  ]);
});
