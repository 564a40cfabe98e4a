import { describe, expect, test } from "bun:test";
import { createControlPlaneFixture, createMemoryStore } from "../../../../test/fakes/control-plane-fixture.ts";
import { decodeState, encodeRecord, encodeSettings } from "./persisted-state.ts";

const FOO = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {istio-injection: enabled}}\n";
const web = (image = "i") =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: foo}\nspec: {replicas: 2, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: ${image}}]}}}\n`;
const SERVICE =
  "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: foo}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n";
const STRICT =
  "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: foo}\nspec: {mtls: {mode: STRICT}}\n";
const UNENFORCED = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a, namespace: foo}\n";
const FILES = `${FOO}---\n${web()}---\n${SERVICE}`;

type Mesh = Awaited<ReturnType<typeof createControlPlaneFixture>>;
const serviceAddress = ({ control }: Mesh) => control.list("Service")[0]?.spec?.clusterIP;
const uids = ({ control }: Mesh) => control.desiredPods.current.map(({ uid }) => uid);

describe("a control plane that starts again", () => {
  test("neither renames nor readdresses anything, and keeps what was applied", async () => {
    const store = createMemoryStore();
    const before = await createControlPlaneFixture({ store, files: FILES });
    await before.apply(STRICT);
    await before.runPods();
    const after = await createControlPlaneFixture({ store, files: FILES, seed: 99 });
    expect(after.control.desiredPods.current).toEqual(before.control.desiredPods.current);
    expect(serviceAddress(after)).toBe(serviceAddress(before));
    expect(after.control.list("PeerAuthentication")).toEqual(before.control.list("PeerAuthentication"));
    expect(after.control.list("Namespace")).toEqual(before.control.list("Namespace"));
    const [uid = ""] = uids(after);
    expect(after.control.configs.current(uid)?.local.inboundMode).toBe("strict");
    expect(after.audit).toEqual([]);
  });

  test("tells a version above every earlier one", async () => {
    const store = createMemoryStore();
    const before = await createControlPlaneFixture({ store, files: FILES });
    const after = await createControlPlaneFixture({ store, files: FILES });
    expect(after.control.status().version).toBeGreaterThan(before.control.status().version);
  });

  test("serves the last good state when the manifests are bad now", async () => {
    const store = createMemoryStore();
    const before = await createControlPlaneFixture({ store, files: FILES });
    const after = await createControlPlaneFixture({ store, files: `${FILES}---\na: [\n` });
    expect(uids(after)).toEqual(uids(before));
    expect(after.control.status().findings).toEqual([
      expect.stringContaining("SYM0001"),
      expect.stringContaining("what was in force before stays"),
    ]);
  });

  test("follows the manifests where they changed while it was away", async () => {
    const store = createMemoryStore();
    await createControlPlaneFixture({ store, files: FILES });
    const after = await createControlPlaneFixture({ store, files: FOO });
    expect(after.control.desiredPods.current).toEqual([]);
    expect(after.control.list("Service")).toEqual([]);
  });

  test("a file takes over what was applied before, and says so", async () => {
    const store = createMemoryStore();
    const before = await createControlPlaneFixture({ store, files: FILES });
    await before.apply(STRICT);
    const after = await createControlPlaneFixture({ store, files: `${FILES}---\n${STRICT}` });
    expect(after.control.status().findings).toEqual([]);
    const key = { kind: "PeerAuthentication", namespace: "foo", name: "default" } as const;
    expect(after.control.delete({ keys: [key], ignoreNotFound: false })).rejects.toMatchObject({
      code: "ERR_OBJECT_OWNED_BY_FILE",
    });
    // From now on the file alone decides.
    await after.edit(FILES);
    expect(after.control.list("PeerAuthentication")).toEqual([]);
  });

  test("good manifests replace a stored state that these options no longer accept", async () => {
    const store = createMemoryStore();
    await createControlPlaneFixture({ store, files: `${FILES}---\n${UNENFORCED}`, allowUnenforced: true });
    const after = await createControlPlaneFixture({ store, files: FILES });
    expect(after.control.desiredPods.current).toHaveLength(2);
    expect(after.control.list("Sidecar" as "Pod")).toEqual([]);
  });

  test("does not start with less than was in force when both are refused", async () => {
    const store = createMemoryStore();
    const text = `${FILES}---\n${UNENFORCED}`;
    await createControlPlaneFixture({ store, files: text, allowUnenforced: true });
    const start = createControlPlaneFixture({ store, files: text });
    await expect(start).rejects.toMatchObject({
      code: "ERR_STATE_UNREADABLE",
      message: expect.stringContaining("SYM2001 kind: Sidecar is not enforced yet"),
    });
  });

  test("does not start without an applied object that it cannot read", async () => {
    const store = createMemoryStore();
    const before = await createControlPlaneFixture({ store, files: FILES });
    await before.apply(STRICT);
    const record = store.records.get("object PeerAuthentication/foo/default");
    if (!record) throw new Error("not stored");
    await store.write({ put: [{ ...record, value: record.value.replaceAll("STRICT", "STRCT") }], remove: [] });
    await expect(createControlPlaneFixture({ store, files: FILES })).rejects.toMatchObject({
      code: "ERR_STATE_UNREADABLE",
      message: expect.stringMatching(
        /^stored object PeerAuthentication\/foo\/default \(-:1\) is not accepted .*SYM0105/,
      ),
    });
  });

  test("a record that is no JSON stops it with the record's name", async () => {
    const store = createMemoryStore();
    await store.write({ put: [{ kind: "pod", key: "u", value: "{" }], remove: [] });
    await expect(createControlPlaneFixture({ store })).rejects.toMatchObject({
      code: "ERR_STATE_UNREADABLE",
      message: expect.stringContaining('state record pod "u" is damaged'),
    });
  });
});

describe("a change", () => {
  test("that the store does not take is not in force, and the next one is", async () => {
    const mesh = await createControlPlaneFixture({ files: FILES });
    const version = mesh.control.status().version;
    mesh.store.failNext = new Error("disk full");
    await expect(mesh.apply(STRICT)).rejects.toThrow("disk full");
    expect(mesh.control.list("PeerAuthentication")).toEqual([]);
    expect(mesh.control.status().version).toBe(version);
    expect(mesh.audit.slice(-2)).toMatchObject([
      { kind: "configuration.change", outcome: "success", details: { action: "created" } },
      { kind: "configuration.change", outcome: "failure", details: { action: "created", error: "disk full" } },
    ]);
    expect(mesh.audit.at(-1)?.subject).toBe(mesh.audit.at(-2)?.subject ?? "");
    expect((await mesh.apply(STRICT)).accepted).toBe(true);
    expect(mesh.control.list("PeerAuthentication")).toHaveLength(1);
  });

  test("that leaves no audit line is not in force (SR-63)", async () => {
    const mesh = await createControlPlaneFixture({ files: FILES });
    const writes = mesh.store.writes.length;
    mesh.failNextAudit(new Error("audit full"));
    await expect(mesh.apply(STRICT)).rejects.toThrow("audit full");
    expect(mesh.control.list("PeerAuthentication")).toEqual([]);
    expect(mesh.store.writes).toHaveLength(writes);
  });

  test("of the files that the store does not take leaves what was in force", async () => {
    const mesh = await createControlPlaneFixture({ files: FILES });
    mesh.store.failNext = new Error("disk full");
    await mesh.edit(`${FILES}---\n${STRICT}`);
    expect(mesh.control.list("PeerAuthentication")).toEqual([]);
    expect(mesh.errors).toEqual(["a change of the manifests was not taken over"]);
    await mesh.edit(`${FILES}---\n${STRICT}`);
    expect(mesh.control.list("PeerAuthentication")).toHaveLength(1);
  });

  test("is audited once, with who declared it", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    await mesh.apply(STRICT);
    await mesh.apply(STRICT);
    expect(mesh.audit.filter(({ actor }) => actor === "api")).toEqual([
      {
        kind: "configuration.change",
        outcome: "success",
        actor: "api",
        subject: "PeerAuthentication/foo/default",
        authority: "applied from standard input:1",
        details: { action: "created", after: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    ]);
    await mesh.apply(STRICT.replace("STRICT", "PERMISSIVE"));
    const [created, changed] = mesh.audit.filter(({ actor }) => actor === "api").map(({ details }) => details);
    expect(changed).toEqual({
      action: "configured",
      before: created?.after ?? "",
      after: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(changed?.after).not.toBe(changed?.before);
    expect(mesh.audit[0]).toMatchObject({ actor: "manifest files" });
  });

  test("that is refused is audited once, with its first error, cut; a dry run is not (SR-63)", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const bad = STRICT.replace("mode: STRICT", `mode: ${"X".repeat(2000)}`);
    const refusals = () => mesh.audit.filter(({ outcome }) => outcome === "refused");
    expect((await mesh.apply(bad, { dryRun: true })).accepted).toBe(false);
    expect(refusals()).toEqual([]);
    const { accepted, findings } = await mesh.apply(bad);
    expect(accepted).toBe(false);
    expect(refusals()).toEqual([
      {
        kind: "configuration.change",
        outcome: "refused",
        actor: "api",
        code: expect.stringMatching(/^SYM\d{4}$/),
        details: { errors: 1, finding: findings[0]?.slice(0, 500) ?? "" },
      },
    ]);
    mesh.failNextAudit(new Error("audit full"));
    expect((await mesh.apply(bad)).findings).toEqual(findings);
    expect(mesh.errors).toContain("a refused change was not audited");
  });

  test("of the files that is refused is audited once, until something else is wrong (SR-63)", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const bad = `${FOO}---\n${STRICT.replace("mode: STRICT", "mode: NONE")}`;
    const actors = () => mesh.audit.filter(({ outcome }) => outcome === "refused").map(({ actor }) => actor);
    await mesh.edit(bad);
    await mesh.edit(bad);
    expect(actors()).toEqual(["manifest files"]);
    await mesh.edit(bad.replace("NONE", "NEVER"));
    expect(actors()).toHaveLength(2);
    await mesh.edit(FOO);
    await mesh.edit(bad.replace("NONE", "NEVER"));
    expect(actors()).toHaveLength(3);
  });

  test("changes that come together are made one after the other", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const named = (name: string) => STRICT.replace("name: default", `name: ${name}`);
    const answers = await Promise.all(["a", "b", "c"].map((name) => mesh.apply(named(name))));
    expect(answers.every(({ accepted }) => accepted)).toBe(true);
    expect(mesh.control.list("PeerAuthentication").map(({ metadata }) => metadata.name)).toEqual(["a", "b", "c"]);
  });
});

describe("persisted state", () => {
  test("comes back as it was written", () => {
    const identity = { uid: "u", createdAt: "2026-01-01T00:00:00.000Z", generation: 1 };
    const state = decodeState([
      ...encodeSettings({ starts: 3, bootId: "b", podAddressCursor: "10.0.0.9" }),
      encodeRecord("manifest-file", "a.yaml", { text: "x" }),
      encodeRecord("identity", "Pod/foo/__proto__", identity),
      encodeRecord("service-address", "Service/foo/web", "10.96.0.2"),
    ]);
    expect(state.settings).toEqual({ starts: 3, bootId: "b", podAddressCursor: "10.0.0.9" });
    expect(state.files).toEqual([{ file: "a.yaml", text: "x" }]);
    expect(state.identities.get("Pod/foo/__proto__")).toEqual(identity);
    expect(state.serviceAddresses.get("Service/foo/web")).toBe("10.96.0.2");
    expect(decodeState([])).toMatchObject({ files: [], pods: [], settings: {} });
  });
});
