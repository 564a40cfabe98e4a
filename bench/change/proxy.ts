/**
 * The product's proxy of one pod, told by the control plane; prints a line when it has started, and one when it has closed a
 * connection that a change denies: milliseconds of the wall clock. Written with one system call: `process.stdout` is made
 * when it is first used, for more than a change costs. Arguments: configuration socket, pod, its address, the application's.
 */
import { writeSync } from "node:fs";
import { createObservable, silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createConfigClient } from "../../packages/symbolon/src/adapters/ipc/index.ts";
import { createProxy, type ProxyIdentity, transparentCapture } from "../../packages/symbolon/src/proxy/index.ts";
import { identityOf } from "./identity.ts";

const [path = "", podUid = "", listenAddress = "", applicationAddress = ""] = process.argv.slice(2);
const client = createConfigClient({ path, podUid, clock: systemClock, random: systemRandom, log: silentLog });
const authority = createTestAuthority("cluster.local");
const identity = createObservable<ProxyIdentity | undefined>(
  identityOf(authority.issue("/ns/foo/sa/default"), authority),
);
const proxy = createProxy(
  {
    identity,
    config: client.config,
    // Every pod has an address of its own on loopback: nothing has to be told to the kernel.
    capture: transparentCapture({
      sockets: { prepareListener: () => undefined, setCapturedPorts: async () => undefined },
      listenAddress,
    }),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    record: ({ reason }) => {
      if (reason === "access_revoked") writeSync(1, `${performance.timeOrigin + performance.now()}\n`);
    },
  },
  { applicationAddress, forbiddenDestinations: [], http: {} },
);
await proxy.start();
writeSync(1, "started\n");
