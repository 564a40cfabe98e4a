/**
 * Every ambiguous request and every spelling of the framing fields, through the proxy to three real servers: they see the
 * requests that were admitted, and no other (CV-26, CV-27). The oracle is what each server writes down itself.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import net from "node:net";
import type tls from "node:tls";
import { fileURLToPath } from "node:url";
import type { RequestRecord } from "../../packages/symbolon/src/telemetry/index.ts";
import { framingMutations } from "../fakes/http1-mutations.ts";
import { freeNetwork, MESH, type ProxyFixture, startProxy, tlsClient } from "../fakes/proxy-fixture.ts";
import { missingPrograms, RECORDERS, type Recorder } from "./recorders.ts";

const missing = missingPrograms();
const PORT = 8080;

interface Attack {
  readonly id: string;
  readonly raw: Buffer;
  readonly expect?: "accept" | "reject" | "either";
}

const attacks: readonly Attack[] = [...ownRequests(), ...framingMutations(), ...foreignRequests()];
const client = MESH.issue("/ns/foo/sa/client");

describe.skipIf(missing.length > 0)(`${attacks.length} requests`, () => {
  for (const [name, start] of Object.entries(RECORDERS))
    describe(`to ${name}`, () => {
      let recorder: Recorder;
      let fixture: ProxyFixture;
      let address = "";
      beforeAll(async () => {
        const network = freeNetwork();
        recorder = await start(`${network}.1`, PORT);
        address = `${network}.2`;
        const inboundPorts = [{ port: PORT, protocol: "http", mode: "permissive", decidedBy: "default" }] as const;
        fixture = await startProxy(
          { listenAddress: address, applicationAddress: recorder.address, port: PORT },
          {
            http: { limits: { applicationKeepAliveMs: 0 } },
            limits: { connectionsPerAddress: 100_000 },
            local: { inboundPorts },
          },
        );
      });
      afterAll(async () => {
        await fixture.proxy.drain(0);
        await recorder.close();
      });

      for (const security of ["plaintext", "mtls"] as const)
        test(`over ${security}: it sees what was admitted, and nothing else`, async () => {
          const before = (await recorder.seen()).length;
          const wrong: string[] = [];
          const forwarded: RequestRecord[] = [];
          const unanswered: RequestRecord[] = [];
          for (const attack of attacks) {
            const from = fixture.requests.length;
            const answer = await send(address, attack.raw, security);
            await settledRecords(fixture);
            const records = fixture.requests.slice(from);
            forwarded.push(...records.filter(({ upstream }) => upstream !== undefined));
            if (answer.includes("smuggled")) wrong.push(`${attack.id}: answered ${answer}`);
            if (attack.expect === "reject" && records.some(isAnswered) && records.every(isAnswered))
              wrong.push(`${attack.id}: admitted`);
            if (attack.expect === "accept" && !records.some((record) => isAnswered(record) || isPathRefused(record))) {
              // A server that closes with bytes unread resets the connection, and its answer may be lost: then it has seen it.
              const [lost] = records.filter(({ upstream, flags }) => upstream !== undefined && flags.includes("UC"));
              if (lost) unanswered.push(lost);
              else wrong.push(`${attack.id}: not admitted`);
            }
          }
          expect(wrong).toEqual([]);
          const due = [...forwarded.filter(isAnswered), ...unanswered].map(line);
          let seen = (await recorder.seen()).slice(before);
          // nginx writes down a request whose content it did not want only when it has lingered, which may take 5 s.
          for (let attempt = 0; attempt < 30 && leftOver(due, seen).length > 0; attempt++)
            seen = (await recorder.seen()).slice(before);
          expect(leftOver(seen, forwarded.map(line))).toEqual([]);
          expect(leftOver(due, seen)).toEqual([]);
          expect(seen.filter((request) => request.includes("smuggled"))).toEqual([]);
          expect(seen.length).toBeGreaterThan(50);
        }, 120_000);
    });
});

const line = ({ method, path }: RequestRecord): string => `${method} ${path}`;

/** A request as it should be, with a path that no policy could be sure of: an encoded NUL (istio-security §3.13). */
function isPathRefused({ status, detail }: RequestRecord): boolean {
  return status === 400 && detail === "path_normalization_failed";
}

/** The server has answered it itself, whatever it answered. */
function isAnswered({ status, flags }: RequestRecord): boolean {
  return status > 0 && flags.length === 0;
}

/**
 * Members of `part` that `whole` has not as often. Their order is no matter: a server with threads may write down the
 * request of an aborted connection after that of the next one.
 */
function leftOver(part: readonly string[], whole: readonly string[]): readonly string[] {
  const rest = new Map<string, number>();
  for (const member of whole) rest.set(member, (rest.get(member) ?? 0) + 1);
  return part.filter((member) => {
    const count = rest.get(member) ?? 0;
    rest.set(member, count - 1);
    return count <= 0;
  });
}

/** Sends all of it and a FIN, and reads to the end. */
function send(address: string, raw: Buffer, security: "plaintext" | "mtls"): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const options = { svid: client, ALPNProtocols: ["istio-http/1.1", "istio", "http/1.1"] };
    const socket: net.Socket | tls.TLSSocket =
      security === "mtls"
        ? tlsClient({ address, port: PORT }, options)
        : net.connect({ host: address, port: PORT, allowHalfOpen: true });
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => undefined).on("close", () => resolve(text));
    socket.on("end", () => socket.end());
    socket.end(raw);
  });
}

/** Records of a connection that has ended are there when the proxy has seen its end as well. */
async function settledRecords({ proxy }: ProxyFixture): Promise<void> {
  while (proxy.dump().connections.some(({ open }) => open)) await new Promise((resolve) => setImmediate(resolve));
}

function ownRequests(): readonly Attack[] {
  const { requests } = JSON.parse(readFileSync(new URL("../vectors/http1-ambiguous.json", import.meta.url), "utf8"));
  return requests.map(({ id, raw, verdict }: { id: string; raw: string; verdict: "accept" | "reject" }) => ({
    id,
    raw: Buffer.from(raw, "latin1"),
    expect: verdict,
  }));
}

/** A public suite, from a folder beside the checkout. */
function foreignRequests(): readonly Attack[] {
  const file = fileURLToPath(new URL("../../../shared/vectors/http1/llhttp-requests.json", import.meta.url));
  if (!existsSync(file)) return [];
  const { vectors } = JSON.parse(readFileSync(file, "utf8"));
  return vectors.map(
    ({ id, raw_base64, expect: wanted }: { id: string; raw_base64: string; expect: Attack["expect"] }) => ({
      id,
      raw: Buffer.from(raw_base64, "base64"),
      expect: wanted,
    }),
  );
}
