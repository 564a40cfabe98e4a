/**
 * The running proxy against the engine: PROXY_CASES random (policies, connection, request) from PROXY_SEED, over real
 * connections, with what the application has seen as the witness. 200 and a fixed seed by default; slow suites do 4,000, of
 * which 2,600 are requests.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import type tls from "node:tls";
import {
  type AuthorizationPolicy,
  type ConnectionAttributes,
  compileAuthorization,
  type Decision,
  decide,
  normalizePath,
  type RequestAttributes,
} from "@symbolon/policy";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { createKeptClient, type KeptClient } from "../fakes/kept-client.ts";
import {
  type InboundFixture,
  keyPem,
  MESH,
  proxyIdentity,
  startInbound,
  talk,
  tlsClient,
} from "../fakes/proxy-fixture.ts";
import { buildPolicy, type PolicyText } from "./build-policy.ts";
import { SeededRandom } from "./random.ts";
import { type RandomCase, randomCase, randomRequest } from "./random-case.ts";

const CASES = Number(process.env.PROXY_CASES ?? 200);
const SEED = Number(process.env.PROXY_SEED ?? 20_261_126);
const CASES_A_SET = 10;

const AUTHORITIES = ["cluster.local", "td1", "td2", "old.td1"].map((domain) => createTestAuthority(domain));
const SOURCES = ["127.0.0.1", "127.0.0.2", "127.0.1.1"];

interface Caller {
  readonly peerSpiffeId?: string;
  readonly sourceAddress: string;
  open(server: InboundFixture, alpn: readonly string[]): Promise<net.Socket>;
}

const CALLERS: readonly Caller[] = [
  ...["/ns/foo/sa/curl", "/ns/foo-bar/sa/curl", "/ns/bar/sa/curl2", "/ns/foo/sa/http.bin"].flatMap((path, index) =>
    AUTHORITIES.map((authority): Caller => {
      const svid = authority.issue(path);
      const sourceAddress = SOURCES[index % SOURCES.length] ?? "";
      const credentials = { cert: svid.certificateChainPem(), key: keyPem(svid) };
      return {
        peerSpiffeId: svid.spiffeId.toString(),
        sourceAddress,
        open: (server, alpn) =>
          secured(tlsClient(server, { ...credentials, socket: from(sourceAddress, server), ALPNProtocols: [...alpn] })),
      };
    }),
  ),
  ...SOURCES.map(
    (sourceAddress): Caller => ({
      sourceAddress,
      open: async (server) => from(sourceAddress, server),
    }),
  ),
];

function from(localAddress: string, { address, port }: InboundFixture): net.Socket {
  return net.connect({ host: address, port, localAddress });
}

function secured(socket: tls.TLSSocket): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => resolve(socket)).once("error", reject);
  });
}

/** What the application has been asked: `METHOD target` of each request. */
const asked: string[] = [];

