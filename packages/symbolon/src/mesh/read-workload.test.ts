import { describe, expect, test } from "bun:test";
import { only, parse, read } from "../../../../test/fakes/manifests.ts";

/** A bare pod; `spec` is one flow mapping without its braces. */
const pod = (spec: string) => `apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\nspec: {${spec}}\n`;
const container = (fields: string) => pod(`containers: [{name: c, image: i, ${fields}}]`);
const lines = (text: string) => read(text).lines.map((line) => line.replace(/^\d+:\d+: /, ""));
const goodPod = (text: string) => only("Pod", text).template;
const goodContainer = (fields: string) => goodPod(container(fields)).containers[0];

const deployment = (spec: string) =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}, ${spec}}\n`;

describe("Pod", () => {
  test("has Kubernetes' defaults", () => {
    expect(goodPod(pod("containers: [{name: c, image: i}]"))).toEqual({
      labels: { app: "web" },
      annotations: {},
      serviceAccount: "default",
      terminationGracePeriodSeconds: 30,
      containers: [{ name: "c", image: "i", args: [], env: [], ports: [] }],
    });
  });

  test("runs as the service account that it names", () => {
    const account = (fields: string) => goodPod(pod(`containers: [{name: c, image: i}], ${fields}`)).serviceAccount;
    expect(account("serviceAccountName: sa")).toBe("sa");
    expect(account("serviceAccount: old")).toBe("old");
    expect(account("serviceAccount: old, serviceAccountName: new")).toBe("new");
    expect(account('serviceAccountName: ""')).toBe("default");
  });

  test("needs a container, and no two of one name", () => {
    expect(lines("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n")).toEqual([
      "error SYM0103 spec.containers: required field is missing",
    ]);
    expect(lines(pod("containers: []"))[0]).toContain("must have at least 1 element, got 0");
    expect(lines(pod("containers: [{name: c, image: i}, {name: c, image: i}]"))).toEqual([
      'error SYM2102 spec.containers: two containers are named "c"',
    ]);
    expect(
      lines(
        pod(
          "containers: [{name: a, image: i, ports: [{containerPort: 80}]}, {name: b, image: i, ports: [{containerPort: 80}]}]",
        ),
      ),
    ).toEqual(["error SYM2102 spec.containers: port 80/tcp is declared twice; a pod has one port of a number"]);
    expect(lines(container("ports: [{name: a, containerPort: 80}, {name: a, containerPort: 81}]"))).toEqual([
      'error SYM2102 spec.containers: container "c" has two ports named "a"',
    ]);
  });

  test("grace is 0 or more seconds", () => {
    const grace = (value: string) => pod(`containers: [{name: c, image: i}], terminationGracePeriodSeconds: ${value}`);
    expect(goodPod(grace("0")).terminationGracePeriodSeconds).toBe(0);
    expect(lines(grace("-1"))[0]).toContain("must be in 0..2147483647");
    expect(lines(grace("1.5"))[0]).toContain("must be an integer");
  });

  test("what cannot be honoured is refused, what means nothing here is passed over", () => {
    const spec = (fields: string) => lines(pod(`containers: [{name: c, image: i}], ${fields}`));
    for (const name of ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"]) {
      expect(spec(`${name}: true`)).toEqual([
        `error SYM2004 spec.${name}: ${name} is not supported: pods are isolated from the host`,
      ]);
      expect(spec(`${name}: false`)).toEqual([]);
    }
    expect(spec("initContainers: [{name: x}]")[0]).toContain("SYM2004 spec.initContainers");
    expect(spec("initContainers: []")).toEqual([]);
    expect(spec("nodeSelector: {a: b}, tolerations: [], affinity: {}, dnsPolicy: ClusterFirst")).toEqual([]);
    expect(spec("restartPolicy: Never")[0]).toContain("info SYM0108 spec.restartPolicy");
    expect(spec("restartPolicy: Sometimes")[0]).toContain("must be one of Always, OnFailure, Never");
    expect(spec("securityContext: {runAsUser: 0}")[0]).toContain("info SYM0108 spec.securityContext");
    expect(spec("contaners: []")[0]).toContain('did you mean "containers"');
  });

  test("volumes: nothing is mounted, and what needs one is refused once", () => {
    const volume = (source: string, mount = "v") =>
      lines(
        pod(
          `volumes: [{name: v, ${source}}], containers: [{name: c, image: i, volumeMounts: [{name: ${mount}, mountPath: /m}]}]`,
        ),
      );
    expect(volume("emptyDir: {}")).toEqual([
      "info SYM0108 spec.volumes[0].emptyDir: is not mounted: the container sees the machine's own files at that path",
    ]);
    expect(volume("secret: {secretName: s, optional: true}")[0]).toContain("info SYM0108");
    expect(volume("secret: {secretName: s}")).toEqual([
      expect.stringContaining("error SYM2004 spec.volumes[0].secret: a required secret"),
    ]);
    expect(volume("hostPath: {path: /}")).toEqual([expect.stringContaining("error SYM2004 spec.volumes[0].hostPath")]);
    expect(volume("emptyDir: {}", "w")).toContainEqual(
      'error SYM2104 spec.containers[0].volumeMounts[0].name: no volume is named "w"; did you mean "v"?',
    );
  });
});

describe("container", () => {
  test("keeps command, arguments, environment, directory and ports", () => {
    expect(
      goodContainer(
        'command: [a], args: ["$(X)"], workingDir: /w, env: [{name: X, value: "1"}, {name: E}, {name: M, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], ports: [{name: http, containerPort: 80}, {containerPort: 53, protocol: UDP}]',
      ),
    ).toEqual({
      name: "c",
      image: "i",
      command: ["a"],
      args: ["$(X)"],
      env: [
        { name: "X", value: "1" },
        { name: "E", value: "" },
        { name: "M", field: "metadata.name" },
      ],
      workingDirectory: "/w",
      ports: [
        { name: "http", containerPort: 80, protocol: "tcp" },
        { containerPort: 53, protocol: "udp" },
      ],
    });
    expect(goodContainer("command: []")).not.toHaveProperty("command");
  });

  test("an image that nothing is known about needs a command", () => {
    const image = (fields: string) => lines(pod(`containers: [{name: c, image: unknown${fields}}]`));
    expect(image("")).toEqual(['error SYM2103 spec.containers[0].image: nothing is known about image "unknown"']);
    expect(image(", command: []")).toHaveLength(1);
    expect(image(", command: [sleep]")).toEqual([]);
    expect(lines(pod("containers: [{name: c}]"))).toEqual([
      "error SYM0103 spec.containers[0].image: required field is missing",
    ]);
  });

  test("ports are 1 to 65535", () => {
    for (const port of ["0", "65536"])
      expect(lines(container(`ports: [{containerPort: ${port}}]`))[0]).toContain(
        `SYM0106 spec.containers[0].ports[0].containerPort: ${port} is out of range: must be in 1..65535`,
      );
    expect(goodContainer("ports: [{containerPort: 65535}]")?.ports).toEqual([
      { containerPort: 65535, protocol: "tcp" },
    ]);
    expect(lines(container("ports: [{containerPort: 80, name: TOO}]"))[0]).toContain("error SYM0104");
  });

  test("environment names and texts are such as a process can have", () => {
    expect(goodContainer('env: [{name: "odd name.x-y"}]')?.env).toEqual([{ name: "odd name.x-y", value: "" }]);
    for (const name of ['""', "A=B", '"a\\0"', "ä"])
      expect(lines(container(`env: [{name: ${name}}]`))[0]).toContain("spec.containers[0].env[0].name");
    expect(lines(container('env: [{name: A, value: "a\\0b"}]'))[0]).toContain("must not hold a NUL character");
    expect(lines(container('args: ["a\\0b"]'))[0]).toContain("spec.containers[0].args[0]");
    expect(lines(container("env: [{name: A, value: 1}]"))[0]).toContain('write "1" in quotes');
  });

  test("values from elsewhere are fields of the pod, or refused", () => {
    const from = (source: string, more = "") => lines(container(`env: [{name: A${more}, valueFrom: ${source}}]`));
    expect(from("{fieldRef: {apiVersion: v1, fieldPath: status.podIP}}")).toEqual([]);
    expect(from("{fieldRef: {fieldPath: metadata.nam}}")[0]).toContain('did you mean "metadata.name"');
    expect(from("{}")).toEqual([
      "error SYM0103 spec.containers[0].env[0].valueFrom.fieldRef: required field is missing",
    ]);
    expect(from("{secretKeyRef: {name: s, key: k}}")).toEqual([
      expect.stringContaining("error SYM2004 spec.containers[0].env[0].valueFrom.secretKeyRef"),
    ]);
    expect(from("{fieldRef: {fieldPath: status.podIP}}", ", value: x")[0]).toContain(
      "must not be set together with value",
    );
    expect(lines(container("envFrom: [{configMapRef: {name: x}}]"))[0]).toContain("SYM2004");
  });
});

describe("readiness probe", () => {
  const probe = (fields: string) => container(`ports: [{name: http, containerPort: 8080}], readinessProbe: ${fields}`);
  const good = (fields: string) => goodPod(probe(fields)).containers[0]?.readinessProbe;

  test("has Kubernetes' defaults", () => {
    expect(good("{httpGet: {port: http}}")).toEqual({
      action: { kind: "http", path: "/", port: 8080 },
      initialDelaySeconds: 0,
      periodSeconds: 10,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 3,
    });
    expect(good("{tcpSocket: {port: 65535}, periodSeconds: 1}")?.action).toEqual({ kind: "tcp", port: 65535 });
    expect(good("{exec: {command: [a, b]}}")?.action).toEqual({ kind: "exec", command: ["a", "b"] });
  });

  test("has exactly one action", () => {
    expect(lines(probe("{}"))).toEqual([
      "error SYM0103 spec.containers[0].readinessProbe: one of httpGet, tcpSocket, exec is required",
    ]);
    expect(lines(probe("{httpGet: {port: 1}, tcpSocket: {port: 1}}"))[0]).toContain(
      "must have one action, got httpGet and tcpSocket",
    );
    expect(lines(probe("{grpc: {port: 1}}"))).toEqual([
      expect.stringContaining("SYM2004 spec.containers[0].readinessProbe.grpc"),
    ]);
  });

  test("ports are numbers in range or names of this container's ports", () => {
    for (const port of ["0", "65536"])
      expect(lines(probe(`{tcpSocket: {port: ${port}}}`))[0]).toContain("must be in 1..65535");
    expect(lines(probe("{tcpSocket: {port: htp}}"))[0]).toContain(
      'no port of this container is named "htp"; it has http',
    );
    expect(lines(probe("{tcpSocket: {}}"))[0]).toContain("tcpSocket.port: required field is missing");
  });

  test("a path is one word of a request line", () => {
    for (const path of ['"/a b"', '"/a\\r\\nHost: x"', '"/ä"'])
      expect(lines(probe(`{httpGet: {port: 1, path: ${path}}}`))[0]).toContain(
        "must be printable ASCII without spaces",
      );
    expect(lines(probe("{httpGet: {port: 1, scheme: HTTPS}}"))[0]).toContain("HTTPS probes are not supported");
    expect(lines(probe("{exec: {command: []}}"))[0]).toContain("at least 1 element");
  });

  test("counts and times have lower bounds", () => {
    for (const [name, min] of Object.entries({
      initialDelaySeconds: 0,
      periodSeconds: 1,
      timeoutSeconds: 1,
      successThreshold: 1,
      failureThreshold: 1,
    })) {
      expect(lines(probe(`{tcpSocket: {port: 1}, ${name}: ${min - 1}}`))[0]).toContain(`must be in ${min}..2147483647`);
      expect(lines(probe(`{tcpSocket: {port: 1}, ${name}: ${min}}`))).toEqual([]);
    }
  });
});

describe("Deployment", () => {
  const strategy = (spec: string) => only("Deployment", deployment(spec)).strategy;

  test("has Kubernetes' defaults: one replica, 25 % above and below", () => {
    const { replicas, strategy: standard } = only("Deployment", deployment("paused: false"));
    expect([replicas, standard]).toEqual([1, { kind: "rolling", maxSurge: 1, maxUnavailable: 0 }]);
    expect(strategy("replicas: 10")).toEqual({ kind: "rolling", maxSurge: 3, maxUnavailable: 2 });
    expect(strategy("replicas: 4, strategy: {type: RollingUpdate}")).toEqual({
      kind: "rolling",
      maxSurge: 1,
      maxUnavailable: 1,
    });
    expect(strategy("strategy: {type: Recreate}")).toEqual({ kind: "recreate" });
  });

  test("one process a workload: one replica at most, and the old pod goes first", () => {
    const rules = { oneProcessPerWorkload: true };
    const refused =
      "explicit capture runs one replica of a Deployment, not 2: they would all listen on the same port of this machine";
    expect(read(deployment("replicas: 2"), rules).lines).toEqual([
      expect.stringContaining(`error SYM2106 spec.replicas: ${refused}`),
    ]);
    for (const spec of ["paused: false", "replicas: 1", "replicas: 0", "strategy: {rollingUpdate: {maxSurge: 1}}"]) {
      const { objects, findings } = parse(deployment(spec), rules);
      expect(findings).toEqual([]);
      expect(objects[0]?.object).toMatchObject({ strategy: { kind: "recreate" } });
    }
  });

  test("shares are counts or percentages; surge rounds up, unavailable down", () => {
    const rolling = (surge: string, unavailable: string, replicas = 10) =>
      strategy(
        `replicas: ${replicas}, strategy: {rollingUpdate: {maxSurge: ${surge}, maxUnavailable: ${unavailable}}}`,
      );
    expect(rolling("2", "3")).toEqual({ kind: "rolling", maxSurge: 2, maxUnavailable: 3 });
    expect(rolling("15%", "19%")).toEqual({ kind: "rolling", maxSurge: 2, maxUnavailable: 1 });
    expect(rolling("0", "100%")).toEqual({ kind: "rolling", maxSurge: 0, maxUnavailable: 10 });
    expect(rolling("0", "1%")).toEqual({ kind: "rolling", maxSurge: 0, maxUnavailable: 1 });
  });

  test("a change that could neither add nor remove a pod is refused", () => {
    const both = (surge: string, unavailable: string) =>
      lines(deployment(`strategy: {rollingUpdate: {maxSurge: ${surge}, maxUnavailable: ${unavailable}}}`));
    expect(both("0", "0")).toEqual([
      "error SYM0104 spec.strategy.rollingUpdate.maxUnavailable: may not be 0 when maxSurge is 0",
    ]);
    expect(both("0%", "0")).toHaveLength(1);
    for (const share of ["101%", "-1", "x%", "25 %"])
      expect(both(`"${share}"`, "1")[0]).toContain("must be a number or a percentage such as 25%");
    expect(lines(deployment("strategy: {type: Recreate, rollingUpdate: {}}"))[0]).toContain(
      "may not be specified when strategy type is Recreate",
    );
  });

  test("replicas are 0 to 500", () => {
    expect(only("Deployment", deployment("replicas: 0")).replicas).toBe(0);
    expect(only("Deployment", deployment("replicas: 500")).replicas).toBe(500);
    for (const replicas of ["-1", "501"])
      expect(lines(deployment(`replicas: ${replicas}`))[0]).toContain("must be in 0..500");
    expect(lines(deployment('replicas: "2"'))[0]).toContain("must be an integer");
  });

  test("restarts its pods always, and is not paused", () => {
    const text = deployment("paused: true");
    expect(lines(text)).toEqual(["error SYM2004 spec.paused: a paused Deployment is not supported"]);
    expect(lines(deployment("x: 1").replace("image: i}]", "image: i}], restartPolicy: Never"))[0]).toContain(
      "must be one of Always",
    );
  });

  test("without a spec it says what it needs", () => {
    expect(lines("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\n")).toEqual([
      "error SYM0103 spec.selector: required field is missing",
      "error SYM0103 spec.template: required field is missing",
    ]);
  });
});
