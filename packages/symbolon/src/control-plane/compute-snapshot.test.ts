import { describe, expect, test } from "bun:test";
import { createControlPlaneFixture, createMemoryStore, READY } from "../../../../test/fakes/control-plane-fixture.ts";
import { protocolOf } from "../mesh/index.ts";

const FOO = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {istio-injection: enabled}}\n";

interface WorkloadText {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: string;
  readonly account?: string;
  readonly ports?: string;
}

/** A bare Pod, and its service account where it has one. */
function pod({ name, namespace = "foo", labels = "app: web", account, ports = "" }: WorkloadText): string {
  const declared =
    account === undefined
      ? ""
      : `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: ${account}, namespace: ${namespace}}\n---\n`;
  const named = account === undefined ? "" : `serviceAccountName: ${account}, `;
  return `${declared}apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}}\nspec: {${named}containers: [{name: c, image: i, ports: [${ports}]}]}\n`;
}

const service = (spec: string, meta = "name: web, namespace: foo") =>
  `apiVersion: v1\nkind: Service\nmetadata: {${meta}}\nspec: {${spec}}\n`;
const SELECTING = "selector: {app: web}, ports: [{port: 80, targetPort: 8080}]";
const peer = (spec: string, namespace = "foo", name = "default") =>
  `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;

async function meshOf(...documents: readonly string[]) {
  const mesh = await createControlPlaneFixture({ files: documents.join("---\n") });
  await mesh.runPods();
  const view = () => {
    const [{ uid } = { uid: "" }] = mesh.control.desiredPods.current;
    const config = mesh.control.configs.current(uid);
    if (!config) throw new Error(`no configuration: ${mesh.control.status().findings.join()}`);
    return config;
  };
  const endpoints = (name = "web") =>
    view()
      .mesh.services.find((each) => each.name === name)
      ?.ports[0]?.endpoints.map(({ address, port, tls }) => `${address}:${port}${tls ? " tls" : ""}`);
  const names = (name = "web") => view().mesh.services.find((each) => each.name === name)?.ports[0]?.expectedSpiffeIds;
  return { ...mesh, view, endpoints, names };
}

const ID = (name: string, namespace = "foo") => `spiffe://cluster.local/ns/${namespace}/sa/${name}`;

describe("endpoints", () => {
  test("are the ready pods that the selector names, at their own port", async () => {
    const mesh = await meshOf(
      FOO,
      service(SELECTING),
      pod({ name: "a" }),
      pod({ name: "b" }),
      pod({ name: "c", labels: "app: db" }),
    );
    expect(mesh.endpoints()).toEqual(["10.244.0.2:8080 tls", "10.244.0.3:8080 tls"]);
    const [{ uid } = { uid: "" }] = mesh.control.desiredPods.current;
    await mesh.control.reportPodStatus(uid, { ...READY, ready: false });
    expect(mesh.endpoints()).toEqual(["10.244.0.3:8080 tls"]);
  });

  test("never cross namespaces, and a Service without selector has none", async () => {
    const mesh = await meshOf(
      FOO,
      service(SELECTING),
      service("ports: [{port: 80}]", "name: none, namespace: foo"),
      pod({ name: "a" }),
      pod({ name: "x", namespace: "bar" }),
    );
    expect(mesh.endpoints()).toEqual([expect.stringContaining(":8080 tls")]);
    expect(mesh.endpoints("none")).toEqual([]);
    expect(mesh.names("none")).toEqual([]);
  });

  test("an ending pod is none, not even where unready pods are", async () => {
    const mesh = await meshOf(
      FOO,
      service(`${SELECTING}, publishNotReadyAddresses: true`),
      pod({ name: "z", labels: "app: db" }),
      pod({ name: "a" }),
    );
    const { uid } = mesh.control.desiredPods.current.find(({ name }) => name === "a") ?? { uid: "" };
    await mesh.control.reportPodStatus(uid, { ...READY, ready: false });
    expect(mesh.endpoints()).toHaveLength(1);
    await mesh.edit(
      [FOO, service(`${SELECTING}, publishNotReadyAddresses: true`), pod({ name: "z", labels: "app: db" })].join(
        "---\n",
      ),
    );
    expect(mesh.endpoints()).toEqual([]);
  });

  test("a named target port is each pod's own; a pod without it is no endpoint", async () => {
    const mesh = await meshOf(
      FOO,
      service("selector: {app: web}, ports: [{port: 80, targetPort: http}]"),
      pod({ name: "a", ports: "{name: http, containerPort: 8080}" }),
      pod({ name: "b", ports: "{name: http, containerPort: 9090}" }),
      pod({ name: "c", ports: "{name: http, containerPort: 53, protocol: UDP}" }),
    );
    expect(mesh.endpoints()).toEqual(["10.244.0.2:8080 tls", "10.244.0.3:9090 tls"]);
  });

  test("UDP ports are not proxied", async () => {
    const mesh = await meshOf(
      FOO,
      service("selector: {app: web}, ports: [{name: dns, port: 53, protocol: UDP}, {name: http, port: 80}]"),
      pod({ name: "a" }),
    );
    expect(mesh.view().mesh.services[0]?.ports.map(({ port }) => port)).toEqual([80]);
    expect(mesh.view().mesh.capturedPorts).toEqual([80]);
  });
});

