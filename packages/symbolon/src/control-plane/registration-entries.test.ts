import { describe, expect, test } from "bun:test";
import { createControlPlaneFixture, createMemoryStore } from "../../../../test/fakes/control-plane-fixture.ts";

const entry = (name: string, spec = "", meta = "") =>
  `apiVersion: spire.spiffe.io/v1alpha1\nkind: ClusterStaticEntry\nmetadata: {name: ${name}${meta}}\nspec: {spiffeID: "spiffe://cluster.local/${name}", selectors: ["unix:uid:1000"]${spec}}\n`;

describe("registration entries", () => {
  test("follow what is applied and deleted; a follower hears of each change once", async () => {
    const { apply, control } = await createControlPlaneFixture();
    const heard: string[][] = [];
    control.entries.subscribe((entries) => heard.push(entries.map(({ name, revision }) => `${name} ${revision}`)));
    await apply(entry("db"));
    await apply(entry("db", ", hint: a"));
    await apply(entry("db", ", hint: a"));
    await apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n");
    await control.delete({
      keys: [{ kind: "ClusterStaticEntry", namespace: "", name: "db" }],
      ignoreNotFound: false,
    });
    expect(heard).toEqual([["db 1"], ["db 2"], []]);
  });

  test("come in the order of S6: the annotated one, then the oldest", async () => {
    const { apply, clock, control } = await createControlPlaneFixture();
    await apply(entry("b"));
    await clock.advance(1000);
    await apply(entry("a"));
    await clock.advance(1000);
    await apply(entry("c", "", ', annotations: {symbolon.io/default-identity: "true"}'));
    expect(control.entries.current.map(({ name }) => name)).toEqual(["c", "b", "a"]);
  });

  test("survive a restart as they were, with id and age", async () => {
    const store = createMemoryStore();
    const { apply, control } = await createControlPlaneFixture({ store });
    await apply(entry("db", ", x509SVIDTTL: 1h"));
    const before = control.entries.current;
    control.close();
    const again = await createControlPlaneFixture({ store });
    expect(again.control.entries.current).toEqual(before);
    expect(before).toMatchObject([{ x509LifetimeSeconds: 3600, revision: 1 }]);
  });

  test("of another trust domain are refused, from files and through the API", async () => {
    const foreign = entry("db").replace("cluster.local", "other.org");
    const { apply, control } = await createControlPlaneFixture();
    const answer = await apply(foreign);
    expect(answer.accepted).toBe(false);
    expect(answer.findings.join()).toContain("SYM2308 spec.spiffeID");
    expect(control.entries.current).toEqual([]);
  });

  test("that federate with a trust domain of which there is no bundle are warned of", async () => {
    const federating = entry("db", ", federatesWith: [other.org, cluster.local]");
    const { apply, control } = await createControlPlaneFixture();
    const answer = await apply(federating);
    expect(answer.accepted).toBe(true);
    expect(answer.findings).toEqual([expect.stringMatching(/warning SYM2310 spec\.federatesWith: .*"other\.org"/)]);
    expect(control.entries.current[0]?.federatesWith.map(({ name }) => name)).toEqual(["other.org", "cluster.local"]);
    expect((await apply(entry("db", ", federatesWith: [cluster.local]"))).findings).toEqual([]);
    expect((await apply(entry("db", ", federatesWith: [cluster.local.]"))).findings.join()).toContain(
      '"cluster.local."',
    );
    expect((await apply(entry("db", ", federatesWith: [Cluster.local]"))).accepted).toBe(false);
  });

  test("are in no namespace, and make none", async () => {
    const { apply, control } = await createControlPlaneFixture();
    await apply(entry("db"));
    expect(control.list("Namespace").map(({ metadata }) => metadata.name)).toEqual(["default", "istio-system"]);
    expect(control.list("ClusterStaticEntry", "foo")).toHaveLength(1);
    expect(control.list("ClusterStaticEntry")[0]?.metadata).not.toHaveProperty("namespace");
  });
});
