import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { certificatesToPem } from "@symbolon/spiffe/x509";
import {
  CLIENT_ID,
  captureClientHello,
  type InboundFixture,
  MESH,
  SERVER_ID,
  startInbound,
  startRelay,
  talk,
  tlsClient,
} from "../../../../test/fakes/proxy-fixture.ts";

const PLAINTEXT = "GET / HTTP/1.1\r\n\r\n";
const CLIENT = MESH.issue("/ns/foo/sa/client");

let server: InboundFixture | undefined;
afterEach(() => server?.close());

async function start(...[options]: Parameters<typeof startInbound>): Promise<InboundFixture> {
  server = await startInbound(options);
  return server;
}

const connect = (to: InboundFixture) => net.connect(to.port, to.address);

describe("who reaches the application, by mode and by what the client speaks", () => {
  for (const protocol of ["tcp", "auto", "http"] as const)
    test(`plaintext passes under PERMISSIVE and DISABLE (${protocol} port)`, async () => {
      for (const mode of ["permissive", "disable"] as const) {
        const inbound = await start({ mode, protocol });
        expect((await talk(connect(inbound), PLAINTEXT, PLAINTEXT.length)).received.toString()).toBe(PLAINTEXT);
        expect(await inbound.nextRecord()).toMatchObject({ security: "plaintext", open: false, bytesSent: 18 });
        await inbound.close();
      }
    });

  test("plaintext under STRICT: reset, and the application receives not one byte", async () => {
    const inbound = await start({ mode: "strict" });
    expect(await talk(connect(inbound), PLAINTEXT, 1)).toEqual({ received: Buffer.alloc(0), end: "ECONNRESET" });
    expect(await inbound.nextRecord()).toMatchObject({
      security: "none",
      reason: "plaintext_refused",
      detail: "STRICT: the connection does not start with TLS",
    });
    expect(inbound.application.connections).toEqual([]);
  });

  for (const mode of ["strict", "permissive"] as const)
    test(`mTLS of a mesh peer passes under ${mode.toUpperCase()}, and both identities are on record`, async () => {
      const inbound = await start({ mode });
      expect((await talk(tlsClient(inbound, { svid: CLIENT }), "hello", 5)).received.toString()).toBe("hello");
      expect(await inbound.nextRecord()).toMatchObject({
        security: "mtls",
        tlsVersion: "TLSv1.3",
        peerSpiffeId: CLIENT_ID,
        peerSerial: CLIENT.leaf.serialNumberHex,
        localSpiffeId: SERVER_ID,
      });
    });

  test("mTLS without Istio's ALPN is a mesh peer under STRICT", async () => {
    const inbound = await start({ mode: "strict" });
    const client = tlsClient(inbound, { svid: CLIENT, ALPNProtocols: [] });
    expect((await talk(client, "hello", 5)).received.toString()).toBe("hello");
    expect(await inbound.nextRecord()).toMatchObject({ security: "mtls", peerSpiffeId: CLIENT_ID });
  });

  for (const protocol of ["tcp", "auto"] as const)
    test(`a client's own TLS goes untouched to the application under PERMISSIVE (${protocol} port)`, async () => {
      const inbound = await start({ protocol });
      const hello = await captureClientHello({ ALPNProtocols: ["http/1.1"] });
      expect((await talk(connect(inbound), hello, hello.length)).received).toEqual(hello);
      expect(await inbound.nextRecord()).toMatchObject({ security: "tls-passthrough" });
    });

  test("a client's own TLS on a port declared HTTP is refused under PERMISSIVE", async () => {
    const inbound = await start({ protocol: "http" });
    const hello = await captureClientHello();
    expect((await talk(connect(inbound), hello, 1)).end).toBe("ECONNRESET");
    expect(await inbound.nextRecord()).toMatchObject({ reason: "foreign_tls_refused" });
    expect(inbound.application.connections).toEqual([]);
  });

  test("DISABLE looks at nothing: also a mesh peer's TLS goes to the application", async () => {
    const inbound = await start({ mode: "disable" });
    const hello = await captureClientHello({ ALPNProtocols: ["istio"] });
    expect((await talk(connect(inbound), hello, hello.length)).received).toEqual(hello);
    expect(await inbound.nextRecord()).toMatchObject({ security: "plaintext" });
  });

  test("a port that no rule names has the workload's mode", async () => {
    const inbound = await start({ local: { inboundMode: "strict", inboundPorts: [] } });
    expect((await talk(connect(inbound), PLAINTEXT, 1)).end).toBe("ECONNRESET");
    expect((await talk(tlsClient(inbound, { svid: CLIENT }), "hello", 5)).received.toString()).toBe("hello");
  });

  test("a pod without sidecar passes everything on, whatever the mode says", async () => {
    const inbound = await start({ mode: "strict", identity: undefined, local: { sidecar: false } });
    expect((await talk(connect(inbound), PLAINTEXT, PLAINTEXT.length)).received.toString()).toBe(PLAINTEXT);
  });
});