describe("automatic mTLS of endpoints (istio-security §4.3)", () => {
  const a = pod({ name: "a" });
  const noSidecar = pod({ name: "b", labels: 'app: web, sidecar.istio.io/inject: "false"' });
  const tls = async (...documents: readonly string[]) =>
    (await meshOf(FOO, ...documents)).endpoints()?.map((endpoint) => endpoint.endsWith(" tls"));

  test("to sidecars only", async () => {
    expect(await tls(service(SELECTING), a, noSidecar)).toEqual([true, false]);
  });

  test("a workload's DISABLE is honoured, for its pod port alone if it says so", async () => {
    const selector = "selector: {matchLabels: {app: web}}";
    expect(await tls(service(SELECTING), a, peer(`{${selector}, mtls: {mode: DISABLE}}`))).toEqual([false]);
    expect(await tls(service(SELECTING), a, peer(`{${selector}, portLevelMtls: {8080: {mode: DISABLE}}}`))).toEqual([
      false,
    ]);
    expect(await tls(service(SELECTING), a, peer(`{${selector}, portLevelMtls: {80: {mode: DISABLE}}}`))).toEqual([
      true,
    ]);
  });

  test("a DISABLE namespace is plaintext, also to a STRICT workload", async () => {
    const strict = peer("{selector: {matchLabels: {app: web}}, mtls: {mode: STRICT}}", "foo", "web");
    expect(await tls(service(SELECTING), a, peer("{mtls: {mode: DISABLE}}"), strict)).toEqual([false]);
  });

  test("a headless service is plaintext as a whole as soon as one endpoint has no sidecar", async () => {
    const headless = service(`clusterIP: None, ${SELECTING}`);
    expect(await tls(headless, a)).toEqual([true]);
    expect(await tls(headless, a, noSidecar)).toEqual([false, false]);
  });
});

describe("secure naming (istio-security §4.4)", () => {
  test("the accounts of all selected pods, ready or not, sorted and once each", async () => {
    const documents = [
      FOO,
      service(SELECTING),
      pod({ name: "a", account: "z" }),
      pod({ name: "b" }),
      pod({ name: "c" }),
    ];
    const mesh = await meshOf(...documents);
    expect(mesh.names()).toEqual([ID("default"), ID("z")]);
    const [{ uid } = { uid: "" }] = mesh.control.desiredPods.current;
    await mesh.control.reportPodStatus(uid, { ...READY, ready: false });
    expect(mesh.names()).toEqual([ID("default"), ID("z")]);
  });

  test("a pod that only has the address of one is not named: labels decide", async () => {
    const mesh = await meshOf(
      FOO,
      service(SELECTING),
      pod({ name: "a", account: "web" }),
      pod({ name: "x", labels: "app: evil", account: "evil" }),
    );
    expect(mesh.names()).toEqual([ID("web")]);
  });

  test("the accounts that the Service's annotations name", async () => {
    const annotations =
      "annotations: {alpha.istio.io/kubernetes-serviceaccounts: 'one, two', alpha.istio.io/canonical-serviceaccounts: 'spiffe://other.example/x,cluster.local/ns/bar/sa/y'}";
    const mesh = await meshOf(FOO, service(SELECTING, `name: web, namespace: foo, ${annotations}`), pod({ name: "a" }));
    expect(mesh.names()).toEqual(
      expect.arrayContaining([ID("default"), ID("one"), ID("two"), "spiffe://other.example/x"]),
    );
  });

  test("an annotation that names no account is refused, and in nobody's way (CV-44)", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const annotations = 'annotations: {alpha.istio.io/kubernetes-serviceaccounts: "a/../b\\n---"}';
    const refused = await mesh.apply(service(SELECTING, `name: web, namespace: foo, ${annotations}`));
    expect(refused).toMatchObject({
      accepted: false,
      findings: expect.arrayContaining([expect.stringContaining("SYM2204")]),
    });
    expect(await mesh.apply(service(SELECTING))).toMatchObject({ accepted: true });
  });
});

