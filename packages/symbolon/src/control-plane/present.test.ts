import { describe, expect, test } from "bun:test";
import { createControlPlaneFixture } from "../../../../test/fakes/control-plane-fixture.ts";

const FILES = `apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sa, namespace: foo, annotations: {a: b}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: foo}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless, namespace: foo}
spec: {selector: {app: web}, clusterIP: None}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: foo}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {note: x}}
    spec:
      serviceAccountName: sa
      containers:
      - {name: c, image: i, workingDir: /w, ports: [{containerPort: 8080}], readinessProbe: {httpGet: {port: 8080}}}
      - {name: d, image: i, readinessProbe: {exec: {command: [a]}}}
      - {name: e, image: i, readinessProbe: {tcpSocket: {port: 1}}}
---
apiVersion: security.istio.io/v1beta1
kind: PeerAuthentication
metadata: {name: default, namespace: foo}
spec: {mtls: {mode: STRICT}}
`;

describe("objects as kubectl shows them", () => {
  test("have the manifest's spec, what the mesh chose, and a status", async () => {
    const { control, runPods } = await createControlPlaneFixture({ files: FILES });
    const show = (kind: Parameters<typeof control.list>[0]) =>
      control.list(kind, "foo").find(({ metadata }) => metadata.name !== "default" || kind === "PeerAuthentication");
    expect(show("ServiceAccount")).toEqual({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: {
        name: "sa",
        namespace: "foo",
        uid: expect.any(String),
        creationTimestamp: "2026-01-01T00:00:00Z",
        resourceVersion: "1",
        annotations: { a: "b" },
      },
    });
    expect(
      control
        .list("Service", "foo")
        .map(({ metadata, spec }) => [metadata.name, spec?.clusterIP, spec?.type, spec?.ports]),
    ).toEqual([
      ["headless", "None", "ClusterIP", []],
      ["web", "10.96.0.2", "ClusterIP", [{ name: "http", port: 80, protocol: "TCP", targetPort: 8080 }]],
    ]);
    expect(show("PeerAuthentication")).toMatchObject({
      apiVersion: "security.istio.io/v1",
      spec: { mtls: { mode: "STRICT" } },
    });
    expect(show("Deployment")?.status).toMatchObject({
      replicas: 1,
      updatedReplicas: 1,
      readyReplicas: 0,
      availableReplicas: 0,
    });
    await runPods();
    expect(show("Deployment")).toMatchObject({
      spec: { replicas: 1 },
      status: { readyReplicas: 1, observedGeneration: 1 },
    });
    expect(control.list("Namespace", "bar").map(({ status }) => status)).toContainEqual({ phase: "Active" });
    expect(control.list("Service", "bar")).toEqual([]);
  });

  test("a pod has its containers, its probe, its owner, and what each container is doing", async () => {
    const { control } = await createControlPlaneFixture({ files: FILES });
    const [{ uid, name } = { uid: "", name: "" }] = control.desiredPods.current;
    const pending = control.list("Pod")[0];
    expect(pending?.status).toMatchObject({
      phase: "Pending",
      podIP: "10.244.0.2",
      hostIP: "10.244.0.1",
      conditions: [{ type: "Ready", status: "False", message: "not started yet" }],
      containerStatuses: [],
    });
    await control.reportPodStatus(uid, {
      phase: "running",
      ready: false,
      reason: "why",
      startTime: "2026-01-01T00:00:05.250Z",
      containers: [
        { name: "c", ready: true, restartCount: 2, state: "running", pid: 9 },
        { name: "d", ready: false, restartCount: 0, state: "waiting" },
        { name: "e", ready: false, restartCount: 0, state: "terminated", exitCode: 3, reason: "x" },
      ],
    });
    const [pod] = control.list("Pod", "foo");
    expect(pod?.metadata).toMatchObject({
      name,
      annotations: { note: "x" },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "Deployment", name: "web" }],
    });
    expect(pod?.spec).toMatchObject({
      nodeName: "node",
      serviceAccountName: "sa",
      containers: [
        {
          name: "c",
          workingDir: "/w",
          ports: [{ containerPort: 8080, protocol: "TCP" }],
          readinessProbe: { httpGet: { path: "/", port: 8080 }, periodSeconds: 10 },
        },
        { readinessProbe: { exec: { command: ["a"] } } },
        { readinessProbe: { tcpSocket: { port: 1 } } },
      ],
    });
    expect(pod?.status).toMatchObject({
      phase: "Running",
      startTime: "2026-01-01T00:00:05Z",
      conditions: [{ status: "False", message: "why" }],
      containerStatuses: [
        { name: "c", image: "i", ready: true, restartCount: 2, pid: 9, state: { running: {} } },
        { name: "d", state: { waiting: { reason: "ContainerCreating" } } },
        { name: "e", state: { terminated: { exitCode: 3, reason: "x" } } },
      ],
    });
  });

  test("an ending pod shows since when", async () => {
    const { control, edit, clock } = await createControlPlaneFixture({ files: FILES });
    await clock.advance(1_500);
    await edit("");
    expect(control.list("Pod")[0]?.metadata.deletionTimestamp).toBe("2026-01-01T00:00:01Z");
  });
});
