import { describe, expect, test } from "bun:test";
import { buildPolicy, type PolicyText } from "../../../../test/oracle/build-policy.ts";
import type { DenialRecord, RequestRecord } from "../telemetry/index.ts";
import { AccessGuard } from "./access-guard.ts";
import { RequestParser } from "./http1/index.ts";
import { createRequestAdmission } from "./request-admission.ts";
import { type AuthenticateTokens, createPolicyInForce } from "./workload-policy.ts";

const FROM_ALICE: PolicyText = { rules: [{ from: [{ requestPrincipals: ["issuer/alice"] }] }] };

/** One request before tokens and policies. */
function admit(options: {
  readonly tokens: AuthenticateTokens;
  readonly policies?: readonly PolicyText[];
  readonly target?: string;
  readonly lines?: readonly string[];
  readonly proto?: "http" | "https";
}) {
  const { tokens, policies = [], target = "/a", lines = [], proto = "https" } = options;
  const policy = createPolicyInForce(() => tokens);
  const denials: DenialRecord[] = [];
  policy.update({
    version: 7,
    local: {
      podUid: "pod",
      podName: "pod",
      namespace: "foo",
      serviceAccount: "server",
      address: "10.0.0.1",
      sidecar: true,
      inboundMode: "strict",
      inboundPorts: [],
      authorizationPolicies: policies.map(buildPolicy),
    },
    mesh: {
      trustDomain: "mesh.example",
      trustDomainAliases: [],
      pathNormalization: "base",
      denialReasonHeader: false,
      clusterDomain: "cluster.local",
      services: [],
      workloads: [],
      capturedPorts: [],
    },
  });
  const connection = { sourceAddress: "10.0.0.2", destinationAddress: "10.0.0.1", destinationPort: 80 };
  const now = () => new Date("2026-01-01T00:00:00Z");
  const recordDenial = (denial: DenialRecord) => denials.push(denial);
  const guard = new AccessGuard(connection, 1, { policy, now, recordDenial, tellReason: () => false });
  const admission = createRequestAdmission(guard);
  const parser = new RequestParser();
  parser.push(Buffer.from([`GET ${target} HTTP/1.1`, "Host: a", ...lines, "", ""].join("\r\n")));
  expect(parser.next()).toBe("head");
  const record = { method: "GET", path: target, authority: "a" } as RequestRecord;
  const own = { "x-forwarded-client-cert": undefined, "x-forwarded-proto": proto };
  const reply = admission.admit(parser.head, record, own);
  if (reply) admission.refused(record);
  return { reply, record, changes: admission.changes, denials };
}

