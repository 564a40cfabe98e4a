/** Two real Envoys 1.40 talk mutual TLS with certificates from our secret discovery (issue 7, rules E3, E5, E6, E8). */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { BundleSet, JwtBundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import type { X509Svid } from "@symbolon/spiffe/svid";
import { createTestAuthority, type TestAuthority } from "@symbolon/spiffe/testing";
import type { Entitlement } from "../../packages/symbolon/src/agent/index.ts";
import { installEnvoy } from "../../tools/envoy.ts";
import { get, startApplication, startLoad } from "./http-load.ts";
import { startSecretServer } from "./secret-server.ts";
import { freePort, startSidecarEnvoy, until } from "./sidecar-envoy.ts";

const envoy = installEnvoy() ?? "";
const DOMAIN = "example.org";
const CLIENT = "spiffe://example.org/client";
const SERVER = "spiffe://example.org/server";
const FAILED_SAN = "cluster.outbound-0.ssl.fail_verify_san";

const opened: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

describe.skipIf(envoy === "").each(["delta", "state of the world"])("two Envoys over SDS, %s", (api) => {
  const apiFlags = api === "delta" ? [] : ["--state-of-the-world"];

  /** client -> plain -> Envoy "client" -> mutual TLS -> Envoy "server" -> plain -> application */
  async function startPair(settings: PairSettings = {}) {
    const root = createTestAuthority(DOMAIN);
    const directory = mkdtempSync(join(tmpdir(), "symbolon-sds-"));
    opened.push(() => rmSync(directory, { recursive: true }));
    const application = await startApplication();
    opened.push(application.close);
    const [inboundPort, outboundPort] = [await freePort(), await freePort()];
    const sockets = { client: join(directory, "client.sock"), server: join(directory, "server.sock") };
    const clientSecrets = await startSecretServer(sockets.client, settings.client ?? granted(root, "/client"));
    const bundles = settings.federated ? [root.bundle, settings.federated] : [root.bundle];
    const serverSecrets = await startSecretServer(sockets.server, granted(root, "/server", bundles));
    opened.push(
      () => clientSecrets.kill(),
      () => serverSecrets.kill(),
    );

    const inbound = [
      "--inbound",
      `127.0.0.1:${inboundPort}=127.0.0.1:${application.port}`,
      "--accept",
      settings.accept ?? CLIENT,
    ];
    const outbound = ["--outbound", `127.0.0.1:${outboundPort}=127.0.0.1:${inboundPort},${settings.wanted ?? SERVER}`];
    // Connections are changed many times in each test, not once an hour.
    const quick = (yaml: string) => yaml.replaceAll("3600s", "0.3s");
    const server = await startSidecarEnvoy(
      envoy,
      join(directory, "s"),
      ["--socket", sockets.server, ...inbound, ...apiFlags],
      quick,
    );
    opened.push(() => server.stop());
    const client = await startSidecarEnvoy(
      envoy,
      join(directory, "c"),
      ["--socket", `unix://${sockets.client}`, ...outbound, ...apiFlags],
      quick,
    );
    opened.push(() => client.stop());
    const pair = { root, client, server, clientSecrets, serverSecrets, inboundPort, get: () => get(outboundPort) };
    if (settings.waiting !== true) await Promise.all([client.untilLive(), server.untilLive()]);
    return pair;
  }

  test("authenticate each other, and tell the application who calls", async () => {
    const { get, client, inboundPort } = await startPair();
    const { status, headers } = await get();
    expect(status).toBe(200);
    expect(headers["x-got-client-cert"]).toBe(`By=${SERVER};URI=${CLIENT}`);
    expect(await client.counter("cluster.outbound-0.ssl.versions.TLSv1.3")).toBe(1);
    // Nobody without a certificate.
    expect(await handshake(inboundPort)).toMatch(/certificate.required/i);
  });

  test("refuse a server with another SPIFFE ID: 503", async () => {
    const { get, client } = await startPair({ wanted: "spiffe://example.org/serve" });
    expect((await get()).status).toBe(503);
    expect(await client.counter(FAILED_SAN)).toBeGreaterThan(0);
  });

  test("refuse a client with another SPIFFE ID, and accept it among its trust domain", async () => {
    const strict = await startPair({ accept: "spiffe://example.org/client2" });
    expect((await strict.get()).status).toBe(503);
    expect(await strict.server.counter("listener.127.0.0.1_\\d+.ssl.fail_verify_san")).toBeGreaterThan(0);
    const wide = await startPair({ accept: "spiffe://example.org" });
    expect((await wide.get()).status).toBe(200);
  });

  test("refuse another CA of the same name, and a foreign trust domain whose bundle there is for others", async () => {
    const { root, inboundPort, serverSecrets } = await startPair({ accept: "any" });
    const impostor = createTestAuthority(DOMAIN);
    expect(await handshake(inboundPort, impostor.issue("/client"))).toMatch(/alert/i);
    const abroad = createTestAuthority("abroad.example");
    serverSecrets.become(granted(root, "/server", [root.bundle, abroad.bundle]));
    expect(await handshake(inboundPort, abroad.issue("/client"))).toMatch(/alert/i);
    expect(await handshake(inboundPort, root.issue("/client"))).toMatch(/^[0-9A-F]+$/);
  });

  test("believe nobody of a trust domain any more whose bundle has gone away", async () => {
    const abroad = createTestAuthority("abroad.example");
    const { root, inboundPort, serverSecrets, server } = await startPair({
      accept: "spiffe://abroad.example",
      federated: abroad.bundle,
    });
    const visitor = abroad.issue("/visitor");
    expect(await handshake(inboundPort, visitor)).toMatch(/^[0-9A-F]+$/);
    serverSecrets.become(granted(root, "/server"));
    await until(async () => /alert/i.test(await handshake(inboundPort, visitor)), server.log);
    serverSecrets.become(granted(root, "/server", [root.bundle, abroad.bundle]));
    await until(async () => /^[0-9A-F]+$/.test(await handshake(inboundPort, visitor)), server.log);
  });

  test("rotate certificates under load without one error", async () => {
    const { root, get, client, server, clientSecrets, serverSecrets, inboundPort } = await startPair();
    const load = startLoad(get);
    for (let rotation = 1; rotation <= 5; rotation++) {
      const [forClient, forServer] = [granted(root, "/client"), granted(root, "/server")];
      clientSecrets.become(forClient);
      serverSecrets.become(forServer);
      await client.untilCounter("cluster.outbound-0.client_ssl_socket_factory.ssl_context_update_by_sds", rotation + 1);
      await server.untilCounter(
        "listener.127.0.0.1_\\d+.server_ssl_socket_factory.ssl_context_update_by_sds",
        rotation + 1,
      );
      expect(await handshake(inboundPort, root.issue("/client"))).toBe(serialOf(forServer));
      // Longer than any connection lives here.
      await Bun.sleep(400);
    }
    const { requests, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(100);
    expect(await client.counter("cluster.outbound-0.ssl.handshake")).toBeGreaterThan(5);
    console.log(`  ${api}: 5 + 5 rotations, ${requests} requests, ${failures.length} errors`);
  });

  test("change the root, old, both, new, under load without one error; the old one is refused afterwards", async () => {
    const { root: old, get, clientSecrets, serverSecrets, inboundPort } = await startPair();
    const next = createTestAuthority(DOMAIN);
    const load = startLoad(get);
    const both = [X509Bundle.fromCertificates(old.trustDomain, [old.certificate, next.certificate])];
    const steps = [
      { issuer: old, bundles: both },
      { issuer: next, bundles: both },
      { issuer: next, bundles: [next.bundle] },
    ];
    for (const { issuer, bundles } of steps) {
      const forServer = granted(issuer, "/server", bundles);
      clientSecrets.become(granted(issuer, "/client", bundles));
      serverSecrets.become(forServer);
      await until(
        async () => (await handshake(inboundPort, issuer.issue("/client"))) === serialOf(forServer),
        () => "new leaf",
      );
      // Longer than any connection lives here.
      await Bun.sleep(600);
    }
    const { requests, failures } = await load.stop();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(100);
    expect(await handshake(inboundPort, old.issue("/client"))).toMatch(/alert/i);
    console.log(`  ${api}: root rotation, ${requests} requests, ${failures.length} errors`);
  });

  test("wait for a missing identity without opening a port, and heal (E6)", async () => {
    const nothing: Entitlement = { kind: "none", reason: "no registration entry" };
    const { root, get, client, clientSecrets } = await startPair({ client: nothing, waiting: true });
    await Bun.sleep(1500);
    expect(await client.state()).not.toBe("LIVE");
    expect(await get().catch((error: { code?: string }) => error.code)).toBe("ECONNREFUSED");
    const since = performance.now();
    clientSecrets.become(granted(root, "/client"));
    await client.untilLive();
    expect((await get()).status).toBe(200);
    console.log(`  ${api}: identity came, Envoy served ${Math.round(performance.now() - since)} ms later`);
  });

  test("go on while the agent is gone, and follow it when it is back (E3)", async () => {
    const { root, get, client, clientSecrets, serverSecrets, inboundPort } = await startPair();
    const load = startLoad(get);
    await Promise.all([clientSecrets.kill(), serverSecrets.kill()]);
    await Bun.sleep(3000);
    const renewed = granted(root, "/server");
    serverSecrets.become(renewed);
    clientSecrets.become(granted(root, "/client"));
    await Promise.all([clientSecrets.start(), serverSecrets.start()]);
    const since = performance.now();
    await until(
      async () => (await handshake(inboundPort, root.issue("/client"))) === serialOf(renewed),
      () => client.log(),
    );
    console.log(`  ${api}: back after a restart in ${Math.round(performance.now() - since)} ms`);
    expect((await load.stop()).failures).toEqual([]);
  });
});

interface PairSettings {
  readonly client?: Entitlement;
  /** Bundle that the server has besides its own. */
  readonly federated?: X509Bundle;
  readonly accept?: string;
  readonly wanted?: string;
  /** Does not wait until both have opened their ports. */
  readonly waiting?: boolean;
}

function granted(issuer: TestAuthority, path: string, bundles: readonly X509Bundle[] = [issuer.bundle]) {
  return {
    kind: "granted",
    svids: [{ svid: issuer.issue(path) }],
    bundles: BundleSet.of(...bundles),
    jwtBundles: JwtBundleSet.of(),
  } satisfies Entitlement;
}

function serialOf({ svids }: ReturnType<typeof granted>): string {
  return svids[0]?.svid.leaf.serialNumberHex.toUpperCase() ?? "";
}

/** A new connection: serial number of the server's certificate, or why there is none. */
function handshake(port: number, svid?: X509Svid): Promise<string> {
  return new Promise((resolve) => {
    const keys = svid && {
      cert: svid.certificateChainPem(),
      key: svid.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    };
    const socket = connect({
      host: "127.0.0.1",
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      ...keys,
    });
    let serial = "";
    socket.on("secureConnect", () => {
      serial = socket.getPeerCertificate().serialNumber;
      // In TLS 1.3 a client is refused after its own handshake is over: only an answer shows that it was accepted.
      socket.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    });
    socket.on("data", () => resolve(serial));
    socket.on("error", (error: Error) => resolve(error.message));
    socket.on("close", () => resolve("alert or close without an answer"));
  });
}
