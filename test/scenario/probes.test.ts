import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  CURL_IMAGE,
  deployment,
  eventually,
  HTTPBIN_IMAGE,
  type MeshUnderTest,
  missing,
  namespace,
  peerAuthentication,
  startMesh,
} from "./mesh-under-test.ts";

const why = missing("curl");

/** A Deployment of httpbin with a readiness probe of its own. */
function probed(name: string, probe: object): string {
  const text = deployment({ name, namespace: "foo", image: HTTPBIN_IMAGE, port: 8080, servicePort: 8000 });
  return text.replace(
    '"readinessProbe":{"tcpSocket":{"port":8080},',
    `"readinessProbe":{${JSON.stringify(probe).slice(1, -1)},`,
  );
}

const GOOD = {
  http: { httpGet: { path: "/status/204", port: 8080 } },
  tcp: { tcpSocket: { port: 8080 } },
  exec: { exec: { command: ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/status/200"] } },
};
const BAD = {
  "bad-http": { httpGet: { path: "/status/503", port: 8080 } },
  "bad-tcp": { tcpSocket: { port: 8081 } },
  "bad-exec": { exec: { command: ["curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8080/status/500"] } },
};

describe.skipIf(why !== undefined)("readiness probes under STRICT", () => {
  let mesh: MeshUnderTest;
  beforeAll(() => {
    mesh = startMesh(
      namespace("foo", true) +
        namespace("legacy") +
        peerAuthentication("default", "istio-system", { mtls: { mode: "STRICT" } }) +
        Object.entries(GOOD)
          .map(([name, probe]) => probed(name, probe))
          .join("") +
        deployment({ name: "curl", namespace: "legacy", image: CURL_IMAGE }),
    );
  });
  afterAll(() => mesh?.down());

  const readyOf = (name: string): string | undefined =>
    mesh
      .objects("pods", "foo")
      .find(({ metadata }) => metadata.name.startsWith(`${name}-`))
      ?.status.conditions?.find(({ type }) => type === "Ready")?.status;

  test("HTTP, TCP and commands reach the container, while plaintext of others is refused", () => {
    for (const name of Object.keys(GOOD)) {
      expect([name, readyOf(name)]).toEqual([name, "True"]);
      expect([name, mesh.curl("legacy", `http://${name}.foo:8000/ip`)]).toEqual([name, "000/56"]);
    }
  });

  test("a probe leaves no trace in the proxy: it is not a request of the mesh", () => {
    expect(mesh.connections("http", "foo").filter(({ security }) => security !== "none")).toEqual([]);
  });

  test("one that fails keeps its pod unready", async () => {
    mesh.apply(
      Object.entries(BAD)
        .map(([name, probe]) => probed(name, probe))
        .join(""),
    );
    for (const name of Object.keys(BAD))
      await eventually(
        name,
        () => readyOf(name),
        (ready) => ready === "False",
      );
    await Bun.sleep(3000);
    for (const name of Object.keys(BAD)) expect([name, readyOf(name)]).toEqual([name, "False"]);
  });
});
