import { describe, expect, test } from "bun:test";
import { decideInjection, type InjectionInput, injectedLabels } from "./injection.ts";

const nothing: InjectionInput = { namespace: "foo", namespaceLabels: {}, podLabels: {}, podAnnotations: {} };
const decide = (input: Partial<InjectionInput>) => decideInjection({ ...nothing, ...input });
const INJECT = "sidecar.istio.io/inject";
const enabled = { "istio-injection": "enabled" };
const disabled = { "istio-injection": "disabled" };
const defaultRevision = { "istio.io/rev": "default" };

describe("decideInjection", () => {
  test("without any label there is no sidecar", () => {
    expect(decide({})).toEqual({ sidecar: false, decidedBy: "no injection label" });
  });

  test("istio-injection=enabled gives a sidecar, and only that word does", () => {
    expect(decide({ namespaceLabels: enabled })).toEqual({
      sidecar: true,
      decidedBy: "namespace label istio-injection=enabled",
    });
    for (const value of ["disabled", "true", "Enabled", ""])
      expect(decide({ namespaceLabels: { "istio-injection": value } }).sidecar).toBe(false);
  });

  test("the pod's label turns it off in an enabled namespace and on in one without labels", () => {
    expect(decide({ namespaceLabels: enabled, podLabels: { [INJECT]: "false" } })).toEqual({
      sidecar: false,
      decidedBy: `pod label ${INJECT}=false`,
    });
    expect(decide({ podLabels: { [INJECT]: "true" } })).toEqual({
      sidecar: true,
      decidedBy: `pod label ${INJECT}=true`,
    });
  });

  test("the pod's label cannot turn it on in a disabled namespace", () => {
    expect(decide({ namespaceLabels: disabled, podLabels: { [INJECT]: "true" } })).toEqual({
      sidecar: false,
      decidedBy: "namespace label istio-injection=disabled",
    });
    expect(
      decide({ namespaceLabels: { ...disabled, ...defaultRevision }, podLabels: { [INJECT]: "true" } }).sidecar,
    ).toBe(false);
  });

  test("the annotation turns it off in an enabled namespace, but never on in another", () => {
    expect(decide({ namespaceLabels: enabled, podAnnotations: { [INJECT]: "false" } })).toEqual({
      sidecar: false,
      decidedBy: `pod annotation ${INJECT}=false`,
    });
    expect(decide({ namespaceLabels: enabled, podAnnotations: { [INJECT]: "true" } }).sidecar).toBe(true);
    expect(decide({ podAnnotations: { [INJECT]: "true" } }).sidecar).toBe(false);
  });

  test("the label wins over the annotation, also when it is empty or odd: then the namespace decides", () => {
    const off = { [INJECT]: "false" };
    for (const label of ["true", "", "maybe"])
      expect(decide({ namespaceLabels: enabled, podLabels: { [INJECT]: label }, podAnnotations: off }).sidecar).toBe(
        true,
      );
    expect(decide({ namespaceLabels: enabled, podLabels: off, podAnnotations: { [INJECT]: "true" } }).sidecar).toBe(
      false,
    );
    for (const label of ["True", "yes", ""]) expect(decide({ podLabels: { [INJECT]: label } }).sidecar).toBe(false);
  });

  test("revision default on the namespace counts where istio-injection is absent", () => {
    expect(decide({ namespaceLabels: defaultRevision })).toEqual({
      sidecar: true,
      decidedBy: "namespace label istio.io/rev=default",
    });
    expect(decide({ namespaceLabels: { "istio.io/rev": "canary" } })).toEqual({
      sidecar: false,
      decidedBy: "namespace label istio.io/rev=canary is not this mesh's revision",
    });
    expect(decide({ namespaceLabels: { ...disabled, ...defaultRevision } }).sidecar).toBe(false);
    expect(decide({ namespaceLabels: { ...enabled, "istio.io/rev": "canary" } }).sidecar).toBe(true);
    expect(decide({ namespaceLabels: { "istio.io/rev": "canary" }, podLabels: { [INJECT]: "true" } }).sidecar).toBe(
      false,
    );
  });

  test("revision default on the pod counts in a namespace without labels", () => {
    expect(decide({ podLabels: defaultRevision })).toEqual({
      sidecar: true,
      decidedBy: "pod label istio.io/rev=default",
    });
    expect(decide({ podLabels: { ...defaultRevision, [INJECT]: "false" } }).sidecar).toBe(false);
    expect(decide({ podLabels: { "istio.io/rev": "canary", [INJECT]: "true" } }).sidecar).toBe(false);
    expect(decide({ podLabels: defaultRevision, podAnnotations: { [INJECT]: "false" } }).sidecar).toBe(false);
  });

  test("system namespaces never have sidecars; the root namespace is a namespace like any other", () => {
    const podLabels = { [INJECT]: "true" };
    for (const namespace of ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"])
      expect(decide({ namespace, namespaceLabels: enabled, podLabels }).sidecar).toBe(false);
    expect(decide({ namespace: "istio-system", podLabels }).sidecar).toBe(true);
  });
});

describe("injectedLabels", () => {
  test("names the workload by its own labels, the most explicit first", () => {
    expect(injectedLabels({}, "web")).toEqual({
      "security.istio.io/tlsMode": "istio",
      "service.istio.io/canonical-name": "web",
      "service.istio.io/canonical-revision": "latest",
    });
    const labels = { app: "a", version: "1" };
    const standard = { "app.kubernetes.io/name": "b", "app.kubernetes.io/version": "2" };
    const own = { "service.istio.io/canonical-name": "c", "service.istio.io/canonical-revision": "3" };
    const names = (given: Readonly<Record<string, string>>) => Object.values(injectedLabels(given, "web")).slice(1);
    expect(names(labels)).toEqual(["a", "1"]);
    expect(names({ ...labels, ...standard })).toEqual(["b", "2"]);
    expect(names({ ...labels, ...standard, ...own })).toEqual(["c", "3"]);
  });
});