describe("clients that STRICT and PERMISSIVE both refuse, before one byte passes", () => {
  const stranger = createTestAuthority("mesh.example");
  const other = createTestAuthority("other.example");
  const leaf = (options: Parameters<typeof MESH.issueCertificate>[0]) => MESH.issue(CLIENT.spiffeId, options);
  const OF_CLIENT = [CLIENT_ID];
  const clients: readonly [string, () => Parameters<typeof tlsClient>[1], string, RegExp][] = [
    ["without certificate", () => ({}), "no_client_certificate", /showed no certificate/],
    [
      "of another authority under the right SPIFFE ID",
      () => ({ svid: stranger.issue("/ns/foo/sa/client") }),
      "peer_not_verified",
      /signed by unknown authority/,
    ],
    [
      "of a trust domain that is not federated",
      () => ({ svid: other.issue("/ns/foo/sa/client") }),
      "peer_not_verified",
      /no X.509 bundle found for trust domain: "other.example"/,
    ],
    [
      "whose certificate has expired",
      () => ({ svid: leaf({ uris: OF_CLIENT, notAfter: new Date("2024-01-01T00:00:00Z") }) }),
      "peer_not_verified",
      /expired/,
    ],
    [
      "whose certificate is not valid yet",
      () => ({ svid: leaf({ uris: OF_CLIENT, notBefore: new Date("2047-01-01T00:00:00Z") }) }),
      "peer_not_verified",
      /not yet valid/,
    ],
  ];
  for (const [name, options, reason, detail] of clients)
    for (const mode of ["strict", "permissive"] as const)
      test(`${name} (${mode.toUpperCase()})`, async () => {
        const inbound = await start({ mode });
        const { received } = await talk(tlsClient(inbound, options()), "hello", 1);
        expect(received.length).toBe(0);
        expect(await inbound.nextRecord()).toMatchObject({
          security: "none",
          reason,
          detail: expect.stringMatching(detail),
        });
        expect(inbound.application.connections).toEqual([]);
      });

  test("with two SPIFFE IDs in the certificate", async () => {
    const issued = MESH.issueCertificate({ uris: [CLIENT_ID, SERVER_ID] });
    const inbound = await start({ mode: "strict" });
    const cert = { certificateChainPem: () => certificatesToPem(issued.chain), privateKey: issued.keyPair.privateKey };
    await talk(tlsClient(inbound, { svid: cert as unknown as typeof CLIENT }), "hello", 1);
    expect(await inbound.nextRecord()).toMatchObject({ reason: "peer_not_verified" });
    expect(inbound.application.connections).toEqual([]);
  });

  test("nearest that is accepted: below two intermediates that it presents itself", async () => {
    const inbound = await start({ mode: "strict" });
    const svid = MESH.intermediate().intermediate().issue("/ns/foo/sa/client");
    expect((await talk(tlsClient(inbound, { svid }), "hello", 5)).received.toString()).toBe("hello");
    expect(await inbound.nextRecord()).toMatchObject({ security: "mtls", peerSpiffeId: CLIENT_ID });
  });

  // A certificate is public. In TLS 1.2 the server knows it before the client proves that it has the key; the runtime
  // tells of such a handshake in the same callback as of a good one.
  for (const record of [1, 2, 3, 5])
    test(`with a certificate whose key it cannot prove to have: record ${record} of the handshake is forged`, async () => {
      const inbound = await start({ mode: "strict" });
      const relay = await startRelay(inbound, (bytes, number, from) => {
        if (from === "client" && number === record) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
        return bytes;
      });
      const client = tlsClient(relay, { svid: CLIENT, maxVersion: "TLSv1.2" });
      expect((await talk(client, "hello", 1)).received.length).toBe(0);
      const ended = await inbound.nextRecord();
      expect(ended).toMatchObject({ security: "none", reason: "handshake_failed" });
      expect(ended.peerSpiffeId).toBeUndefined();
      expect(inbound.application.connections).toEqual([]);
      relay.close();
    });

  test("without any of our TLS versions", async () => {
    const inbound = await start({ mode: "strict" });
    // A ClientHello whose highest version is TLS 1.1: legacy_version, and no supported_versions.
    const body = Buffer.concat([Buffer.from([3, 2]), Buffer.alloc(32, 7), Buffer.from([0, 0, 2, 0xc0, 0x09, 1, 0])]);
    const handshake = Buffer.concat([Buffer.from([1, 0, 0, body.length]), body]);
    const record = Buffer.concat([Buffer.from([22, 3, 1, 0, handshake.length]), handshake]);
    const { received } = await talk(connect(inbound), record, 1000);
    // An alert at most.
    expect(received.length === 0 || received[0] === 21).toBe(true);
    expect(await inbound.nextRecord()).toMatchObject({ reason: "handshake_failed" });
  });
});

describe("sessions are never resumed", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const)
    test(version, async () => {
      const inbound = await start({ mode: "strict" });
      const options = { svid: CLIENT, minVersion: version, maxVersion: version };
      const first = tlsClient(inbound, options);
      const tickets: Buffer[] = [];
      first.on("session", (ticket: Buffer) => tickets.push(ticket));
      let session: Buffer | undefined;
      first.on("data", () => {
        session = first.getSession() ?? undefined;
      });
      await talk(first, "hello", 5);
      const second = tlsClient(inbound, { ...options, session: tickets[0] ?? session });
      let reused: boolean | undefined;
      second.on("data", () => {
        reused = second.isSessionReused();
      });
      expect((await talk(second, "hello", 5)).received.toString()).toBe("hello");
      expect(reused).toBe(false);
    });
});
