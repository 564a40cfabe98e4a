import { describe, expect, test } from "bun:test";
import { createControlPlaneFixture } from "../../../../test/fakes/control-plane-fixture.ts";

const peer = (mode: string, name = "default", namespace = "foo") =>
  `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {mtls: {mode: ${mode}}}\n`;
const web = (replicas = 1) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: foo}\nspec: {replicas: ${replicas}, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}\n`;
const FOO = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {istio-injection: enabled}}\n";
const GOOD = `${FOO}---\n${web()}---\n${peer("PERMISSIVE")}`;

const key = (
  kind: "PeerAuthentication" | "Deployment" | "Namespace" | "Pod" | "ServiceAccount",
  name: string,
  namespace = "foo",
) => ({
  kind,
  namespace,
  name,
});

/** Mode that the only pod's proxy is told. */
function modeOf({ control }: Awaited<ReturnType<typeof createControlPlaneFixture>>): string | undefined {
  const [pod] = control.desiredPods.current;
  return pod && control.configs.current(pod.uid)?.local.inboundMode;
}

const STAYS = "the manifest files are refused as a whole; what was in force before stays";

describe("watched manifests", () => {
  test("are in force from the start, and every change of them", async () => {
    const mesh = await createControlPlaneFixture({ files: GOOD });
    expect(modeOf(mesh)).toBe("permissive");
    await mesh.edit(GOOD.replace("PERMISSIVE", "STRICT"));
    expect(modeOf(mesh)).toBe("strict");
    expect(mesh.control.status().findings).toEqual([]);
    await mesh.edit("");
    expect(mesh.control.desiredPods.current).toEqual([]);
  });

  const mistakes: readonly (readonly [string, string, string])[] = [
    ["a YAML syntax error", `${GOOD}---\na: [\n`, "SYM0001: "],
    [
      "an unknown field",
      GOOD.replace("spec: {mtls", "spec: {mtsl"),
      'SYM0101 spec.mtsl: unknown field "mtsl"; did you mean "mtls"?',
    ],
    [
      "a wrong type",
      GOOD.replace("replicas: 1", "replicas: two"),
      'SYM0102 spec.replicas: must be an integer, got the string "two"',
    ],
    [
      "a bad label",
      GOOD.replace("labels: {app: web}", 'labels: {app: "a b"}'),
      'SYM0205 spec.template.metadata.labels.app: invalid value "a b"',
    ],
    ["a bad mode", GOOD.replace("PERMISSIVE", "STRCT"), 'SYM0105 spec.mtls.mode: unknown value "STRCT"'],
    [
      "port 0",
      GOOD.replace(
        "spec: {mtls",
        "spec: {selector: {matchLabels: {app: web}}, portLevelMtls: {0: {mode: STRICT}}, mtls",
      ),
      "SYM0403 spec.portLevelMtls.0: port must be in range 1..65535",
    ],
    [
      "two conflicting mesh policies",
      `${GOOD}---\n${peer("STRICT", "a", "istio-system")}---\n${peer("DISABLE", "b", "istio-system")}`,
      "SYM0405 metadata.name: conflicting mesh-wide PeerAuthentications: istio-system/b (DISABLE) and istio-system/a (STRICT, mesh.yaml:",
    ],
    [
      "duplicate names",
      `${GOOD}---\n${peer("STRICT")}`,
      "SYM0211 metadata.name: PeerAuthentication foo/default is already defined at mesh.yaml:",
    ],
    [
      "a policy that nothing enforces",
      `${GOOD}---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a, namespace: foo}\n`,
      "SYM2001 kind: Sidecar is not enforced yet",
    ],
    [
      "an AuthorizationPolicy with a field that nobody knows",
      `${GOOD}---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: foo}\nspec: {rules: [{form: []}]}\n`,
      'SYM0101 spec.rules[0].form: unknown field "form"; did you mean "from"?',
    ],
    [
      "a missing service account",
      GOOD.replace("spec: {containers", "spec: {serviceAccountName: sa, containers"),
      "SYM2301 spec.template.spec.serviceAccountName: ",
    ],
  ];
  test.each(mistakes)("%s: has a place, and what was in force stays", async (_what, text, wanted) => {
    const mesh = await createControlPlaneFixture({ files: GOOD });
    const before = { pods: mesh.control.desiredPods.current, version: mesh.control.status().version };
    await mesh.edit(text);
    const { findings, version } = mesh.control.status();
    expect(findings).toEqual([expect.stringMatching(/^mesh\.yaml:\d+:\d+: error /), STAYS]);
    expect(findings[0]).toContain(wanted);
    expect({ pods: mesh.control.desiredPods.current, version }).toEqual(before);
    expect(modeOf(mesh)).toBe("permissive");
    expect(mesh.errors).toEqual(["manifests are refused; what was in force stays"]);

    await mesh.edit(GOOD.replace("PERMISSIVE", "STRICT"));
    expect(mesh.control.status().findings).toEqual([]);
    expect(modeOf(mesh)).toBe("strict");
  });

  test("a file that cannot be read changes nothing either", async () => {
    const mesh = await createControlPlaneFixture({ files: GOOD });
    await mesh.edit("", [{ path: "dir", message: "no permission" }]);
    expect(mesh.control.status().findings).toEqual(["dir:1:1: error SYM2005: no permission", STAYS]);
    expect(modeOf(mesh)).toBe("permissive");
  });

  test("--allow-unenforced takes the rest of the file", async () => {
    const text = `${GOOD}---\napiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a, namespace: foo}\n`;
    const mesh = await createControlPlaneFixture({ files: text, allowUnenforced: true });
    expect(modeOf(mesh)).toBe("permissive");
    expect(mesh.control.list("PeerAuthentication")).toHaveLength(1);
  });

  test("namespaces and their default accounts exist as soon as something is in them", async () => {
    const mesh = await createControlPlaneFixture({ files: web() });
    expect(mesh.control.list("Namespace").map(({ metadata }) => metadata.name)).toEqual([
      "default",
      "foo",
      "istio-system",
    ]);
    expect(mesh.control.list("ServiceAccount", "foo").map(({ metadata }) => metadata.name)).toEqual(["default"]);
    expect(mesh.control.desiredPods.current[0]?.sidecar).toBe(false);
  });
});

describe("apply", () => {
  test("creates, configures, leaves alone, and says which", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const first = await mesh.apply(web());
    expect(first).toMatchObject({ accepted: true, changes: [{ key: key("Deployment", "web"), action: "created" }] });
    expect(first.version).toBe(mesh.control.status().version);
    expect((await mesh.apply(web())).changes[0]?.action).toBe("unchanged");
    expect((await mesh.apply(web(2))).changes[0]?.action).toBe("configured");
    expect(mesh.control.desiredPods.current).toHaveLength(2);
    const [deployment] = mesh.control.list("Deployment");
    expect(deployment?.metadata.resourceVersion).toBe("2");
  });

  test("takes effect together with the files, and only as a whole", async () => {
    const mesh = await createControlPlaneFixture({ files: GOOD });
    const bad = await mesh.apply(`${peer("STRICT", "web")}---\n${peer("STRCT", "other")}`);
    expect(bad).toMatchObject({
      accepted: false,
      changes: [],
      findings: [expect.stringMatching(/^-:9:\d+: error SYM0105/)],
    });
    expect(mesh.control.list("PeerAuthentication")).toHaveLength(1);
    const conflict = await mesh.apply(peer("STRICT", "default"));
    expect(conflict.findings[0]).toMatch(
      /SYM2006 metadata\.name: PeerAuthentication foo\/default is declared in .*:\d+, which this mesh follows; change it there/,
    );
    expect(conflict.accepted).toBe(false);
    // Nearest miss: the very object that the file declares is no second one.
    expect(await mesh.apply(peer("PERMISSIVE"))).toMatchObject({ accepted: true, changes: [{ action: "unchanged" }] });
    expect((await mesh.apply(`${peer("STRICT", "x")}---\n${peer("DISABLE", "x")}`)).findings[0]).toContain("SYM0211");
    expect(modeOf(mesh)).toBe("permissive");
  });

  test("refuses what nothing enforces, unless told not to", async () => {
    const text = "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: a}\n";
    const mesh = await createControlPlaneFixture({ files: GOOD });
    expect((await mesh.apply(text)).accepted).toBe(false);
    const allowed = await mesh.apply(text, { allowUnenforced: true });
    expect(allowed).toMatchObject({
      accepted: true,
      changes: [],
      findings: [expect.stringContaining("warning SYM2001")],
    });
  });

  test("a dry run answers the same and changes nothing", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const version = mesh.control.status().version;
    const writes = mesh.store.writes.length;
    const answer = await mesh.apply(web(), { dryRun: true });
    expect(answer).toMatchObject({ accepted: true, changes: [{ action: "created" }] });
    expect(answer).not.toHaveProperty("prepared");
    expect(mesh.control.list("Deployment")).toEqual([]);
    expect([mesh.control.status().version, mesh.store.writes.length]).toEqual([version, writes]);
  });

  test("of two namespace-wide policies the first applied stays, whatever a manifest says of its own age", async () => {
    const mesh = await createControlPlaneFixture({ files: `${FOO}---\n${web()}` });
    await mesh.apply(peer("STRICT", "z"));
    await mesh.clock.advance(1000);
    const older = peer("DISABLE", "a").replace("name: a,", 'name: a, creationTimestamp: "2001-01-01T00:00:00Z",');
    const second = await mesh.apply(older);
    expect(second.findings.join()).toContain("warning SYM0404");
    expect(modeOf(mesh)).toBe("strict");
  });
});

describe("delete", () => {
  const remove = (
    mesh: Awaited<ReturnType<typeof createControlPlaneFixture>>,
    ...keys: readonly ReturnType<typeof key>[]
  ) => mesh.control.delete({ keys, ignoreNotFound: false });

  test("ends what was applied", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    await mesh.apply(`${web()}---\n${peer("STRICT")}`);
    expect(await remove(mesh, key("PeerAuthentication", "default"))).toMatchObject({
      accepted: true,
      changes: [{ action: "deleted" }],
    });
    expect(modeOf(mesh)).toBe("permissive");
    await remove(mesh, key("Deployment", "web"));
    expect(mesh.control.desiredPods.current).toEqual([]);
  });

  test("is refused for what is not there, and for what a file declares; then nothing is deleted", async () => {
    const mesh = await createControlPlaneFixture({ files: GOOD });
    await mesh.apply(peer("STRICT", "mine"));
    const missing = remove(mesh, key("PeerAuthentication", "mine"), key("Deployment", "none"));
    expect(missing).rejects.toMatchObject({
      code: "ERR_OBJECT_NOT_FOUND",
      message: "Deployment foo/none is not there",
    });
    const owned = remove(mesh, key("PeerAuthentication", "mine"), key("Deployment", "web"));
    expect(owned).rejects.toMatchObject({ code: "ERR_OBJECT_OWNED_BY_FILE" });
    await Promise.allSettled([missing, owned]);
    expect(mesh.audit.filter(({ outcome }) => outcome === "refused")).toEqual([
      {
        kind: "configuration.change",
        outcome: "refused",
        actor: "api",
        code: "ERR_OBJECT_NOT_FOUND",
        details: { errors: 1, finding: expect.stringContaining("is not there") },
      },
      {
        kind: "configuration.change",
        outcome: "refused",
        actor: "api",
        code: "ERR_OBJECT_OWNED_BY_FILE",
        details: { errors: 1, finding: expect.stringContaining("remove it there") },
      },
    ]);
    expect(mesh.control.list("PeerAuthentication")).toHaveLength(2);
    const lenient = await mesh.control.delete({ keys: [key("Deployment", "none")], ignoreNotFound: true });
    expect(lenient).toMatchObject({ accepted: true, changes: [] });
  });

  test("is recorded under the name of whoever asks: done, refused, impossible", async () => {
    const actor = "command line (uid 7)";
    const mesh = await createControlPlaneFixture({ files: FOO });
    const apply = (text: string) =>
      mesh.control.apply({
        manifests: [{ file: "a.yaml", text }],
        namespace: "foo",
        allowUnenforced: false,
        dryRun: false,
        actor,
      });
    const before = mesh.audit.length;
    await apply(peer("STRICT"));
    await apply(peer("STRCT"));
    const asked = mesh.control.delete({ keys: [key("Deployment", "none")], ignoreNotFound: false, actor });
    await expect(asked).rejects.toMatchObject({ code: "ERR_OBJECT_NOT_FOUND" });
    await mesh.control.delete({ keys: [key("PeerAuthentication", "default")], ignoreNotFound: false, actor });
    expect(mesh.audit.slice(before).map((event) => [event.outcome, event.actor])).toEqual(
      ["success", "refused", "refused", "success"].map((outcome) => [outcome, actor]),
    );
  });

  test("of a namespace takes everything in it, and nothing of a neighbour", async () => {
    const mesh = await createControlPlaneFixture();
    await mesh.apply(`${FOO}---\n${web()}---\n${peer("STRICT")}---\n${peer("STRICT", "default", "bar")}`);
    await mesh.control.delete({ keys: [key("Namespace", "foo", "")], ignoreNotFound: false });
    expect(mesh.control.list("PeerAuthentication").map(({ metadata }) => metadata.namespace)).toEqual(["bar"]);
    expect(mesh.control.list("Namespace").map(({ metadata }) => metadata.name)).toEqual([
      "bar",
      "default",
      "istio-system",
    ]);
    expect(mesh.control.desiredPods.current).toEqual([]);
  });

  test("of what something else needs is refused", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa, namespace: foo}\n";
    await mesh.apply(
      `${account}---\n${web().replace("spec: {containers", "spec: {serviceAccountName: sa, containers")}`,
    );
    const answer = await remove(mesh, key("ServiceAccount", "sa"));
    expect(answer).toMatchObject({
      accepted: false,
      findings: [expect.stringContaining('serviceaccount "sa" not found')],
    });
    expect(mesh.control.list("ServiceAccount", "foo")).toHaveLength(2);
  });

  test("of a Deployment's pod ends the pod, and another takes its place", async () => {
    const mesh = await createControlPlaneFixture({ files: GOOD });
    await mesh.runPods();
    const [pod] = mesh.control.desiredPods.current;
    if (!pod) throw new Error("no pod");
    await remove(mesh, key("Pod", pod.name));
    const [next] = mesh.control.desiredPods.current;
    expect(mesh.control.desiredPods.current).toHaveLength(1);
    expect(next?.uid).not.toBe(pod.uid);
    expect(next?.address).not.toBe(pod.address);
    expect(mesh.audit.at(-1)).toMatchObject({
      actor: "api",
      subject: `Pod/foo/${pod.name}`,
      details: { action: "deleted" },
    });
  });

  test("of a pod that cannot be audited ends nothing", async () => {
    const mesh = await createControlPlaneFixture({ files: GOOD });
    const [pod] = mesh.control.desiredPods.current;
    mesh.failNextAudit(new Error("audit is full"));
    await expect(remove(mesh, key("Pod", pod?.name ?? ""))).rejects.toThrow("audit is full");
    await mesh.apply(peer("STRICT", "other"));
    expect(mesh.control.desiredPods.current.map(({ uid }) => uid)).toEqual([pod?.uid ?? ""]);
  });
});