function record(socket: net.Socket): void {
  socket.on("data", (chunk) => {
    for (const head of chunk.toString("latin1").split("\r\n\r\n").slice(0, -1)) {
      asked.push(head.split(" ", 2).join(" "));
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
}

describe("the running proxy", () => {
  let http: InboundFixture;
  let tcp: InboundFixture;
  const clients = new Map<Caller, KeptClient>();
  beforeAll(async () => {
    const identity = proxyIdentity(MESH.issue("/ns/foo/sa/server"), MESH, ...AUTHORITIES);
    http = await startInbound({ http: {}, protocol: "http", identity, handle: record });
    tcp = await startInbound({ http: {}, protocol: "tcp", identity });
    for (const caller of CALLERS)
      clients.set(
        caller,
        createKeptClient(() => caller.open(http, ["istio-http/1.1", "istio"])),
      );
  });
  afterAll(async () => {
    for (const client of clients.values()) client.close();
    await http.close();
    await tcp.close();
  });

  test(`does with ${CASES} random requests and connections what the engine says, seed ${SEED}`, async () => {
    const random = new SeededRandom(SEED);
    const counts = new Map<string, number>();
    let sets = 0;
    for (let done = 0; done < CASES; sets++) {
      const drawn = drawCase(random, http.port);
      const set = { policies: drawn.policies.map(buildPolicy), options: drawn.options };
      for (const server of [http, tcp]) putInForce(server, set);
      for (let each = 0; each < CASES_A_SET && done < CASES; each++) {
        const caller = random.pick(CALLERS);
        const outcome = random.chance(0.15)
          ? await tryConnection(caller, set)
          : await tryRequest(caller, { ...randomRequest(random), claims: undefined }, set);
        counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
        if (outcome !== "no request") done++;
      }
    }
    console.log(
      `seed ${SEED}: ${CASES} agree, ${sets} policy sets; ${[...counts].map((each) => each.join(" ")).join(", ")}`,
    );
    if (CASES >= 200) expect([...counts.keys()].sort()).toEqual(OUTCOMES);
  }, 600_000);

  const OUTCOMES = [
    ...["http allow_rule_matched", "http deny_rule_matched", "http no_allow_policy", "http no_allow_rule_matched"],
    ...["http path_refused", "no request"],
    ...["tcp allow_rule_matched", "tcp deny_rule_matched", "tcp no_allow_policy", "tcp no_allow_rule_matched"],
  ];

  interface PolicySet {
    readonly policies: readonly AuthorizationPolicy[];
    readonly options: RandomCase["options"];
  }

  function putInForce(server: InboundFixture, { policies, options }: PolicySet): void {
    const { trustDomain, trustDomainAliases = [], pathNormalization = "base" } = options;
    const current = server.config.current;
    if (!current) throw new Error("no configuration");
    server.config.set({
      version: current.version + 1,
      local: { ...current.local, authorizationPolicies: policies },
      mesh: { ...current.mesh, trustDomain, trustDomainAliases, pathNormalization },
    });
  }

  function engine(
    server: InboundFixture,
    caller: Caller,
    { policies, options }: PolicySet,
    request?: RequestAttributes,
  ) {
    const connection: ConnectionAttributes = {
      sourceAddress: caller.sourceAddress,
      destinationAddress: server.address,
      destinationPort: server.port,
      ...(caller.peerSpiffeId === undefined ? {} : { peerSpiffeId: caller.peerSpiffeId }),
    };
    return decide(compileAuthorization(policies, options).connection(connection), request);
  }

  async function tryRequest(caller: Caller, request: RequestAttributes, set: PolicySet): Promise<string> {
    const { method, path, host, headers } = request;
    const lines = [...headers].flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
    const text = [`${method} ${path} HTTP/1.1`, `host: ${host}`, ...lines, "", ""].join("\r\n");
    const before = { asked: asked.length, records: http.requests.length, denials: http.denials.length };
    const answer = await clients.get(caller)?.ask(text);
    const wanted = engine(http, caller, set, request);
    const seen = asked.slice(before.asked);
    const [made] = http.requests.slice(before.records);
    const context = JSON.stringify({ text, caller, wanted, answer, made });
    // What is no request to the parser is none to a policy; it never reaches the application.
    if (answer?.status === 400 && made?.method === "") {
      expect({ context, seen }).toEqual({ context, seen: [] });
      return "no request";
    }
    const status = wanted.outcome === "allow" ? 200 : wanted.reason === "path_refused" ? 400 : 403;
    const target = normalizePath(path, set.options.pathNormalization ?? "base");
    expect({ context, status: answer?.status, seen, denials: http.denials.length - before.denials }).toEqual({
      context,
      status,
      seen: status === 200 ? [`${method} ${target}`] : [],
      denials: status === 200 ? 0 : 1,
    });
    const recorded = set.policies.length > 0 || wanted.outcome === "deny" ? recordOf(wanted) : undefined;
    expect({ context, recorded: made?.authorization }).toMatchObject({ recorded });
    return `http ${wanted.reason}`;
  }

  async function tryConnection(caller: Caller, set: PolicySet): Promise<string> {
    const wanted = engine(tcp, caller, set);
    const socket = await caller.open(tcp, ["istio"]);
    const { received } = await talk(socket, "ping", 4);
    const context = JSON.stringify({ caller, wanted });
    expect({ context, received: received.toString() }).toEqual({
      context,
      received: wanted.outcome === "allow" ? "ping" : "",
    });
    return `tcp ${wanted.reason}`;
  }
});

function recordOf({ outcome, reason, by, audit }: Decision): object {
  return {
    outcome: outcome === "allow" ? "allowed" : "denied",
    reason,
    ...(by ? { policy: by.policyId } : {}),
    ...(audit ? { audit: true } : {}),
  };
}

/** The addresses and ports of the vocabulary become those that callers and server really have. CUSTOM is refused at its load. */
function drawCase(random: SeededRandom, port: number): RandomCase {
  const drawn = randomCase(random);
  const policies = drawn.policies.filter(({ action }) => action !== "custom");
  const text = JSON.stringify(policies)
    .replaceAll("10.0.0.", "127.0.0.")
    .replaceAll('"10.0.1.', '"127.0.1.')
    .replaceAll('"8080"', `"${port}"`);
  return { ...drawn, policies: JSON.parse(text) as readonly PolicyText[] };
}
