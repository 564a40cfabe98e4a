import { describe, expect, test } from "bun:test";
import { dnsQuery } from "../../../../test/fakes/dns-query.ts";
import type { ProxyConfig, ServiceView } from "../mesh/index.ts";
import { answerQuery } from "./resolve-name.ts";

const service = (namespace: string, name: string, more: Partial<ServiceView>): ServiceView => ({
  namespace,
  name,
  ports: [],
  ...more,
});

const port = (number: number, ...addresses: readonly string[]) => ({
  port: number,
  protocol: "tcp" as const,
  endpoints: addresses.map((address) => ({ podUid: address, address, port: number, tls: true })),
  expectedSpiffeIds: [],
});

const CONFIG: ProxyConfig = {
  version: 1,
  local: {
    podUid: "own",
    podName: "own",
    namespace: "foo",
    serviceAccount: "client",
    address: "10.0.0.1",
    sidecar: true,
    inboundMode: "permissive",
    inboundPorts: [],
    authorizationPolicies: [],
  },
  mesh: {
    trustDomain: "mesh.example",
    trustDomainAliases: [],
    pathNormalization: "base",
    denialReasonHeader: false,
    clusterDomain: "cluster.local",
    services: [
      service("foo", "httpbin", { address: "10.96.0.1" }),
      service("bar", "httpbin", { address: "10.96.0.2" }),
      service("foo", "svc", { address: "10.96.0.3" }),
      service("svc", "svc", { address: "10.96.0.4" }),
      service("foo", "headless", { ports: [port(80, "10.0.0.2", "10.0.0.3"), port(81, "10.0.0.3")] }),
      service("foo", "nobody", { ports: [port(80)] }),
    ],
    workloads: [],
    capturedPorts: [],
  },
};

interface Answer {
  readonly code: number;
  readonly addresses: readonly string[];
  readonly authority: number;
}

function ask(
  name: string,
  options: { readonly type?: number; readonly config?: ProxyConfig | undefined } = {},
): Answer {
  const question = dnsQuery(name, { type: options.type ?? 1 });
  const config = "config" in options ? options.config : CONFIG;
  const bytes = answerQuery(question, config, "udp");
  if (!bytes) throw new Error("no answer");
  const answer = Buffer.from(bytes);
  return {
    code: answer.readUInt16BE(2) & 15,
    addresses: Array.from({ length: answer.readUInt16BE(6) }, (_, index) => {
      const at = question.length + 16 * index + 12;
      return [...answer.subarray(at, at + 4)].join(".");
    }),
    authority: answer.readUInt16BE(8),
  };
}

const NAME_ERROR = 3;
const REFUSED = 5;

describe("names of Services", () => {
  const cases: readonly [string, string][] = [
    ["httpbin", "10.96.0.1"],
    ["httpbin.foo", "10.96.0.1"],
    ["httpbin.foo.svc", "10.96.0.1"],
    ["httpbin.foo.svc.cluster.local", "10.96.0.1"],
    ["HTTPBIN.Foo.SVC.Cluster.Local", "10.96.0.1"],
    ["httpbin.bar", "10.96.0.2"],
    ["httpbin.bar.svc.cluster.local", "10.96.0.2"],
    ["svc", "10.96.0.3"],
    ["svc.foo.svc.cluster.local", "10.96.0.3"],
    ["svc.svc", "10.96.0.4"],
    ["svc.svc.svc.cluster.local", "10.96.0.4"],
  ];
  for (const [name, address] of cases)
    test(`${name} is ${address}`, () => {
      expect(ask(name)).toEqual({ code: 0, addresses: [address], authority: 0 });
    });

  test("of a headless one are its endpoints, each once; without endpoints there is no address", () => {
    expect(ask("headless").addresses).toEqual(["10.0.0.2", "10.0.0.3"]);
    expect(ask("nobody")).toEqual({ code: 0, addresses: [], authority: 0 });
  });

  test("exist without an IPv6 address: no error, no record, the zone's word that there is none", () => {
    for (const type of [28, 16, 33, 255])
      expect(ask("httpbin.foo", { type })).toEqual({ code: 0, addresses: [], authority: 1 });
  });
});

describe("names that the mesh knows to be nobody's", () => {
  for (const name of [
    "nothing",
    "nothing.foo",
    "httpbin.nowhere.svc",
    "httpbin.nowhere.svc.cluster.local",
    "httpbin.foo.cluster.local",
    "pod.httpbin.foo.svc.cluster.local",
    "a.b.c.foo",
    "cluster.local",
    "x.cluster.local",
    "httpbin.foo.svc.svc.cluster.local",
    "httpbin.svc.cluster.local",
    "httpbin.svc",
    "constructor",
    "__proto__.foo",
  ])
    test(`${name}: no such name, also for IPv6`, () => {
      for (const type of [1, 28])
        expect(ask(name, { type })).toEqual({ code: NAME_ERROR, addresses: [], authority: 1 });
    });
});

describe("names that are not the mesh's to answer", () => {
  for (const name of [
    "example.com",
    "httpbin.nowhere",
    "foo.cluster.local.example.com",
    "httpbin.foo.svc.cluster.localx",
  ])
    test(`${name}: refused`, () => {
      expect(ask(name)).toEqual({ code: REFUSED, addresses: [], authority: 0 });
    });

  test("the root: refused", () => {
    expect(ask("")).toMatchObject({ code: REFUSED });
  });

  test("every name, while there is no configuration: refused, so that nobody keeps a wrong answer", () => {
    expect(ask("httpbin", { config: undefined })).toEqual({ code: REFUSED, addresses: [], authority: 0 });
  });
});

test("a short name means the namespace of the pod that asks", () => {
  const config = { ...CONFIG, local: { ...CONFIG.local, namespace: "bar" } };
  expect(ask("httpbin", { config }).addresses).toEqual(["10.96.0.2"]);
  expect(ask("headless", { config }).code).toBe(NAME_ERROR);
});

test("what is malformed is answered with its code, what deserves none with none", () => {
  expect(answerQuery(dnsQuery("a", { flags: 0x8000 }), CONFIG, "udp")).toBeUndefined();
  expect(answerQuery(new Uint8Array(3), CONFIG, "udp")).toBeUndefined();
  const unusable = answerQuery(dnsQuery("a", { flags: 0x2800 }), CONFIG, "udp");
  expect(Buffer.from(unusable ?? []).toString("hex")).toBe("123480040000000000000000");
});