describe("what a proxy is told of its own pod", () => {
  test("every declared port with protocol, mode and who decided", async () => {
    const mesh = await meshOf(
      FOO,
      service("selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp-x, port: 81}]"),
      pod({ name: "a", ports: "{containerPort: 8080}, {containerPort: 9090}, {containerPort: 53, protocol: UDP}" }),
      peer("{mtls: {mode: STRICT}}", "istio-system"),
      peer(
        "{selector: {matchLabels: {app: web}}, portLevelMtls: {8080: {mode: DISABLE}, 7000: {mode: PERMISSIVE}, 9090: {mode: UNSET}}}",
        "foo",
        "web",
      ),
    );
    const { local } = mesh.view();
    expect(local).toMatchObject({
      podName: "a",
      namespace: "foo",
      serviceAccount: "default",
      sidecar: true,
      inboundMode: "strict",
    });
    const strict = "PeerAuthentication istio-system/default";
    expect(local.inboundPorts).toEqual([
      { port: 81, protocol: "tcp", mode: "strict", decidedBy: strict },
      { port: 7000, protocol: "auto", mode: "permissive", decidedBy: "PeerAuthentication foo/web" },
      { port: 8080, protocol: "http", mode: "disable", decidedBy: "PeerAuthentication foo/web" },
      { port: 9090, protocol: "auto", mode: "strict", decidedBy: strict },
    ]);
    expect(mesh.view().mesh.workloads[0]).toMatchObject({
      plaintextPorts: [8080],
      plaintextByDefault: false,
      spiffeId: ID("default"),
    });
    expect(mesh.view().mesh.capturedPorts).toEqual([80, 81, 7000, 8080, 9090]);
  });

  test("nobody decides the default", async () => {
    const mesh = await meshOf(FOO, pod({ name: "a", ports: "{containerPort: 80}" }));
    expect(mesh.view().local.inboundPorts).toEqual([
      { port: 80, protocol: "auto", mode: "permissive", decidedBy: "default" },
    ]);
  });

  test("of two Services with one pod port the older decides the protocol", async () => {
    const mesh = await meshOf(
      FOO,
      service("selector: {app: web}, ports: [{name: tcp, port: 80}]", "name: z, namespace: foo"),
      pod({ name: "a" }),
    );
    await mesh.clock.advance(1000);
    await mesh.apply(service("selector: {app: web}, ports: [{name: http, port: 80}]", "name: a, namespace: foo"));
    expect(mesh.view().local.inboundPorts[0]?.protocol).toBe("tcp");
  });
});

describe("names of workloads in metrics (istio-security §10.1)", () => {
  const cases: readonly (readonly [labels: string, names: object])[] = [
    ["other: x", { canonicalService: "a", canonicalRevision: "latest" }],
    ["app: web, version: v1", { app: "web", version: "v1", canonicalService: "web", canonicalRevision: "v1" }],
    [
      "app: web, app.kubernetes.io/name: web-name, version: v1, app.kubernetes.io/version: '2'",
      { app: "web", version: "v1", canonicalService: "web-name", canonicalRevision: "2" },
    ],
    [
      "service.istio.io/canonical-name: c, app.kubernetes.io/name: other, service.istio.io/canonical-revision: r, app.kubernetes.io/version: '2'",
      { canonicalService: "c", canonicalRevision: "r" },
    ],
    ["app: ''", { canonicalService: "a", canonicalRevision: "latest" }],
  ];
  test.each(cases)("of a Pod labelled {%s}", async (labels, wanted) => {
    const mesh = await meshOf(FOO, pod({ name: "a", labels }));
    expect(mesh.view().mesh.workloads[0]?.names).toEqual({ workload: "a", ...wanted } as never);
  });

  test("of a Deployment's replicas are the Deployment's", async () => {
    const mesh = await meshOf(
      FOO,
      "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: foo}\nspec: {replicas: 2, selector: {matchLabels: {tier: web}}, template: {metadata: {labels: {tier: web}}, spec: {containers: [{name: c, image: i}]}}}\n",
    );
    const names = { workload: "d", canonicalService: "d", canonicalRevision: "latest" };
    expect(mesh.view().mesh.workloads.map((workload) => workload.names)).toEqual([names, names]);
  });
});

