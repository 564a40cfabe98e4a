import { describe, expect, test } from "bun:test";
import { findingLines, only, parse, parseRules, read } from "../../../../test/fakes/manifests.ts";
import { parseManifests } from "./parse-manifests.ts";

const namespace = (name: string) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`;
const object = (apiVersion: string, kind: string, rest = "") =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: a}\n${rest}`;

describe("parseManifests", () => {
  test("reads several documents, lists, several files, and nothing at all", () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ServiceAccount, metadata: {name: sa}}\n`;
    const files = [
      { file: "a.yaml", text: `# nothing\n---\n${namespace("foo")}---\n${list}` },
      { file: "b.yaml", text: namespace("bar") },
      { file: "c.yaml", text: "" },
    ];
    const { objects, findings } = parseManifests(files, parseRules);
    expect(findings).toEqual([]);
    expect(objects.map(({ key, node }) => [key.kind, key.namespace, key.name, node.position.file])).toEqual([
      ["Namespace", "", "foo", "a.yaml"],
      ["ServiceAccount", "default", "sa", "a.yaml"],
      ["Namespace", "", "bar", "b.yaml"],
    ]);
    expect(parseManifests([], parseRules)).toEqual({ objects: [], findings: [] });
  });

  test("names every mistake of every file at once", () => {
    const files = [
      { file: "a.yaml", text: "a: [\n" },
      { file: "b.yaml", text: object("v1", "Pdo") },
      { file: "c.yaml", text: namespace("Foo") },
    ];
    const { objects, findings } = parseManifests(files, parseRules);
    expect(objects).toEqual([]);
    expect(findings.map(({ code, position }) => [code, position.file])).toEqual([
      ["SYM0001", "a.yaml"],
      ["SYM2003", "b.yaml"],
      ["SYM0203", "c.yaml"],
    ]);
  });

  test("a syntax error has file, line and column and says what was wanted", () => {
    expect(read("apiVersion: v1\nkind: 'Pod\n").lines).toEqual([
      "2:7: error SYM0001: this string has no closing quote (missing closing 'quote)",
    ]);
    expect(read("apiVersion: v1\n\tkind: Pod\n").lines[0]).toStartWith(
      "2:1: error SYM0002: a tab stands in the indentation",
    );
  });

  test("an unknown field, a wrong type and a bad label name place, field and what was wanted", () => {
    expect(read(`${namespace("foo")}labels: {}\n`).lines).toEqual([
      '4:1: error SYM0101 labels: unknown field "labels"',
    ]);
    expect(read("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: 5\n").lines).toEqual([
      '4:9: error SYM0102 metadata.name: must be a string, got the number 5; write "5" in quotes',
    ]);
    expect(
      read("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: foo\n  labels:\n    istio-injection: true\n").lines,
    ).toEqual([
      '6:22: error SYM0102 metadata.labels.istio-injection: must be a string, got the boolean true; write "true" in quotes',
    ]);
    expect(read("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: foo\n  labels: {-a: x}\n").lines[0]).toStartWith(
      "5:12: error SYM0205 metadata.labels.-a: invalid label key",
    );
  });

  test("names follow the rule of their kind", () => {
    expect(read(namespace("a.b")).lines[0]).toContain("SYM0203 metadata.name");
    expect(
      read(object("v1", "Service", "spec: {ports: [{port: 1}]}").replace("name: a", "name: 1a")).lines[0],
    ).toContain("a DNS-1035 label must");
    expect(only("ServiceAccount", object("v1", "ServiceAccount").replace("name: a", "name: a.b")).meta.name).toBe(
      "a.b",
    );
    expect(read(namespace("foo").replace("foo", "foo, namespace: bar")).lines).toEqual([
      "3:34: error SYM0204 metadata.namespace: a Namespace is in no namespace",
    ]);
  });

  test("takes what kubectl prints of a namespace and a service account", () => {
    expect(
      only("Namespace", `${namespace("foo")}spec: {finalizers: [kubernetes]}\nstatus: {phase: Active}\n`).meta,
    ).toEqual({
      name: "foo",
      namespace: "",
      labels: {},
      annotations: {},
    });
    const account = object("v1", "ServiceAccount", "secrets: [{name: x}]\nautomountServiceAccountToken: false\n");
    expect(only("ServiceAccount", account).meta.namespace).toBe("default");
    expect(read(object("v1", "ServiceAccount", "secrtes: []\n")).lines[0]).toContain('did you mean "secrets"');
  });

  test("objects without namespace are in the one of the request", () => {
    const { objects } = parse(object("security.istio.io/v1", "PeerAuthentication"), { defaultNamespace: "foo" });
    expect(objects.map(({ key, object: read }) => [key.namespace, read.meta.namespace])).toEqual([["foo", "foo"]]);
    expect(objects[0]?.object.kind === "PeerAuthentication" && objects[0].object.policy.namespace).toBe("foo");
  });

  test("a bad PeerAuthentication is refused with its own messages", () => {
    const text = object("security.istio.io/v1", "PeerAuthentication", "spec: {mtls: {mode: STRCT}}\n");
    expect(read(text)).toEqual({
      count: 0,
      lines: [
        '4:21: error SYM0105 spec.mtls.mode: unknown value "STRCT": must be one of UNSET, DISABLE, PERMISSIVE, STRICT; did you mean "STRICT"?',
      ],
    });
  });

  test("an AuthorizationPolicy is read in both versions, and refused with its own messages", () => {
    for (const version of ["v1", "v1beta1"])
      expect(read(object(`security.istio.io/${version}`, "AuthorizationPolicy", "spec: {}\n"))).toEqual({
        count: 1,
        lines: [],
      });
    expect(read(object("security.istio.io/v1alpha1", "AuthorizationPolicy")).lines[0]).toContain("SYM0202");
    expect(read(object("security.istio.io/v1", "AuthorizationPolicy", "spec: {action: DENY}\n"))).toEqual({
      count: 0,
      lines: [expect.stringContaining("SYM0503 spec.action: DENY action without `rules` is meaningless")],
    });
  });

  test("action CUSTOM is refused, because nothing asks a provider, or with --allow-unenforced left out", () => {
    const text = object(
      "security.istio.io/v1",
      "AuthorizationPolicy",
      "spec: {action: CUSTOM, provider: {name: opa}, rules: [{}]}\n",
    );
    expect(read(text)).toEqual({
      count: 0,
      lines: [
        expect.stringMatching(/^4:16: error SYM2001 spec\.action: action CUSTOM is not enforced by version 0\.1/),
      ],
    });
    expect(read(text, { allowUnenforced: true })).toEqual({
      count: 0,
      lines: [
        expect.stringMatching(/^4:16: warning SYM2001 spec\.action: .*; left out because of --allow-unenforced$/),
      ],
    });
  });

  test("Istio's ConfigMap is the MeshConfig, with places of the text in it; other ConfigMaps have no effect", () => {
    const configMap = (name: string, mesh: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}, namespace: istio-system}\ndata:\n  mesh: |-\n    ${mesh}\n`;
    expect(only("ConfigMap", configMap("istio", "trustDomainAliases: [old.example]")).config).toMatchObject({
      trustDomainAliases: ["old.example"],
      pathNormalization: "base",
    });
    expect(read(configMap("istio", "trustDomainAlias: [old.example]"))).toEqual({
      count: 0,
      lines: [expect.stringMatching(/^6:5: error SYM0101 data\.mesh\.trustDomainAlias: unknown field/)],
    });
    expect(read(configMap("istio-ca-root-cert", "x"))).toEqual({
      count: 0,
      lines: [expect.stringContaining("warning SYM2002 kind: ConfigMap (v1) has no effect here")],
    });
  });

  test("a bare MeshConfig is the same with places of its own file", () => {
    const bare = (text: string) => parseManifests([{ file: "f.yaml", text, content: "mesh-config" }], parseRules);
    const { objects, findings } = bare("trustDomainAliases:\n- old.example\n");
    expect(findings).toEqual([]);
    expect(objects.map(({ key }) => key)).toEqual([{ kind: "ConfigMap", namespace: "istio-system", name: "istio" }]);
    expect(findingLines(bare("trustDomainAliases:\n- old.example\nrootNamespce: x\n").findings)).toEqual([
      expect.stringMatching(
        /^3:1: error SYM0101 data\.mesh\.rootNamespce: unknown field .*did you mean "rootNamespace"/,
      ),
    ]);
    expect(findingLines(bare("a: [").findings)).toEqual([expect.stringMatching(/^1:\d+: error SYM0001/)]);
  });

  test("a version of one of our kinds that is not served is a mistake", () => {
    expect(read(object("apps/v1beta1", "Deployment")).lines).toEqual([
      "1:13: error SYM0202 apiVersion: Deployment is not served as apps/v1beta1: wanted apps/v1",
    ]);
    expect(read(object("extensions/v1beta1", "Deployment")).lines[0]).toContain("SYM0202");
    expect(read(object("v1", "Deployment")).lines[0]).toContain("wanted apps/v1");
    expect(read(object("apps/v1", "Pod")).lines[0]).toContain("Pod is not served as apps/v1: wanted v1");
    expect(read(object("security.istio.io/v1alpha1", "PeerAuthentication")).lines[0]).toContain("SYM0202");
  });
});

describe("objects of other kinds", () => {
  const lines = (apiVersion: string, kind: string, rest = "", allowUnenforced = false) =>
    findingLines(parse(object(apiVersion, kind, rest), { allowUnenforced }).findings);

  const policies: readonly (readonly [string, string, string?])[] = [
    ["networking.istio.io/v1", "Sidecar"],
    ["networking.istio.io/v1alpha3", "EnvoyFilter"],
    ["extensions.istio.io/v1alpha1", "WasmPlugin"],
    ["networking.k8s.io/v1", "NetworkPolicy"],
    ["cilium.io/v2", "CiliumNetworkPolicy"],
    ["policy.linkerd.io/v1alpha1", "AuthorizationPolicy"],
    ["security.example.org/v1", "PeerAuthentication"],
    ["networking.istio.io/v1", "DestinationRule", "spec: {trafficPolicy: {tls: {mode: DISABLE}}}\n"],
    ["networking.istio.io/v1", "DestinationRule", "spec: {subsets: [{name: v, trafficPolicy: {tls: {}}}]}\n"],
    [
      "networking.istio.io/v1",
      "DestinationRule",
      "spec: {trafficPolicy: {portLevelSettings: [{port: {number: 1}, tls: {mode: SIMPLE}}]}}\n",
    ],
  ];

  test.each(policies)(
    "%s %s is refused until somebody enforces it, or with --allow-unenforced left out",
    (apiVersion, kind, rest = "") => {
      const [line, ...more] = lines(apiVersion, kind, rest);
      expect(more).toEqual([]);
      expect(line).toStartWith("2:7: error SYM2001 kind: ");
      expect(line).toContain(
        "is not enforced yet, and leaving it out would open what it closes; --allow-unenforced takes",
      );
      expect(lines(apiVersion, kind, rest, true)).toEqual([
        expect.stringMatching(/^2:7: warning SYM2001 kind: .*; left out because of --allow-unenforced$/),
      ]);
    },
  );

  test("what opens nothing when it is left out is left out with a warning", () => {
    for (const [apiVersion, kind] of [
      ["v1", "ConfigMap"],
      ["v1", "Secret"],
      ["batch/v1", "Job"],
      ["apps/v1", "StatefulSet"],
      ["networking.istio.io/v1", "Gateway"],
      ["networking.istio.io/v1", "VirtualService"],
      ["gateway.networking.k8s.io/v1", "HTTPRoute"],
      ["serving.knative.dev/v1", "Service"],
      ["telemetry.istio.io/v1", "Telemetry"],
    ] as const)
      expect(lines(apiVersion, kind)).toEqual([expect.stringMatching(/^2:7: warning SYM2002 kind: /)]);
    expect(
      lines("networking.istio.io/v1", "DestinationRule", "spec: {trafficPolicy: {loadBalancer: {}, tls: null}}\n")[0],
    ).toContain("DestinationRule without tls has no effect here");
    expect(lines("apps/v1", "DaemonSet")[0]).toContain("is not run here: only Deployments and Pods are");
  });

  test("a mistyped kind is an error with what was probably meant", () => {
    expect(lines("v1", "Pdo")).toEqual(['2:7: error SYM2003 kind: unknown kind "Pdo" in v1; did you mean "Pod"?']);
    expect(lines("security.istio.io/v1", "PeerAuthentcation")[0]).toContain('did you mean "PeerAuthentication"');
    expect(lines("security.istio.io/v1", "AuthorisationPolicy")[0]).toContain('did you mean "AuthorizationPolicy"');
    expect(lines("apps/v1", "deployment")[0]).toContain('did you mean "Deployment"');
    expect(lines("v1", "po")[0]).toContain('did you mean "Pod"');
  });

  test("a mistyped group is an error: the object would silently be somebody else's", () => {
    for (const [apiVersion, kind, hint] of [
      ["securty.istio.io/v1", "PeerAuthentication", '; did you mean "security.istio.io"?'],
      ["security.istio.oi/v1", "AuthorizationPolicy", '; did you mean "security.istio.io"?'],
      ["app/v1", "Deployment", '; did you mean "apps"?'],
      ["core/v1", "Namespace", ""],
      ["authentication.istio.io/v1alpha1", "Policy", ""],
    ] as const)
      expect(lines(apiVersion, kind)).toEqual([
        `1:13: error SYM2003 apiVersion: unknown API group in ${apiVersion}${hint}`,
      ]);
  });

  test("--allow-unenforced takes nothing that is mistyped", () => {
    expect(lines("security.istio.io/v1", "AuthorizationPolcy", "", true)[0]).toContain("error SYM2003");
    expect(lines("securty.istio.io/v1", "AuthorizationPolicy", "", true)[0]).toContain("error SYM2003");
  });
});
