import { describe, expect, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { inspect } from "node:util";
import { SymbolonError } from "@symbolon/spiffe/core";
import { createKeyPair } from "@symbolon/spiffe/x509";
import { errorInfo, PRODUCT_ERRORS, productError } from "./errors.ts";
import { meshPaths } from "./mesh-paths.ts";
import { privateKeyPem } from "./private-key-pem.ts";

const KEY_KINDS_TO_TRY = ["ec-p256", "ec-p384", "ed25519", "rsa-2048"] as const;
const POD_UID = "00000000-0000-4000-8000-000000000000";

describe("meshPaths", () => {
  test("keeps what survives a restart apart from sockets", () => {
    const paths = meshPaths({ state: "/s", runtime: "/r" });
    const { podRuntime, state: _state, runtime: _runtime, ...rest } = paths;
    const underState = Object.entries(rest)
      .filter(([, path]) => path.startsWith("/s/"))
      .map(([name]) => name);
    expect(underState.sort()).toEqual([
      "auditDirectory",
      "auditKeysDirectory",
      "caDirectory",
      "database",
      "logsDirectory",
      "tokenIssuerDirectory",
    ]);
    expect(Object.values(rest).every((path) => path.startsWith("/s/") || path.startsWith("/r/"))).toBe(true);
    expect(new Set(Object.values(rest)).size).toBe(Object.keys(rest).length);
    expect(podRuntime(POD_UID)).toEqual({
      directory: `/r/pods/${POD_UID}`,
      agentSocket: `/r/pods/${POD_UID}/agent.sock`,
      workloadSocket: `/r/pods/${POD_UID}/uds/socket`,
      proxyAdminSocket: `/r/pods/${POD_UID}/proxy.sock`,
    });
  });

  test("a runtime directory may be as long as a socket's address allows, and not one byte longer", () => {
    const at = (length: number) => `/${"r".repeat(length - 1)}`;
    const longest = 107 - `/pods/${POD_UID}/agent.sock`.length;
    const { agentSocket, proxyAdminSocket, workloadSocket } = meshPaths({
      state: "/s",
      runtime: at(longest),
    }).podRuntime(POD_UID);
    expect([agentSocket, proxyAdminSocket, workloadSocket].map((path) => Buffer.byteLength(path))).toEqual([
      107, 107, 107,
    ]);
    expect(() => meshPaths({ state: "/s", runtime: at(longest + 1) })).toThrow(
      expect.objectContaining({
        code: "ERR_CONFIG_INVALID",
        message: expect.stringContaining("is 1 bytes too long for Unix sockets"),
      }),
    );
    expect(() => meshPaths({ state: "/s", runtime: `/${"ä".repeat(longest / 2)}` })).toThrow("too long");
  });
});

describe("privateKeyPem", () => {
  test("writes what the runtime itself would write, for every kind of key", () => {
    for (const kind of KEY_KINDS_TO_TRY) {
      const { privateKey } = createKeyPair(kind);
      const pem = privateKeyPem({ privateKey });
      const bytes = pem.expose();
      expect(bytes.toString("latin1")).toBe(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
      expect(createPrivateKey(bytes).equals(privateKey)).toBe(true);
    }
  });

  test("the key is in no text that somebody could log", () => {
    const pem = privateKeyPem(createKeyPair());
    for (const text of [inspect(pem), JSON.stringify({ pem }), `${pem}`, Bun.inspect(pem)])
      expect(text).not.toContain("PRIVATE KEY");
  });
});

describe("errors", () => {
  test("a code has a fault and a status; one without a row is a bug of ours", () => {
    expect(errorInfo(productError("ERR_OBJECT_NOT_FOUND", "x"))).toEqual({ fault: "caller", status: "not_found" });
    expect(errorInfo(new SymbolonError("ERR_SPIFFE_ID_DOT_SEGMENT", "x")).status).toBe("invalid_argument");
    for (const code of ["ERR_NOBODY_KNOWS", "toString", "__proto__"])
      expect(errorInfo(new SymbolonError(code, "x"))).toBe(PRODUCT_ERRORS.ERR_INTERNAL_BUG);
  });
});