describe("protocolOf (istio-security §1.5)", () => {
  const cases: readonly (readonly [string | undefined, string | undefined, string])[] = [
    [undefined, undefined, "auto"],
    ["http", undefined, "http"],
    ["HTTP-web", undefined, "http"],
    ["http2", undefined, "http"],
    ["grpc", undefined, "http"],
    ["grpc-web", undefined, "http"],
    ["grpc-web-x", undefined, "http"],
    ["tcp-x", undefined, "tcp"],
    ["https", undefined, "tcp"],
    ["tls", undefined, "tcp"],
    ["mongo", undefined, "tcp"],
    ["redis-a", undefined, "tcp"],
    ["mysql", undefined, "tcp"],
    ["httpx", undefined, "auto"],
    ["web-http", undefined, "auto"],
    ["", undefined, "auto"],
    ["tcp", "http", "http"],
    ["http", "TCP", "tcp"],
    ["http", "custom", "auto"],
    ["x", "kubernetes.io/h2c", "http"],
    ["x", "kubernetes.io/ws", "http"],
    ["x", "kubernetes.io/wss", "tcp"],
    ["x", "http_proxy", "http"],
  ];
  test.each(cases)("name %p, appProtocol %p: %p", (name, appProtocol, wanted) => {
    const port = { ...(name === undefined ? {} : { name }), ...(appProtocol === undefined ? {} : { appProtocol }) };
    expect(protocolOf(port)).toBe(wanted as ReturnType<typeof protocolOf>);
  });
});

