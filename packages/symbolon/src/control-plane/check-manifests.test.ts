import { describe, expect, test } from "bun:test";
import { formatFinding } from "@symbolon/policy";
import { parseRules } from "../../../../test/fakes/manifests.ts";
import { type Container, parseIpv4Range } from "../mesh/index.ts";
import { checkManifests } from "./check-manifests.ts";

const rules = {
  manifests: parseRules,
  rootNamespace: "istio-system",
  trustDomain: "cluster.local",
  serviceRange: parseIpv4Range("10.96.0.0/29"),
  now: new Date("2026-01-01T00:00:00Z"),
};

const check = (...documents: readonly string[]) =>
  checkManifests({ files: [{ file: "f.yaml", text: documents.join("---\n") }], problems: [] }, rules).map((finding) =>
    formatFinding(finding).replace("f.yaml:", ""),
  );

const FOO = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo, labels: {istio-injection: enabled}}\n";
const NEUTRAL = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n";
const pod = (spec = "", meta = "") =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: foo, labels: {app: web}${meta}}\nspec: {${spec}containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}\n`;
const service = (port: string, selector = "app: web") =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: foo}\nspec: {selector: {${selector}}, ports: [${port}]}\n`;
const peer = (name: string, spec: string, namespace = "foo") =>
  `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;
const WEB = "selector: {matchLabels: {app: web}}";

describe("ports of the machine, where pods have none of their own", () => {
  const machinePorts = ({ command = [], ports }: Pick<Container, "command" | "ports">) =>
    ports.map(({ containerPort }) => containerPort).filter((port) => command.includes(`${port}`));
  const findings = (more: Partial<typeof parseRules>, ...documents: readonly string[]) =>
    checkManifests(
      { files: [{ file: "f.yaml", text: documents.join("---\n") }], problems: [] },
      { ...rules, manifests: { ...parseRules, ...more } },
    )
      .map((finding) => formatFinding(finding))
      .filter((line) => line.includes("SYM2107"));
  const server = (name: string, port: number, replicas = 1) =>
    `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: ${name}, namespace: foo}\nspec: {replicas: ${replicas}, selector: {matchLabels: {app: ${name}}}, template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: c, image: i, command: [serve, "8080"], ports: [{containerPort: ${port}}]}]}}}\n`;

  test("two that want the same one: the second is refused, and told of the first", () => {
    expect(findings({ machinePorts }, FOO, server("a", 8080), server("b", 8080))).toEqual([
      expect.stringMatching(
        /^f\.yaml:13:\d+: error SYM2107 spec\.template\.spec\.containers\[0\]\.ports\[0\]\.containerPort: Deployment foo\/b listens on port 8080 of this machine, which Deployment foo\/a has \(f\.yaml:5\); in explicit capture/,
      ),
    ]);
  });

  test("another port, a port that the program takes from the manifest, or no replica is no conflict", () => {
    expect(findings({ machinePorts }, FOO, server("a", 8080), server("b", 8081))).toEqual([]);
    expect(findings({ machinePorts }, FOO, server("a", 9090), server("b", 9090))).toEqual([]);
    expect(findings({ machinePorts }, FOO, server("a", 8080), server("b", 8080, 0))).toEqual([]);
  });

  test("where pods have ports of their own, nothing is shared", () => {
    expect(findings({}, FOO, server("a", 8080), server("b", 8080))).toEqual([]);
  });
});

describe("checks between objects", () => {
  test("a mesh in which everything fits has nothing to be said", () => {
    expect(
      check(FOO, pod(), service("{port: 80, targetPort: http}"), peer("default", "{mtls: {mode: STRICT}}")),
    ).toEqual([]);
    expect(check()).toEqual([]);
  });

  test("unreadable files and their neighbours are reported together", () => {
    const read = {
      files: [{ file: "a.yaml", text: "a: [" }],
      problems: [{ path: "b.yaml", message: "no permission" }],
    };
    const codes = checkManifests(read, rules).map(({ code }) => code);
    expect(codes).toEqual(["SYM2005", "SYM0001"]);
  });

  test("a pod needs its service account, in its own namespace", () => {
    const account = (namespace: string) =>
      `apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: sa, namespace: ${namespace}}\n`;
    const missing =
      'SYM2301 spec.serviceAccountName: Pod foo/p: error looking up service account foo/sa: serviceaccount "sa" not found';
    expect(check(FOO, pod("serviceAccountName: sa, "))[0]).toEndWith(missing);
    expect(check(FOO, account("bar"), pod("serviceAccountName: sa, ")).join("\n")).toContain(missing);
    expect(check(FOO, account("foo"), pod("serviceAccountName: sa, "))).toEqual([]);
  });

  test("a Service that selects nothing, or a port that nobody names, is noted", () => {
    expect(check(FOO, pod(), service("{port: 80}", "app: wbe"))).toEqual([
      expect.stringMatching(
        /^8:18: info SYM2203 spec\.selector: Service foo\/web selects no Deployment and no Pod$|info SYM2203/,
      ),
    ]);
    expect(check(FOO, pod(), service("{port: 80, targetPort: htp}"))).toEqual([
      expect.stringContaining(
        'warning SYM2201 spec.ports[0].targetPort: no selected container has a port named "htp" (they have http); the port has no endpoints',
      ),
    ]);
    expect(check(FOO, pod(), service("{name: dns, port: 53, protocol: UDP, targetPort: dns}")).join()).not.toContain(
      "SYM2201",
    );
  });

  describe("annotations of a Service that say who may serve it", () => {
    const annotated = (name: "kubernetes" | "canonical", value: string) =>
      service("{port: 80}").replace(
        "namespace: foo",
        `namespace: foo, annotations: {alpha.istio.io/${name}-serviceaccounts: ${JSON.stringify(value)}}`,
      );

    test.each([
      ["kubernetes", ""],
      ["kubernetes", " one, my.sa ,"],
      ["canonical", "spiffe://other.example/x,cluster.local/ns/bar/sa/my.sa"],
    ] as const)("%s: %j is taken", (name, value) => {
      expect(check(FOO, pod(), annotated(name, value))).toEqual([]);
    });

    test.each([
      ["kubernetes", "one,a\n---\nkind: Evil"],
      ["kubernetes", "a}"],
      ["kubernetes", "a/../b"],
      ["kubernetes", "../b"],
      ["kubernetes", "One"],
      ["kubernetes", "a\u0000b"],
      ["kubernetes", "a\u001b[2Jb"],
      ["canonical", "cluster.local/ns/bar/sa/x\n---\nkind: Evil"],
      ["canonical", "cluster.local/ns/bar/sa/x}"],
      ["canonical", "cluster.local/ns/bar/../sa"],
      ["canonical", "spiffe://"],
      ["canonical", "*"],
    ] as const)("%s: %j is refused where it stands (CV-44)", (name, value) => {
      const found = check(FOO, pod(), annotated(name, value));
      const annotation = `metadata.annotations["alpha.istio.io/${name}-serviceaccounts"]`;
      expect(found).toEqual([expect.stringContaining(`error SYM2204 ${annotation}: Service foo/web: `)]);
      expect(found[0]).toMatch(/^[\x20-\x7e]+$/);
    });
  });

  test("a namespace that nobody declared is noted once", () => {
    const found = check(pod(), service("{port: 80}"));
    expect(found).toEqual([
      expect.stringContaining('info SYM2302 metadata.namespace: namespace "foo" is not declared'),
    ]);
  });

  test("a wish for a sidecar that is not heard is warned of, where it stands", () => {
    const annotation = ', annotations: {sidecar.istio.io/inject: "true"}';
    expect(check(NEUTRAL, pod("", annotation))).toEqual([
      '7:96: warning SYM2105 metadata.annotations["sidecar.istio.io/inject"]: Pod foo/p asks for a sidecar (sidecar.istio.io/inject: "true") and gets none: no injection label',
    ]);
    expect(check(FOO, pod("", annotation))).toEqual([]);
    const label = (value: string) => pod().replace("app: web", `app: web, sidecar.istio.io/inject: "${value}"`);
    expect(check(NEUTRAL, label("true"))).toEqual([]);
    expect(check(NEUTRAL, label("True"))[0]).toContain("SYM2105 metadata.labels");
    expect(check(NEUTRAL, label("false"))).toEqual([]);
    expect(
      check(NEUTRAL.replace("name: foo", "name: foo, labels: {istio-injection: disabled}"), label("true"))[0],
    ).toEndWith("gets none: namespace label istio-injection=disabled");
  });

  test("two mesh-wide policies are an error, two of a namespace a warning", () => {
    const two = (namespace: string) => [peer("a", "{mtls: {mode: STRICT}}", namespace), peer("b", "{}", namespace)];
    expect(check(...two("istio-system"))).toEqual([expect.stringContaining("error SYM0405")]);
    expect(check(FOO, ...two("foo"))).toEqual([expect.stringContaining("warning SYM0404")]);
  });

  test("a port-level mode for the Service's port is warned of, unless a pod listens there", () => {
    const policy = peer("web", `{${WEB}, portLevelMtls: {80: {mode: STRICT}}}`);
    expect(check(FOO, pod(), service("{port: 80, targetPort: 8080}"), policy)).toEqual([
      expect.stringContaining(
        "warning SYM2304 spec.portLevelMtls.80: 80 is a port of the Service; the pods listen on 8080, and portLevelMtls counts pod ports",
      ),
    ]);
    expect(check(FOO, pod(), service("{port: 80, targetPort: http}"), policy)).toHaveLength(1);
    expect(check(FOO, pod(), service("{port: 80}"), policy)).toEqual([]);
    expect(check(FOO, pod(), service("{port: 80, targetPort: 8080}"), policy.replace("80:", "8080:"))).toEqual([]);
  });

  test("STRICT for a workload of a DISABLE namespace is warned of: clients send plaintext", () => {
    const strict = peer("web", `{${WEB}, mtls: {mode: STRICT}}`);
    expect(check(FOO, pod(), peer("default", "{mtls: {mode: DISABLE}}"), strict)).toEqual([
      expect.stringContaining('warning SYM2303 spec: namespace "foo" is DISABLE'),
    ]);
    expect(check(FOO, pod(), peer("default", "{mtls: {mode: PERMISSIVE}}"), strict)).toEqual([]);
    expect(check(FOO, pod(), peer("default", "{mtls: {mode: DISABLE}}", "istio-system"), strict)).toHaveLength(1);
  });

  test("a service address that cannot be given is an error before anything is started", () => {
    const wanted = (address: string) => service("{port: 80}").replace("spec: {", `spec: {clusterIP: ${address}, `);
    expect(check(FOO, pod(), wanted("10.96.0.5"))).toEqual([]);
    expect(check(FOO, pod(), wanted("10.97.0.5"))).toEqual([
      expect.stringContaining(
        'error SYM2202 spec.clusterIP: service address "10.97.0.5" is not in the service range 10.96.0.0/29',
      ),
    ]);
    const many = Array.from({ length: 6 }, (_, index) =>
      service("{port: 80}").replace("name: web", `name: web${index}`),
    );
    expect(check(FOO, pod(), ...many)).toEqual([
      expect.stringContaining("all 5 service addresses of 10.96.0.0/29 are in use"),
    ]);
  });

  test("nothing is said between objects while one of them is wrong", () => {
    expect(check(FOO, pod("serviceAccountName: sa, "), "a: [\n")).toEqual([expect.stringContaining("SYM0001")]);
  });
});
