/** Official SPIFFE clients, unpatched, against the workload endpoint and against each other. See README.md. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { startWorkloadEndpoint, type WorkloadEndpointFixture } from "../fakes/workload-endpoint-fixture.ts";
import { isLetIn, peerCertificates, RIGHT_ID, welcomingServer } from "./bad-peers.ts";
import { buildClients, type ClientProgram } from "./build-clients.ts";
import { askClient, type ClientProcess, startClient } from "./client-process.ts";
import { createVerdicts } from "./verdict-tables.ts";

/**
 * Faults of others, not hidden: what a library lets in although the standard refuses it. Each is expected, so that a
 * version that mends it is noticed.
 */
const KNOWN_FAULTS: Readonly<Record<string, readonly string[]>> = {
  "Java server": ["a CA certificate as leaf"],
  "Java client": ["a CA certificate as leaf"],
  "Python server": ["a CA certificate as leaf"],
  "Python client": ["a CA certificate as leaf"],
};

const clients = buildClients();
const programs = clients.filter((client): client is ClientProgram => "command" in client);
for (const client of clients)
  if ("reason" in client) test.skip(`${client.language}: ${client.reason}`, () => undefined);

const directory = mkdtempSync(join(tmpdir(), "clients-"));
let endpoint: WorkloadEndpointFixture;
beforeAll(async () => {
  endpoint = await startWorkloadEndpoint({
    path: join(directory, "agent.sock"),
    workloads: ["/myservice", "/myservice2"],
  });
});
afterAll(async () => {
  await endpoint.close();
  rmSync(directory, { recursive: true });
});

/** What has been seen, printed at the end. */
const verdicts = createVerdicts();

for (const program of programs) {
  describe(`${program.language}, ${program.library}`, () => {
    test("gets X.509-SVIDs, bundles, JWT-SVIDs and verdicts on tokens", async () => {
      const answer = await askClient(program, endpoint.socket, "fetch");
      const { bundles, audiences, ...others } = answer;
      expect([...(bundles as string[])].sort()).toEqual(["example-federated.org", "example.org"]);
      expect([...(audiences as string[])].sort()).toEqual(["one", "two"]);
      expect(others).toEqual({
        ids: [RIGHT_ID, "spiffe://example.org/myservice2"],
        x509Bundles: 2,
        bySubject: RIGHT_ID,
        jwtBundles: 1,
        remote: RIGHT_ID,
        offline: RIGHT_ID,
        wrongAudience: true,
      });
    });

    test("follows a rotation, a withdrawn identity that comes back, and an agent that was away", async () => {
      const client = startClient(program, endpoint.socket, "watch");
      try {
        const serials = new Set<unknown>();
        const newer = async (): Promise<void> => {
          const before = serials.size;
          while (serials.size === before) {
            const answer = await client.next();
            expect(answer).toMatchObject({ id: RIGHT_ID });
            serials.add(answer.serial);
          }
        };
        await newer();
        endpoint.rotate();
        await newer();
        endpoint.become({ kind: "none", reason: "the entry was deleted" });
        endpoint.rotate();
        await newer();
        await endpoint.restart();
        endpoint.rotate();
        await newer();
        expect(serials.size).toBe(4);
      } finally {
        await client.stop();
      }
    });

    describe("as a server", () => {
      let server: ClientProcess;
      let port = 0;
      beforeAll(async () => {
        server = startClient(program, endpoint.socket, "serve", RIGHT_ID);
        const answer = await server.next();
        expect(answer).toEqual({ port: expect.any(Number) });
        port = Number(answer.port);
      });
      afterAll(() => server.stop());

      for (const what of Object.keys(peerCertificates(createTestAuthority("example.org"))))
        test(`${what === "the right ID" ? "lets in" : "refuses"} a client with ${what}`, async () => {
          const isKnown = KNOWN_FAULTS[`${program.language} server`]?.includes(what) ?? false;
          const isIn = await isLetIn(port, peerCertificates(endpoint.authority)[what]);
          verdicts.met(program.language, "server", what, isIn, isKnown);
          expect(isIn).toBe(what === "the right ID" || isKnown);
        });

      for (const other of programs)
        test(`lets in ${other.language}`, async () => {
          const answer = await askClient(other, endpoint.socket, "dial", String(port), RIGHT_ID);
          verdicts.spoke(program.language, other.language, answer.welcome === true);
          expect(answer).toEqual({ welcome: true });
        });
    });

    describe("as a client", () => {
      for (const [what, exists] of Object.entries(peerCertificates(createTestAuthority("example.org")))) {
        if (!exists) continue;
        test(`${what === "the right ID" ? "speaks with" : "refuses"} a server with ${what}`, async () => {
          const certificate = peerCertificates(endpoint.authority)[what];
          if (!certificate) throw new Error("a server needs a certificate");
          const server = await welcomingServer(certificate);
          try {
            const isKnown = KNOWN_FAULTS[`${program.language} client`]?.includes(what) ?? false;
            const { welcome = false } = await askClient(program, endpoint.socket, "dial", server.port, RIGHT_ID);
            verdicts.met(program.language, "client", what, welcome === true, isKnown);
            expect(welcome).toBe(what === "the right ID" || isKnown);
          } finally {
            server.close();
          }
        });
      }
    });
  });
}

afterAll(() => {
  console.log(`\n${verdicts.print(programs.map(({ language }) => language))}`);
  console.log(
    `\n${programs.map(({ language, runtime, library }) => `${language}: ${runtime}, ${library}`).join("\n")}`,
  );
});
