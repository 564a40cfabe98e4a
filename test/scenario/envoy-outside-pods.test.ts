/** Two Envoys outside pods, with identities by registration entries of a real mesh and `symbolon envoy bootstrap`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, linkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { certificateToPem } from "@symbolon/spiffe/x509";
import { serviceDefinition } from "../../packages/symbolon/src/adapters/grpc/service-definition.ts";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  SecretDiscoveryService,
} from "../../packages/symbolon/src/gen/envoy/index.ts";
import { installEnvoy } from "../../tools/envoy.ts";
import { type Application, get, startApplication, startLoad } from "../envoy/http-load.ts";
import { freePort, type SidecarEnvoy, startSidecarEnvoy } from "../envoy/sidecar-envoy.ts";
import { hostProcesses, type MeshUnderTest, missing, startMesh, succeed } from "./mesh-under-test.ts";

const envoy = installEnvoy() ?? "";
const EMPTY = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n";
const UPDATES = {
  client: "cluster.outbound-0.client_ssl_socket_factory.ssl_context_update_by_sds",
  server: "listener.127.0.0.1_\\d+.server_ssl_socket_factory.ssl_context_update_by_sds",
};

describe.skipIf(missing() !== undefined || envoy === "")("Envoy outside pods", () => {
  let mesh: MeshUnderTest;
  let application: Application;
  let client: SidecarEnvoy;
  let server: SidecarEnvoy;
  let outboundPort = 0;
  const call = () => get(outboundPort);

  /** Two programs of the same user, told apart by where they lie. */
  const program = (name: string) => join(mesh.directory, `envoy-${name}`);
  const createEntry = (name: string) =>
    succeed(
      mesh.symbolon(
        ...["entry", "create", name, "--spiffe-id", `spiffe://cluster.local/${name}`, "--ttl", "6s"],
        ...["--selector", `unix:uid:${process.getuid?.()}`, "--selector", `unix:path:${program(name)}`],
      ),
    );

  beforeAll(async () => {
    mesh = startMesh(EMPTY);
    application = await startApplication();
    copyFileSync(envoy, program("client"));
    linkSync(program("client"), program("server"));
    createEntry("client");
    const [inboundPort, outbound] = [await freePort(), await freePort()];
    outboundPort = outbound;
    const socket = ["--socket", join(mesh.runtimeDirectory, "workload.sock")];
    // Connections are changed many times, not once an hour.
    const quick = (yaml: string) => yaml.replaceAll("3600s", "0.3s");
    const start = (name: string, ...flags: readonly string[]) =>
      startSidecarEnvoy(program(name), join(mesh.directory, name), [...socket, ...flags], quick);
    const wanted = `127.0.0.1:${inboundPort},spiffe://cluster.local/server`;
    client = await start("client", "--outbound", `127.0.0.1:${outboundPort}=${wanted}`);
    const served = `127.0.0.1:${inboundPort}=127.0.0.1:${application.port}`;
    server = await start("server", "--inbound", served, "--accept", "spiffe://cluster.local/client");
  });
  afterAll(async () => {
    await client?.stop();
    await server?.stop();
    application?.close();
    mesh?.down();
  });

  test("waits for its registration entry, and serves as soon as it is there", async () => {
    await client.untilLive();
    expect((await call()).status).toBe(503);
    expect(await server.state()).not.toBe("LIVE");
    createEntry("server");
    await server.untilLive();
    const { status, headers } = await call();
    expect([status, headers["x-got-client-cert"]]).toEqual([
      200,
      "By=spiffe://cluster.local/server;URI=spiffe://cluster.local/client",
    ]);
  });

  test("is given certificates of six seconds again and again, and no request fails", async () => {
    const before = { client: await client.counter(UPDATES.client), server: await server.counter(UPDATES.server) };
    const load = startLoad(call);
    await client.untilCounter(UPDATES.client, before.client + 3);
    await server.untilCounter(UPDATES.server, before.server + 3);
    const { requests, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(500);
    console.log(`  3 + 3 renewals by the mesh, ${requests} requests, ${failures.length} errors`);
  });

  test("gets files that the program which asks may read itself", async () => {
    const { certificate } = createTestAuthority("files.example");
    const file = join(mesh.directory, "ca.pem");
    writeFileSync(file, certificateToPem(certificate));
    const Client = makeGenericClientConstructor(serviceDefinition(SecretDiscoveryService), "sds");
    const sds = new Client(`unix://${join(mesh.runtimeDirectory, "workload.sock")}`, credentials.createInsecure());
    const fetchSecret = (name: string) =>
      new Promise<string>((resolve) =>
        (sds.FetchSecrets as unknown as (...of: unknown[]) => void).call(
          sds,
          create(DiscoveryRequestSchema, { resourceNames: [name] }),
          (error: Error | null, response: DiscoveryResponse) =>
            resolve(error?.message ?? Buffer.from(response.resources[0]?.value ?? "").toString()),
        ),
      );
    expect(await fetchSecret(`file-root:${file}`)).toContain(certificateToPem(certificate));
    expect(await fetchSecret(`file-root:${file}x`)).toContain("it is not there, or not to be seen");
    expect(await fetchSecret("file-root:/proc/self/status")).toContain("files of /proc are not served");
    sds.close();
  });

  test("is served by the next host-agent when one has been killed", async () => {
    const load = startLoad(call);
    const before = await server.counter(UPDATES.server);
    const [hostAgent] = hostProcesses(
      (line) => line.includes(mesh.directory) && line.includes("internal host-agent ") && !line.includes("unshare"),
    );
    process.kill(hostAgent ?? Number.NaN, "SIGKILL");
    await server.untilCounter(UPDATES.server, before + 2);
    expect((await load.stop()).failures).toEqual([]);
  });

  test("gets no more certificates without its entry, which is on record", async () => {
    succeed(mesh.symbolon("entry", "delete", "server"));
    await Bun.sleep(7000);
    expect((await call()).status).toBe(503);
    const { stdout } = mesh.symbolon("audit", "query", "--kind", "identity.deliver", "-o", "json");
    expect(stdout).toContain("ERR_SECRET_NOT_ENTITLED");
  });
});