describe("tokens before policies", () => {
  test.each(["http", "https"] as const)("are asked with what the application will see, and its scheme %s", (proto) => {
    const seen: object[] = [];
    const tokens: AuthenticateTokens = ({ method, path, host, headers, scheme }) => {
      seen.push({ method, path, host, scheme, tokens: headers.get("authorization"), hop: headers.get("x-hop") });
      return { kind: "passed" };
    };
    const lines = ["Authorization: Bearer a", "authorization: Bearer b", "X-Hop: 1", "Connection: x-hop"];
    expect(admit({ tokens, lines, proto }).reply).toBeUndefined();
    expect(seen).toEqual([
      { method: "GET", path: "/a", host: "a", scheme: proto, tokens: ["Bearer a", "Bearer b"], hop: undefined },
    ]);
  });

  test("that are passed on in the query, or belong to somebody else, are decided by and stay out of the record", () => {
    const secret = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln";
    const seen: string[] = [];
    const tokens: AuthenticateTokens = ({ path }) => {
      seen.push(path);
      return { kind: "passed" };
    };
    const { record, changes } = admit({ tokens, target: `/b/../a?t=${secret}&x=1` });
    expect([seen, record.path, changes?.target]).toEqual([
      [`/b/../a?t=${secret}&x=1`],
      "/a?t=(token)&x=1",
      `/a?t=${secret}&x=1`,
    ]);
  });

  test("that are refused are answered as they say, no policy is asked, and the denial has no token in it", () => {
    const reply = { status: 401, flag: "RBAC", detail: "jwt", body: "Jwt is expired", fields: "A: b\r\n" } as const;
    const refused = admit({
      tokens: () => ({ kind: "refused", reply, reason: "jwt_expired", path: "/a" }),
      policies: [{ action: "deny", rules: [{}] }],
      target: "/a?access_token=secret",
      lines: ["X-Token: secret"],
    });
    expect(refused.reply).toEqual(reply);
    expect(refused.denials).toMatchObject([
      { what: "request", reason: "jwt_expired", detail: "jwt", request: { method: "GET", path: "/a", headers: [] } },
    ]);
    expect(JSON.stringify(refused.denials)).not.toContain("secret");
    expect(refused.record.authorization).toBeUndefined();
  });

  test("that verify leave no trace in a denial: not in the query, not in a field of any name", () => {
    const token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl";
    const spaced = "ewogImFsZyI6IkVTMjU2In0.eyAic3ViIjoiYSJ9.c2lnbmF0dXJl";
    const { denials } = admit({
      tokens: () => ({ kind: "passed" }),
      policies: [{ action: "deny", rules: [{}] }],
      target: `/a?access_token=${token}&y=2`,
      lines: [
        `X-Token: ${token}`,
        `X-Spaced: bearer${spaced}`,
        `X-Encoded: ${token.replaceAll(".", "%2E")}`,
        `Authorization: Bearer ${token}`,
        "X-Other: eyJ.not.one",
      ],
    });
    for (const part of [token.slice(0, 12), spaced.slice(0, 12)]) expect(JSON.stringify(denials)).not.toContain(part);
    expect(denials[0]?.request?.path).toBe("/a?access_token=(token)&y=2");
    expect(denials[0]?.request?.cut?.toSorted()).toEqual(["authorization", "path", "x-encoded", "x-spaced", "x-token"]);
    expect(denials[0]?.request?.headers).toContainEqual(["x-other", "eyJ.not.one"]);
  });

  test("give policies their claims: the principal passes, another one and none do not", () => {
    const as = (claims?: Readonly<Record<string, string>>) =>
      admit({ tokens: () => ({ kind: "passed", ...(claims ? { claims } : {}) }), policies: [FROM_ALICE] });
    expect(as({ iss: "issuer", sub: "alice" }).reply).toBeUndefined();
    expect(as({ iss: "issuer", sub: "alic" }).reply?.status).toBe(403);
    expect(as().reply?.status).toBe(403);
    expect(as({ iss: "issuer", sub: "bob" }).denials).toMatchObject([
      { what: "request", configVersion: 7, request: { claims: { iss: "issuer", sub: "bob" } } },
    ]);
  });

  test("change the head: fields out, fields in, and a path without its token, normalised as ever", () => {
    const tokens: AuthenticateTokens = () => ({
      kind: "passed",
      changes: {
        removeHeaders: ["Authorization"],
        addHeaders: [{ name: "x-sub", value: "alice" }],
        path: "/a/../b?y=2",
      },
    });
    const { changes, record } = admit({ tokens, target: "/a/../b?access_token=t&y=2" });
    expect(changes).toEqual({
      appended: "x-sub: alice\r\n",
      droppedNames: new Set(["authorization"]),
      target: "/b?y=2",
    });
    expect(record.path).toBe("/b?y=2");
  });

  test("that change nothing leave the head as it came", () => {
    const changes = { removeHeaders: [], addHeaders: [] };
    expect(admit({ tokens: () => ({ kind: "passed", changes }) }).changes).toBeUndefined();
    expect(admit({ tokens: () => ({ kind: "passed", changes }), target: "/x/../a" }).changes).toEqual({
      appended: "",
      target: "/a",
    });
  });
});
