import { describe, expect, test } from "bun:test";
import {
  type LocalConfig,
  type MeshView,
  type ProxyConfig,
  policyFromWire,
  policyToWire,
  type RequestAuthenticationConfig,
} from "../../mesh/index.ts";
import { decodeConfig, encodeConfig } from "./config-message.ts";

const POD = "pod-1";
const REFUSED = expect.objectContaining({ code: "ERR_FRAME_INVALID" });
const mesh: MeshView = {
  trustDomain: "cluster.local",
  trustDomainAliases: [],
  pathNormalization: "base",
  denialReasonHeader: false,
  clusterDomain: "cluster.local",
  services: [],
  workloads: [],
  capturedPorts: [80],
};
const deny = (name: string) =>
  policyFromWire({ namespace: "foo", name, action: "deny", rules: [{ to: [{ ports: ["80"] }] }] });
const [A, B, C] = [deny("a"), deny("b"), deny("c")];
const tokens: RequestAuthenticationConfig = { policies: [], keySets: [{ source: "s", jwks: "{}" }] };
const local: LocalConfig = {
  podUid: POD,
  podName: "web",
  namespace: "foo",
  serviceAccount: "default",
  address: "10.244.0.2",
  sidecar: true,
  inboundMode: "strict",
  inboundPorts: [],
  authorizationPolicies: [A, B],
  requestAuthentication: tokens,
};
const first: ProxyConfig = { version: 1, local, mesh };

const decode = (text: string, base?: ProxyConfig) => decodeConfig(Buffer.from(text), POD, base);
/** From what the control plane has to what the proxy has, over two messages. */
function carry(next: ProxyConfig) {
  const before = decode(encodeConfig(first));
  const text = encodeConfig(next, first);
  return { before, text, after: decode(text, before) };
}

describe("the first message", () => {
  test("has everything, policies without their places", () => {
    const text = encodeConfig(first);
    expect(JSON.parse(text).authorizationPolicies).toEqual([A, B].map(policyToWire));
    expect(decode(text)).toEqual(first);
  });

  test("without one of its parts, or with parts of an earlier one, is refused", () => {
    const whole = JSON.parse(encodeConfig(first));
    expect(decode(JSON.stringify(whole)).version).toBe(1);
    for (const part of ["version", "own", "authorizationPolicies", "requestAuthentication", "mesh"])
      expect(() => decode(JSON.stringify({ ...whole, [part]: undefined }))).toThrow(REFUSED);
    for (const wrong of [{ base: 0 }, { authorizationPolicies: [0] }, { authorizationPolicies: {} }, { own: [] }])
      expect(() => decode(JSON.stringify({ ...whole, ...wrong }))).toThrow(REFUSED);
    expect(() => decode("{")).toThrow(REFUSED);
    expect(() => decodeConfig(Buffer.from(encodeConfig(first)), "pod-2", undefined)).toThrow("not for pod-2");
  });
});

describe("a later message", () => {
  test("about nothing but the number is the number; everything else is the same object", () => {
    const { before, text, after } = carry({ ...first, version: 2 });
    expect(text).toBe('{"version":2,"base":1}');
    expect([after.version, after.local === before.local, after.mesh === before.mesh]).toEqual([2, true, true]);
  });

  test("about a policy has that policy, and places of those that were there", () => {
    const next = { ...first, version: 2, local: { ...local, authorizationPolicies: [B, C] } };
    const { before, text, after } = carry(next);
    expect(JSON.parse(text)).toEqual({ version: 2, base: 1, authorizationPolicies: [1, policyToWire(C)] });
    expect(after).toEqual(next);
    expect(after.local.authorizationPolicies[0]).toBe(before.local.authorizationPolicies[1] as never);
    expect(after.local.requestAuthentication).toBe(before.local.requestAuthentication as never);
    expect([after.local.inboundPorts === before.local.inboundPorts, after.mesh === before.mesh]).toEqual([true, true]);
  });

  test("about one of the other parts has that part alone", () => {
    const { requestAuthentication: _, ...open } = local;
    const cases: readonly [keyof ReturnType<typeof JSON.parse>, Partial<ProxyConfig>][] = [
      ["mesh", { mesh: { ...mesh, capturedPorts: [81] } }],
      ["own", { local: { ...local, inboundMode: "permissive" } }],
      ["requestAuthentication", { local: { ...local, requestAuthentication: { policies: [], keySets: [] } } }],
      ["requestAuthentication", { local: open }],
      ["authorizationPolicies", { local: { ...local, authorizationPolicies: [] } }],
    ];
    for (const [part, change] of cases) {
      const next = { ...first, version: 2, ...change };
      const { text, after } = carry(next);
      expect(Object.keys(JSON.parse(text))).toEqual(["version", "base", String(part)]);
      expect(after).toEqual(next);
    }
  });

  test("that skips what a slow proxy did not take builds on what it has", () => {
    const third = { ...first, version: 3, local: { ...local, authorizationPolicies: [A, B, C] } };
    expect(carry(third).after).toEqual(third);
  });

  test("that builds on another version, is not newer, or names a policy that is not there is refused", () => {
    const before = decode(encodeConfig(first));
    expect(decode('{"version":2,"base":1}', before).version).toBe(2);
    for (const wrong of [
      '{"version":2,"base":0}',
      '{"version":2}',
      encodeConfig({ ...first, version: 2 }),
      '{"version":1,"base":1}',
      '{"version":2,"base":1,"authorizationPolicies":[2]}',
      '{"version":2,"base":1,"authorizationPolicies":[-1]}',
      '{"version":2,"base":1,"authorizationPolicies":null}',
      '{"version":2,"base":1,"own":{"podUid":"pod-2","inboundPorts":[]}}',
      '{"version":2,"base":1,"mesh":{}}',
      '{"version":2,"base":1,"authorizationPolicies":[{"namespace":"foo","name":"d","action":"allow","rules":[{"from":[{"later":["x"]}]}]}]}',
    ])
      expect(() => decode(wrong, before)).toThrow(REFUSED);
  });

  test("is the same for the pods of one Deployment, whatever list another pod had before", () => {
    const [list, wider] = [
      [A, B],
      [A, B, C],
    ] as const;
    const config = (version: number, policies: LocalConfig["authorizationPolicies"]): ProxyConfig => ({
      version,
      local: { ...local, authorizationPolicies: policies },
      mesh,
    });
    const policiesIn = (text: string) => JSON.parse(text).authorizationPolicies;
    expect(policiesIn(encodeConfig(config(2, wider), config(1, list)))).toEqual([0, 1, policyToWire(C)]);
    expect(policiesIn(encodeConfig(config(2, wider), config(1, [C])))).toEqual([policyToWire(A), policyToWire(B), 0]);
    expect(policiesIn(encodeConfig(config(2, wider)))).toEqual([A, B, C].map(policyToWire));
  });
});
