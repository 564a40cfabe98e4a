import { expect, test } from "bun:test";
import { silentLog, systemRandom } from "@symbolon/spiffe/core";
import { createFakeClock, createTestAuthority } from "@symbolon/spiffe/testing";
import type { Entitlement } from "../workload.ts";
import { createSecretSource } from "./secret-source.ts";

const FILE = "file-root:/tls/ca.pem";

function source() {
  const clock = createFakeClock();
  const followers = new Set<() => void>();
  const entitlement: Entitlement = { kind: "none", reason: "no entry" };
  const created = createSecretSource({
    workload: {
      entitlement: () => entitlement,
      subscribe(follower) {
        followers.add(follower);
        return () => followers.delete(follower);
      },
    },
    files: { read: async () => Buffer.from(createTestAuthority("example.org").bundle.toPem()) },
    clock,
    random: systemRandom,
    log: silentLog,
    changed() {},
  });
  return { ...created, clock, followers };
}

const found = ({ secrets, pending, missing }: ReturnType<ReturnType<typeof source>["find"]>) => ({
  secrets: [...secrets.keys()],
  pending,
  missing: [...missing.keys()],
});

test("files are for a program without any identity, too: it could read them itself", async () => {
  const { find, clock, close } = source();
  const wanted = new Set([FILE, "default"]);
  expect(found(find(wanted, "spiffe-validation"))).toEqual({ secrets: [], pending: [FILE], missing: ["default"] });
  await clock.advance(0);
  expect(found(find(wanted, "spiffe-validation"))).toEqual({ secrets: [FILE], pending: [], missing: ["default"] });
  close();
});

test("files that are given up are not read any more", async () => {
  const { find, clock } = source();
  find(new Set([FILE]), "spiffe-validation");
  await clock.advance(0);
  expect(clock.pendingTimersMs).toHaveLength(1);
  find(new Set(["default"]), "spiffe-validation");
  expect(clock.pendingTimersMs).toEqual([]);
});

test("a request for everything names no files and gives none up", async () => {
  const { find, clock, close } = source();
  find(new Set([FILE]), "spiffe-validation");
  await clock.advance(0);
  expect(found(find("everything", "spiffe-validation")).secrets).toEqual([]);
  expect(clock.pendingTimersMs).toHaveLength(1);
  close();
});

test("nothing is followed after the end", async () => {
  const { find, clock, close, followers } = source();
  find(new Set([FILE]), "spiffe-validation");
  await clock.advance(0);
  close();
  expect([followers.size, clock.pendingTimersMs]).toEqual([0, []]);
});
