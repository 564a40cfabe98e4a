import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ClientTls, ClientTlsMode } from "./client-tls.ts";
import { type ClientTlsInput, decideClientTls } from "./client-tls-decision.ts";
import type { NamespaceMtlsMode } from "./peer-authentication-index.ts";

const TABLE = fileURLToPath(new URL("../../../../shared/vectors/istio-tables/auto-mtls-tables.json", import.meta.url));
const POSITION = { file: "f.yaml", line: 1, column: 1 };
const ACCOUNT = "spiffe://td/ns/shop/sa/reviews";
const NOTHING_SAID: ClientTlsInput = {
  autoMtls: true,
  meshExternal: false,
  namespaceMode: "permissive",
  endpoint: { hasSidecar: true, mode: "permissive" },
  sni: "outbound_.80_._.reviews",
  serviceAccounts: [ACCOUNT],
};
const rule = (mode: ClientTlsMode, more: Partial<ClientTls> = {}): ClientTls => ({
  position: POSITION,
  mode,
  subjectAltNames: [],
  insecureSkipVerify: false,
  ...more,
});

describe("a client's TLS", () => {
  test("without rule, auto mTLS decides by service and endpoint", () => {
    const kind = (change: Partial<ClientTlsInput>) => decideClientTls({ ...NOTHING_SAID, ...change }).kind;
    assert.equal(kind({}), "mesh");
    assert.equal(kind({ namespaceMode: "unknown" }), "mesh");
    assert.equal(kind({ autoMtls: false }), "plaintext");
    assert.equal(kind({ meshExternal: true }), "plaintext");
    assert.equal(kind({ namespaceMode: "disable" }), "plaintext");
    assert.equal(kind({ endpoint: { hasSidecar: false, mode: "strict" } }), "plaintext");
    assert.equal(kind({ endpoint: { hasSidecar: true, mode: "disable" } }), "plaintext");
  });

  test("a rule decides whatever the servers want", () => {
    const strict: ClientTlsInput = { ...NOTHING_SAID, endpoint: { hasSidecar: false, mode: "strict" } };
    assert.deepEqual(decideClientTls({ ...strict, ruleTls: rule("disable") }), { kind: "plaintext", source: "rule" });
    assert.equal(decideClientTls({ ...strict, ruleTls: rule("istio-mutual") }).kind, "mesh");
    assert.equal(decideClientTls({ ...strict, ruleTls: rule("simple") }).kind, "external");
  });

  test("ISTIO_MUTUAL takes server name and identities from the rule, else from the service", () => {
    const decided = (more: Partial<ClientTls>) =>
      decideClientTls({ ...NOTHING_SAID, ruleTls: rule("istio-mutual", more) });
    assert.deepEqual(decided({}), {
      kind: "mesh",
      source: "rule",
      sni: NOTHING_SAID.sni,
      serverNames: [ACCOUNT],
    });
    assert.deepEqual(decided({ sni: "x", subjectAltNames: ["spiffe://td/a"] }), {
      kind: "mesh",
      source: "rule",
      sni: "x",
      serverNames: ["spiffe://td/a"],
    });
  });
});

interface AutoMtlsCase {
  readonly name: string;
  readonly autoMtlsEnabled: boolean;
  readonly meshExternal: boolean;
  readonly serviceMtlsMode: string;
  readonly serviceAccounts: readonly string[];
  readonly sni: string;
  readonly destinationRuleTls: WireTls | string;
  readonly want: WireTls | string;
}
interface WireTls {
  readonly mode: string;
  readonly sni?: string;
  readonly subjectAltNames?: readonly string[];
}

/** Cases that are another matter here, each with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  "Metadata cert path override ISTIO_MUTUAL": "no proxy takes its certificate from files",
  "TLS nil auto build tls with metadata cert path": "no proxy takes its certificate from files",
  "Auto fill nil settings when mTLS nil for internal service in unknown mode":
    "Istio's callers turn unknown into PERMISSIVE before (istio-security §4.3); here it is one step",
};

if (!existsSync(TABLE)) console.log(`no tests with auto-mtls-tables.json: ${TABLE} does not exist`);
else
  describe("Istio's table of automatic mTLS", () => {
    const { cases } = JSON.parse(readFileSync(TABLE, "utf8")) as { readonly cases: readonly AutoMtlsCase[] };
    const covered = cases.filter(({ name }) => !Object.hasOwn(LEFT_OUT, name));
    for (const vector of covered) test(vector.name, () => checkCase(vector));
    test("every case is covered or left out by name", () =>
      assert.equal(covered.length + Object.keys(LEFT_OUT).length, cases.length));
  });

function checkCase(vector: AutoMtlsCase): void {
  const ruleTls = wireRule(vector.destinationRuleTls);
  const decision = decideClientTls({
    ...(ruleTls ? { ruleTls } : {}),
    autoMtls: vector.autoMtlsEnabled,
    meshExternal: vector.meshExternal,
    namespaceMode: vector.serviceMtlsMode.toLowerCase() as NamespaceMtlsMode,
    endpoint: { hasSidecar: true, mode: "strict" },
    sni: vector.sni,
    serviceAccounts: vector.serviceAccounts,
  });
  const want = typeof vector.want === "string" ? undefined : vector.want;
  if (!want) assert.equal(decision.kind, "plaintext");
  else if (want.mode === "ISTIO_MUTUAL")
    assert.deepEqual(
      { ...decision, source: undefined },
      { kind: "mesh", source: undefined, sni: want.sni, serverNames: want.subjectAltNames },
    );
  else assert.deepEqual(decision, { kind: "external", source: "rule", tls: ruleTls });
}

function wireRule(wire: WireTls | string): ClientTls | undefined {
  if (typeof wire === "string") return undefined;
  const { mode, ...more } = wire;
  return rule(mode.toLowerCase().replace("_", "-") as ClientTlsMode, more);
}
