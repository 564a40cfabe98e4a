import { describe, expect, test } from "bun:test";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createTestAuthority } from "@symbolon/spiffe/testing";
import { productError } from "../../core/index.ts";
import { createFileSecrets, FILE_POLL_MS } from "./file-secrets.ts";
import { fileSecretName } from "./secret-names.ts";

const authority = createTestAuthority("example.org");
const CERT = "file-cert:/tls/chain.pem~/tls/key.pem";
const pair = () => {
  const svid = authority.issue("/gateway");
  const key = svid.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  return { chain: svid.certificateChainPem(), key };
};

function follow(first: Readonly<Record<string, string>>) {
  const disk = new Map(Object.entries(first));
  const clock = createFakeClock();
  let changes = 0;
  let reads = 0;
  const secrets = createFileSecrets({
    files: {
      async read(path) {
        reads += 1;
        const text = disk.get(path);
        if (text === undefined) throw productError("ERR_SECRET_FILE", `"${path}" may not be read`);
        return Buffer.from(text);
      },
    },
    clock,
    log: silentLog,
    changed: () => {
      changes += 1;
    },
  });
  return { disk, clock, secrets, changes: () => changes, reads: () => reads };
}

describe("names", () => {
  test.each([
    [CERT, { kind: "certificate", chainPath: "/tls/chain.pem", keyPath: "/tls/key.pem" }],
    ["file-root:/tls/ca.pem", { kind: "root", path: "/tls/ca.pem" }],
    ["file-root:system", { kind: "root" }],
    ["file-root:ca.pem", undefined],
    ["file-cert:/tls/chain.pem", undefined],
    ["file-cert:/a~/b~/c", undefined],
    ["file-cert:a~/b", undefined],
    ["file-root:/a\0b", undefined],
  ])("%p", (name, parsed) => {
    expect(fileSecretName(name)).toEqual(parsed as ReturnType<typeof fileSecretName>);
  });

  test("another form is missing with the forms that there are", () => {
    expect(follow({}).secrets.get("file-cert:/a")).toMatchObject({
      kind: "missing",
      reason: expect.stringContaining("file-cert:CHAIN~KEY"),
    });
  });
});

describe("secrets of files", () => {
  test("are read when they are first asked for", async () => {
    const { chain, key } = pair();
    const { secrets, clock, changes } = follow({ "/tls/chain.pem": chain, "/tls/key.pem": key });
    expect(secrets.get(CERT)).toEqual({ kind: "pending" });
    await clock.advance(0);
    expect(changes()).toBe(1);
    expect(secrets.get(CERT)).toMatchObject({ kind: "found", content: { kind: "certificate", chainPem: chain } });
  });

  test("are missing when the caller may not read them, and there once it may", async () => {
    const { secrets, clock, disk, changes } = follow({});
    secrets.get("file-root:/tls/ca.pem");
    await clock.advance(0);
    expect(secrets.get("file-root:/tls/ca.pem")).toMatchObject({ kind: "missing" });
    disk.set("/tls/ca.pem", authority.bundle.toPem());
    await clock.advance(FILE_POLL_MS);
    expect(secrets.get("file-root:/tls/ca.pem")).toMatchObject({ content: { kind: "trusted-ca" } });
    expect(changes()).toBe(2);
  });

  test("stay as they were while only half of a new pair is there", async () => {
    const [before, after] = [pair(), pair()];
    const { secrets, clock, disk, changes } = follow({ "/tls/chain.pem": before.chain, "/tls/key.pem": before.key });
    secrets.get(CERT);
    await clock.advance(0);
    disk.set("/tls/chain.pem", after.chain);
    await clock.advance(FILE_POLL_MS);
    expect([secrets.get(CERT), changes()]).toMatchObject([{ content: { chainPem: before.chain } }, 1]);
    disk.set("/tls/key.pem", after.key);
    await clock.advance(FILE_POLL_MS);
    expect([secrets.get(CERT), changes()]).toMatchObject([{ content: { chainPem: after.chain } }, 2]);
  });

  test("say nothing when they are read again unchanged", async () => {
    const { secrets, clock, changes, reads } = follow({ "/tls/ca.pem": authority.bundle.toPem() });
    secrets.get("file-root:/tls/ca.pem");
    await clock.advance(5 * FILE_POLL_MS);
    expect([changes(), reads()]).toEqual([1, 6]);
  });

  test.each([
    ["the key of another certificate", { "/tls/key.pem": pair().key }, "is not the one of"],
    ["no key", { "/tls/key.pem": "hello" }, '"/tls/key.pem": private key'],
    ["a certificate in the place of the key", { "/tls/key.pem": pair().chain }, '"/tls/key.pem": private key'],
    ["no certificate", { "/tls/chain.pem": pair().key }, "/tls/chain.pem"],
  ])("with %s are missing", async (_, change, why) => {
    const { chain, key } = pair();
    const { secrets, clock } = follow({ "/tls/chain.pem": chain, "/tls/key.pem": key, ...change });
    secrets.get(CERT);
    await clock.advance(0);
    expect(secrets.get(CERT)).toMatchObject({ kind: "missing", reason: expect.stringContaining(why) });
  });

  test("a list of authorities with a key in it is not passed on", async () => {
    const { secrets, clock } = follow({ "/tls/ca.pem": authority.bundle.toPem() + pair().key });
    secrets.get("file-root:/tls/ca.pem");
    await clock.advance(0);
    expect(secrets.get("file-root:/tls/ca.pem").kind).toBe("missing");
  });

  test("the system's authorities are where the distribution keeps them", async () => {
    const { secrets, clock } = follow({ "/etc/pki/tls/certs/ca-bundle.crt": authority.bundle.toPem() });
    secrets.get("file-root:system");
    await clock.advance(0);
    expect(secrets.get("file-root:system")).toMatchObject({ content: { authoritiesPem: authority.bundle.toPem() } });
  });

  test("that nobody asks for any more are not read any more", async () => {
    const { secrets, clock, reads } = follow({ "/tls/ca.pem": authority.bundle.toPem() });
    secrets.get("file-root:/tls/ca.pem");
    await clock.advance(0);
    secrets.keepOnly(new Set(["file-root:/tls/other.pem"]));
    await clock.advance(5 * FILE_POLL_MS);
    expect([reads(), clock.pendingTimersMs]).toEqual([1, []]);
  });
});