describe("authorization policies", () => {
  const policy = (name: string, namespace: string, spec = "{}") =>
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;

  test("a workload is told those of its namespace and of the root namespace whose selector names it, as JSON", async () => {
    const mesh = await meshOf(
      FOO,
      pod({ name: "a" }),
      policy("all", "foo"),
      policy(
        "web",
        "foo",
        "{selector: {matchLabels: {app: web}}, action: DENY, rules: [{to: [{operation: {ports: ['80']}}]}]}",
      ),
      policy("db", "foo", "{selector: {matchLabels: {app: db}}}"),
      policy("other", "bar"),
      policy("root", "istio-system"),
      policy("waypoint", "foo", "{targetRefs: [{kind: Service, group: '', name: web}]}"),
    );
    const { authorizationPolicies } = mesh.view().local;
    expect(authorizationPolicies.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual([
      "foo/all",
      "foo/web",
      "istio-system/root",
    ]);
    expect(JSON.parse(JSON.stringify(authorizationPolicies))).toEqual(authorizationPolicies);
  });

  test("lines that move are no change; another value is one", async () => {
    const text = `${FOO}---\n${pod({ name: "a" })}---\n${policy("all", "foo", "{action: DENY, rules: [{to: [{operation: {ports: ['80']}}]}]}")}`;
    const mesh = await createControlPlaneFixture({ files: text });
    const actions = async (changed: string) =>
      (await mesh.apply(changed, { namespace: "foo", dryRun: true })).changes.map(({ action }) => action);
    expect(await actions(`# moved\n${text}`)).toEqual(["unchanged", "unchanged", "unchanged"]);
    expect((await mesh.apply(text.replace("'80'", "'81'"))).findings.join()).toContain("SYM2006");
  });
});

describe("Istio's MeshConfig", () => {
  const meshConfig = (namespace: string, ...lines: readonly string[]) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: ${namespace}}\ndata:\n  mesh: |-\n${lines.map((line) => `    ${line}\n`).join("")}`;
  const policy = (name: string, namespace: string) =>
    `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: {}\n`;

  test("without it Istio's defaults are in force", async () => {
    const mesh = await meshOf(FOO, pod({ name: "a" }));
    expect(mesh.view().mesh).toMatchObject({ trustDomainAliases: [], pathNormalization: "base" });
  });

  test("gives proxies the aliases and the path normalization, and the mesh its root namespace", async () => {
    const mesh = await meshOf(
      FOO,
      pod({ name: "a" }),
      policy("old-root", "istio-system"),
      policy("root", "policies"),
      meshConfig(
        "istio-system",
        "rootNamespace: policies",
        "trustDomainAliases: [old.example]",
        "pathNormalization: {normalization: MERGE_SLASHES}",
      ),
    );
    expect(mesh.control.list("ConfigMap")).toMatchObject([
      { kind: "ConfigMap", data: { mesh: expect.stringContaining("rootNamespace: policies") } },
    ]);
    const { mesh: view, local } = mesh.view();
    expect(view).toMatchObject({ trustDomainAliases: ["old.example"], pathNormalization: "merge-slashes" });
    expect(local.authorizationPolicies.map(({ name }) => name)).toEqual(["root"]);
  });

  test("servers may have identities of the aliases, but for wildcards", async () => {
    const mesh = await meshOf(
      FOO,
      service(SELECTING),
      pod({ name: "a", account: "web" }),
      meshConfig("istio-system", "trustDomainAliases: [old.example, '*.example']"),
    );
    expect(mesh.names()).toEqual([ID("web"), "spiffe://old.example/ns/foo/sa/web"]);
  });

  test("enableAutoMtls: false makes clients send plaintext", async () => {
    const mesh = await meshOf(
      FOO,
      service(SELECTING),
      pod({ name: "a" }),
      meshConfig("istio-system", "enableAutoMtls: false"),
    );
    expect(mesh.endpoints()).toEqual(["10.244.0.2:8080"]);
  });

  test("of another namespace has no effect and says so", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const answer = await mesh.apply(meshConfig("foo", "trustDomainAliases: [old.example]"));
    expect(answer).toMatchObject({
      accepted: true,
      findings: [expect.stringContaining("warning SYM2306 metadata.namespace: ConfigMap foo/istio has no effect")],
    });
  });

  test("of another trust domain is refused: the CA has the one that the mesh was started with", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const apply = (line: string) => mesh.apply(meshConfig("istio-system", line));
    expect(await apply("trustDomain: other.example")).toMatchObject({
      accepted: false,
      findings: [
        expect.stringContaining(
          'error SYM2305 data.mesh: trustDomain is "other.example", and this mesh was started with "cluster.local"',
        ),
      ],
    });
    expect(await apply("trustDomain: cluster.local")).toMatchObject({ accepted: true, findings: [] });
  });

  test("that was applied from a bare file is in force after a restart", async () => {
    const store = createMemoryStore();
    const before = await createControlPlaneFixture({ store, files: `${FOO}---\n${pod({ name: "a" })}` });
    const text = "trustDomainAliases: [old.example]\n";
    const manifests = [{ file: "/mesh.yaml", text, content: "mesh-config" as const }];
    await before.control.apply({ manifests, namespace: "default", allowUnenforced: false, dryRun: false });
    const after = await createControlPlaneFixture({ store, files: `${FOO}---\n${pod({ name: "a" })}` });
    const [{ uid } = { uid: "" }] = after.control.desiredPods.current;
    expect(after.control.configs.current(uid)?.mesh.trustDomainAliases).toEqual(["old.example"]);
  });
});

describe("an object of one namespace that names a host of another", () => {
  const network = (kind: string, spec: string) =>
    `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: x, namespace: evil}\nspec: ${spec}\n`;
  const HOST = "web.foo.svc.cluster.local";
  const TCP = "{number: 80, name: tcp, protocol: TCP}";

  test.each([
    ["VirtualService", `{hosts: [${HOST}], tcp: [{route: [{destination: {host: evil.evil.svc.cluster.local}}]}]}`],
    ["ServiceEntry", `{hosts: [${HOST}], ports: [${TCP}], resolution: STATIC, endpoints: [{address: 10.244.0.9}]}`],
    ["Gateway", `{selector: {app: web}, servers: [{hosts: ["*/${HOST}"], port: ${TCP}}]}`],
    ["DestinationRule", `{host: ${HOST}, subsets: [{name: v1}]}`],
  ])("%s changes nothing for anybody, and says so (CV-40)", async (kind, spec) => {
    const files = [FOO, service(SELECTING), pod({ name: "a" })].join("---\n");
    const mesh = await createControlPlaneFixture({ files });
    const before = mesh.control.status().version;
    const answer = await mesh.apply(network(kind, spec));
    expect(answer).toMatchObject({
      accepted: true,
      findings: expect.arrayContaining([expect.stringContaining("warning SYM2002")]),
    });
    expect(mesh.control.status().version).toBe(before);
  });

  test("a DestinationRule that says how others reach it is refused (CV-40)", async () => {
    const mesh = await createControlPlaneFixture({ files: FOO });
    const rule = network("DestinationRule", `{host: ${HOST}, trafficPolicy: {tls: {mode: DISABLE}}}`);
    expect(await mesh.apply(rule)).toMatchObject({
      accepted: false,
      findings: expect.arrayContaining([expect.stringContaining("error SYM2001")]),
    });
  });

  test("a Service of the same name is another host (CV-40)", async () => {
    const both = [FOO, service(SELECTING), service(SELECTING, "name: web, namespace: evil"), pod({ name: "a" })];
    const mesh = await meshOf(...both);
    const seen = mesh.view().mesh.services.map(({ namespace, ports }) => {
      const [port] = ports;
      return [namespace, port?.endpoints.map(({ address }) => address), port?.expectedSpiffeIds];
    });
    expect(seen).toHaveLength(2);
    expect(seen).toEqual(
      expect.arrayContaining([
        ["foo", ["10.244.0.2"], [ID("default")]],
        ["evil", [], []],
      ]),
    );
  });
});
