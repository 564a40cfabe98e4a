import { describe, expect, test } from "bun:test";
import { only, read } from "../../../../test/fakes/manifests.ts";

const service = (spec: string) => `apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ${spec}\n`;
const lines = (spec: string) => read(service(spec)).lines;
const good = (spec: string) => only("Service", service(spec));

describe("Service", () => {
  test("has Kubernetes' defaults", () => {
    expect(good("ports: [{port: 80}]")).toEqual({
      kind: "Service",
      meta: { name: "web", namespace: "default", labels: {}, annotations: {} },
      type: "ClusterIP",
      selector: {},
      ports: [{ port: 80, protocol: "tcp", targetPort: 80 }],
      clusterIp: "auto",
      publishNotReadyAddresses: false,
    });
  });

  test("keeps names, protocols and both kinds of target port", () => {
    const { ports, selector } = good(
      "selector: {app: web}\n  ports: [{name: http, port: 80, targetPort: 8080, appProtocol: http}, {name: dns, port: 53, protocol: UDP}, {name: x, port: 65535, targetPort: api}]",
    );
    expect(selector).toEqual({ app: "web" });
    expect(ports).toEqual([
      { name: "http", port: 80, protocol: "tcp", appProtocol: "http", targetPort: 8080 },
      { name: "dns", port: 53, protocol: "udp", targetPort: 53 },
      { name: "x", port: 65535, protocol: "tcp", targetPort: "api" },
    ]);
  });

  test("ports are 1 to 65535", () => {
    for (const port of ["0", "65536", "-1"]) {
      expect(lines(`ports: [{port: ${port}}]`)).toEqual([
        `5:18: error SYM0106 spec.ports[0].port: ${port} is out of range: must be in 1..65535`,
      ]);
      expect(lines(`ports: [{port: 80, targetPort: ${port}}]`)[0]).toContain("spec.ports[0].targetPort: ");
    }
    expect(lines('ports: [{port: "80"}]')[0]).toContain("must be an integer, got the string");
    expect(lines('ports: [{port: 80, targetPort: "8080"}]')[0]).toContain("must contain at least one letter");
    expect(lines("ports: [{port: 80, targetPort: no_underscore}]")[0]).toContain("must contain only alpha-numeric");
  });

  test("appProtocol is a qualified name; one that decides nothing is said, and where", () => {
    const port = (value: string) => lines(`ports: [{port: 80, appProtocol: ${value}}]`);
    for (const known of ["http", "HTTP", "grpc", "tcp", "http_proxy", "kubernetes.io/ws"])
      expect(port(known)).toEqual([]);
    for (const bad of ['""', '"http "', "ht/tp/x", "-http", `${"a".repeat(64)}`])
      expect(port(bad)).toEqual([expect.stringMatching(/^5:35: error SYM0104 spec\.ports\[0\]\.appProtocol: /)]);
    expect(port("htpp")).toEqual([
      expect.stringMatching(
        /^5:22: info SYM0108 spec\.ports\[0\]\.appProtocol: "htpp" has no effect here: the first bytes .* http, http2/,
      ),
    ]);
    // UDP is not proxied, whatever it carries.
    expect(lines("ports: [{port: 53, protocol: UDP, appProtocol: dns}]")).toEqual([
      expect.stringContaining("UDP is not proxied"),
    ]);
  });

  test("needs at least one port, except a headless one", () => {
    const missing = "error SYM0103 spec.ports: required field is missing: a Service has at least one port";
    expect(lines("ports: []")).toEqual([`5:3: ${missing}`]);
    expect(read("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n").lines).toEqual([`1:1: ${missing}`]);
    expect(good("clusterIP: None").clusterIp).toBe("none");
  });

  test("several ports have names, and no two share a name or a number", () => {
    expect(lines("ports: [{port: 80}, {name: b, port: 81}]")).toEqual([
      "5:3: error SYM0103 spec.ports: each port needs a name when there are several",
    ]);
    expect(lines("ports: [{name: a, port: 80}, {name: a, port: 81}]")).toEqual([
      '5:3: error SYM2102 spec.ports: two ports are named "a"',
    ]);
    expect(lines("ports: [{name: a, port: 80}, {name: b, port: 80}]")).toEqual([
      "5:3: error SYM2102 spec.ports: port 80/tcp is declared twice",
    ]);
    expect(good("ports: [{name: a, port: 53}, {name: b, port: 53, protocol: UDP}]").ports).toHaveLength(2);
  });

  test("a cluster IP is chosen, wanted, or none", () => {
    expect(good('clusterIP: ""\n  ports: [{port: 80}]').clusterIp).toBe("auto");
    expect(good("clusterIP: 10.96.0.9\n  ports: [{port: 80}]").clusterIp).toEqual({ address: "10.96.0.9" });
    for (const address of ["10.96.0", "none", "::1", "010.0.0.1"])
      expect(lines(`clusterIP: "${address}"\n  ports: [{port: 80}]`)).toEqual([
        `5:3: error SYM2202 spec.clusterIP: "${address}" is neither "None" nor an IPv4 address`,
      ]);
  });

  test("what a laptop cannot do is said, what would change the meaning is refused", () => {
    expect(lines("type: NodePort\n  ports: [{port: 80, nodePort: 30000}]")).toEqual([
      "5:3: info SYM0108 spec.type: NodePort is read as ClusterIP: nothing is reachable from outside the mesh",
    ]);
    expect(good("type: LoadBalancer\n  ports: [{port: 80}]").type).toBe("LoadBalancer");
    expect(lines("type: ExternalName\n  externalName: example.org\n  ports: [{port: 80}]")).toEqual([
      "5:3: error SYM2004 spec.type: ExternalName is not supported",
    ]);
    expect(lines("sessionAffinity: ClientIP\n  ports: [{port: 80, protocol: UDP}]").toSorted()).toEqual([
      "5:3: info SYM0108 spec.sessionAffinity: has no effect here: connections are balanced one by one",
      "6:22: info SYM0108 spec.ports[0].protocol: UDP is not proxied: the port has no effect here",
    ]);
    expect(lines("ports: [{port: 80, protocol: SCTP}]")[0]).toContain(
      "SYM2004 spec.ports[0].protocol: SCTP is not supported",
    );
    expect(lines("ports: [{port: 80, protocol: tcp}]")[0]).toContain(
      'unknown value "tcp": must be one of TCP, UDP, SCTP',
    );
    expect(lines("ipFamilies: [IPv6]\n  ports: [{port: 80}]")[0]).toContain("info SYM0108 spec.ipFamilies");
    expect(lines("ipFamilies: [IPv5]\n  ports: [{port: 80}]")[0]).toContain("error SYM0104");
    expect(lines("ipFamilyPolicy: RequireDualStack\n  ports: [{port: 80}]")[0]).toContain(
      "info SYM0108 spec.ipFamilyPolicy",
    );
  });

  test("an unknown field and a bad selector refuse it", () => {
    expect(lines("ports: [{prot: 80}]").join("\n")).toContain('unknown field "prot"; did you mean "port"?');
    expect(lines("selectors: {}\n  ports: [{port: 80}]")[0]).toContain('did you mean "selector"');
    expect(lines('selector: {app: "a b"}\n  ports: [{port: 80}]')[0]).toStartWith(
      "5:19: error SYM0205 spec.selector.app",
    );
    expect(lines("selector: {matchLabels: {app: a}}\n  ports: [{port: 80}]")[0]).toContain(
      "must be a string, got an object",
    );
  });
});
