import { describe, expect, test } from "bun:test";
import { DOWNWARD_API_FIELDS, downwardApiValue, isDownwardApiField } from "./downward-api.ts";
import { expandVariables } from "./expand-variables.ts";

const pod = {
  name: "web-1",
  namespace: "foo",
  uid: "u-1",
  labels: { app: "web", "app.kubernetes.io/name": "n" },
  annotations: { note: "$(HOME)" },
  serviceAccount: "sa",
  address: "10.244.0.5",
  nodeName: "node",
  nodeAddress: "10.244.0.1",
};

describe("downward API", () => {
  test("knows Kubernetes' fields of a pod", () => {
    const values = DOWNWARD_API_FIELDS.slice(0, -2).map((field) => [field, downwardApiValue(field, pod)]);
    expect(Object.fromEntries(values)).toEqual({
      "metadata.name": "web-1",
      "metadata.namespace": "foo",
      "metadata.uid": "u-1",
      "spec.serviceAccountName": "sa",
      "spec.nodeName": "node",
      "status.podIP": "10.244.0.5",
      "status.podIPs": "10.244.0.5",
      "status.hostIP": "10.244.0.1",
      "status.hostIPs": "10.244.0.1",
    });
    expect(downwardApiValue("metadata.labels['app.kubernetes.io/name']", pod)).toBe("n");
    expect(downwardApiValue("metadata.annotations['note']", pod)).toBe("$(HOME)");
  });

  test("a label that the pod has not is empty, also when every object has a member of that name", () => {
    expect(downwardApiValue("metadata.labels['none']", pod)).toBe("");
    expect(downwardApiValue("metadata.labels['constructor']", pod)).toBe("");
  });

  test("knows nothing else", () => {
    for (const field of [
      "",
      "metadata",
      "metadata.labels",
      "metadata.labels['']",
      "spec.hostname",
      "toString",
      "metadata.labels[app]",
    ])
      expect({ field, known: isDownwardApiField(field) }).toEqual({ field, known: false });
  });
});

describe("expandVariables", () => {
  const variables = new Map([
    ["A", "1"],
    ["B", "$(A)"],
    ["odd(name", "2"],
  ]);
  const cases: readonly (readonly [string, string])[] = [
    ["$(A)", "1"],
    ["x$(A)y$(A)z", "x1y1z"],
    ["$(UNKNOWN)", "$(UNKNOWN)"],
    ["$$(A)", "$(A)"],
    ["$$$(A)", "$1"],
    ["$$", "$"],
    ["$A $ $(", "$A $ $("],
    ["$(A", "$(A"],
    ["$()", "$()"],
    ["$(odd(name)", "2"],
    ["", ""],
  ];
  test.each(cases)("%p becomes %p, as in Kubernetes", (text, wanted) => {
    expect(expandVariables(text, variables)).toBe(wanted);
  });

  test("a value is put in as it stands and is not expanded again", () => {
    expect(expandVariables("$(B)", variables)).toBe("$(A)");
  });
});
