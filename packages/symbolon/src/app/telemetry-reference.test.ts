/** docs/reference/metrics.md and access-records.md against what the code has. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { meshPaths } from "../core/index.ts";
import type { FamilySnapshot } from "../telemetry/index.ts";
import { createMeshMetrics } from "./mesh-metrics.ts";
import { createProxyTelemetry } from "./proxy-telemetry.ts";

const SOURCES = resolve(import.meta.dir, "../telemetry");
const REFERENCE = resolve(import.meta.dir, "../../../../docs/reference");
const page = (name: string) => readFileSync(`${REFERENCE}/${name}`, "utf8");
const source = (name: string) => readFileSync(`${SOURCES}/${name}`, "utf8");
const paths = meshPaths({ state: "/nowhere", runtime: "/r" });

/** Names in the first cell of each row whose cells match. */
function documented(text: string, row: RegExp): readonly string[] {
  return [...text.matchAll(row)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  );
}

describe("docs/reference/metrics.md", () => {
  const proxy = createProxyTelemetry({
    paths,
    accessRecords: false,
    config: () => undefined,
    vitals: () => ({ ready: true, connections: [], handshakes: 0, upstreams: { idle: 0, inUse: 0 } }),
    clock: createFakeClock(),
    log: silentLog,
  });
  const CA = [
    "citadel_server_csr_count",
    "citadel_server_authentication_failure_count",
    "citadel_server_csr_parsing_err_count",
    "citadel_server_id_extraction_err_count",
    "citadel_server_csr_sign_err_count",
    "citadel_server_success_cert_issuance_count",
    "citadel_server_root_cert_expiry_timestamp",
    "citadel_server_root_cert_expiry_seconds",
    "citadel_server_cert_chain_expiry_timestamp",
    "citadel_server_cert_chain_expiry_seconds",
  ];
  const mesh = createMeshMetrics({
    status: () => ({ trustDomain: "t", version: 1, settled: true, applied: 0, findings: [], pods: [] }),
    caNumbers: () => Object.fromEntries(CA.map((name) => [name, 1])),
    paths,
  });

  test("has every metric of the proxies and of the control plane with its type, and no other", async () => {
    const real = new Map(
      [...proxy.metrics(), ...(await mesh())].map((family: FamilySnapshot) => [family.name, family.type]),
    );
    const rows = [...page("metrics.md").matchAll(/^\| `(\w+)` \| (counter|gauge|histogram) \|/gm)];
    expect(rows.map(([, name]) => name ?? "").sort()).toEqual([...real.keys()].sort());
    for (const [, name = "", type] of rows) expect([name, type]).toEqual([name, real.get(name)]);
  });

  test("has every label of Istio's metrics", () => {
    const labels = source("traffic-edge.ts").match(/EDGE_LABELS = \[([^\]]+)\]/)?.[1] ?? "";
    const names = [...labels.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name);
    expect(names.length).toBe(21);
    const text = page("metrics.md");
    for (const name of [...names, "request_protocol", "response_code", "response_flags", "grpc_response_status"])
      expect({ name, documented: text.includes(`\`${name}\``) }).toEqual({ name, documented: true });
  });
});

describe("docs/reference/access-records.md", () => {
  const text = page("access-records.md");
  const section = (heading: string) => text.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const fieldsOf = (file: string, name: string) => {
    const body = source(file).match(new RegExp(`export interface ${name} \\{\n([\\s\\S]*?)\n\\}`))?.[1] ?? "";
    return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??:/gm)].map(([, field = ""]) => field);
  };
  const membersOf = (file: string, name: string) => {
    const body = source(file).match(new RegExp(`export type ${name} =([\\s\\S]*?);\n`))?.[1] ?? "";
    return [...body.matchAll(/"(\w+)"/g)].map(([, member = ""]) => member);
  };
  const ADDED = ["kind", "pod", "namespace"];

  test("has every field of a request's line, and no other", () => {
    const fields = fieldsOf("request-record.ts", "RequestRecord");
    expect(fields.length).toBeGreaterThan(20);
    expect([...documented(section("Requests"), /^\|([^|]*)\|/gm)].sort()).toEqual([...ADDED, ...fields].sort());
  });

  test("has every field of a connection's line, and no other", () => {
    // Only live connections are open.
    const fields = fieldsOf("connection-record.ts", "ConnectionRecord").filter((field) => field !== "open");
    expect(fields.length).toBeGreaterThan(15);
    expect([...documented(section("Connections"), /^\|([^|]*)\|/gm)].sort()).toEqual([...ADDED, ...fields].sort());
  });

  test("has every field of authorization, every flag and every reason", () => {
    const first = (heading: string) => [...documented(section(heading), /^\|([^|]*)\|/gm)].sort();
    expect(first("Authorization")).toEqual(
      fieldsOf("authorization-record.ts", "AuthorizationRecord")
        .map((field) => `authorization.${field}`)
        .sort(),
    );
    expect(first("Flags")).toEqual(membersOf("request-record.ts", "ResponseFlag").sort());
    expect(first("Reasons of connections")).toEqual(membersOf("connection-record.ts", "RefusalReason").sort());
  });
});
