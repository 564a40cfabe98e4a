import { describe, expect, test } from "bun:test";
import { checkDns1123Label, checkDns1123Subdomain } from "@symbolon/policy";
import { createFakeRandom } from "@symbolon/spiffe/testing";
import { only } from "../../../../test/fakes/manifests.ts";
import type { WorkloadObject } from "../mesh/index.ts";
import { type MakePodInput, makePod, randomUuid } from "./make-pod.ts";
import { canonicalJson, templateHash } from "./template-hash.ts";

const deployment = (name: string, containers: string, template = "labels: {app: web}") =>
  only(
    "Deployment",
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: foo}\nspec: {selector: {matchLabels: {app: web}}, template: {metadata: {${template}}, spec: {serviceAccountName: sa, containers: [${containers}]}}}\n`,
  );

const make = (owner: WorkloadObject, input: Partial<MakePodInput> = {}) =>
  makePod({
    owner,
    templateHash: templateHash(owner.template),
    namespaceLabels: { "istio-injection": "enabled" },
    address: "10.244.0.9",
    nodeName: "node",
    nodeAddress: "10.244.0.1",
    createdAt: new Date("2026-01-01T00:00:00Z"),
    random: createFakeRandom(1),
    ...input,
  });

describe("makePod", () => {
  test("a pod of a Deployment has a made name, its hash as label, and the labels of the injector", () => {
    const owner = deployment("web", "{name: c, image: i}");
    const { pod, ...record } = make(owner);
    const hash = templateHash(owner.template);
    expect(pod.name).toMatch(new RegExp(`^web-${hash}-[bcdfghjklmnpqrstvwxz2456789]{5}$`));
    expect(pod.labels).toEqual({
      app: "web",
      "pod-template-hash": hash,
      "security.istio.io/tlsMode": "istio",
      "service.istio.io/canonical-name": "web",
      "service.istio.io/canonical-revision": "latest",
    });
    expect(pod).toMatchObject({ deployment: "web", sidecar: true, serviceAccount: "sa", address: "10.244.0.9" });
    expect(record).toEqual({
      owner: { kind: "Deployment", namespace: "foo", name: "web" },
      templateHash: hash,
      annotations: {},
      createdAt: "2026-01-01T00:00:00.000Z",
    });
  });

  test("a bare Pod keeps its name and gets no hash; without sidecar it gets no labels either", () => {
    const owner = only(
      "Pod",
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {a: b}}\nspec: {containers: [{name: c, image: i}]}\n",
    );
    const { pod } = make(owner, { namespaceLabels: {} });
    expect([pod.name, pod.labels, pod.sidecar, pod.deployment]).toEqual(["p", { a: "b" }, false, undefined]);
  });

  test("a made name is a DNS label, however long the Deployment's is", () => {
    for (const name of ["d".repeat(46), "d".repeat(47), "d".repeat(253), `${"d".repeat(45)}.${"e".repeat(100)}`]) {
      expect(checkDns1123Subdomain(name)).toBeUndefined();
      const made = make(deployment(name, "{name: c, image: i}")).pod.name;
      expect(checkDns1123Label(made)).toBeUndefined();
      expect(made).toStartWith("d".repeat(45));
    }
  });

  test("environment: each value sees those above it, command and arguments see all", () => {
    const env = `[{name: A, value: "1"}, {name: B, value: "$(A)$(C)"}, {name: C, value: "$(B)"}, {name: A, value: "2"}]`;
    const { pod } = make(
      deployment("web", `{name: c, image: i, command: ["$(A)", "$$(A)"], args: ["$(C) $(NONE)"], env: ${env}}`),
    );
    expect(pod.containers[0]).toMatchObject({
      env: [
        { name: "A", value: "2" },
        { name: "B", value: "1$(C)" },
        { name: "C", value: "1$(C)" },
      ],
      command: ["2", "$(A)"],
      args: ["1$(C) $(NONE)"],
    });
  });

  test("environment: fields of the pod are filled in as they are", () => {
    const field = (path: string) => `valueFrom: {fieldRef: {fieldPath: "${path}"}}`;
    const env =
      `[{name: N, ${field("metadata.annotations['note']")}}, {name: IP, ${field("status.podIP")}}, {name: X, value: "$(IP)"}]`.replace(
        "name: N",
        "name: NOTE",
      );
    const { pod } = make(
      deployment("web", `{name: c, image: i, env: ${env}}`, 'labels: {app: web}, annotations: {note: "$(IP) $$"}'),
    );
    expect(pod.containers[0]?.env).toEqual([
      { name: "NOTE", value: "$(IP) $$" },
      { name: "IP", value: "10.244.0.9" },
      { name: "X", value: "10.244.0.9" },
    ]);
  });

  test("uids are version 4 UUIDs", () => {
    const random = createFakeRandom(5);
    for (let round = 0; round < 50; round++)
      expect(randomUuid(random)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

describe("templateHash", () => {
  const hash = (containers: string, template?: string) =>
    templateHash(deployment("web", containers, template).template);

  test("changes with whatever a running pod depends on", () => {
    const hashes = [
      hash("{name: c, image: i}"),
      hash("{name: c, image: j}"),
      hash("{name: c, image: i, args: [x]}"),
      hash("{name: c, image: i, ports: [{containerPort: 80}]}"),
      hash("{name: c, image: i}", "labels: {app: web, version: v2}"),
      hash("{name: c, image: i}", "labels: {app: web}, annotations: {a: b}"),
    ];
    expect(new Set(hashes).size).toBe(hashes.length);
    for (const each of hashes) expect(each).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{10}$/);
  });

  test("does not change with the order of fields, nor with the Deployment's name or replicas", () => {
    expect(hash("{name: c, image: i}")).toBe(hash("{image: i, name: c}"));
    expect(hash("{name: c, image: i}", "labels: {b: x, app: web}")).toBe(
      hash("{name: c, image: i}", "labels: {app: web, b: x}"),
    );
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 2 })).toBe('{"a":2,"b":[{"c":null,"d":1}]}');
  });
});
