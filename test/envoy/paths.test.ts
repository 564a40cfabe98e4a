/** What a real Envoy 1.40 makes of every character of a path, against `normalizePath` and path templates. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileAuthorization, normalizePath, type PathNormalization, type RequestAttributes } from "@symbolon/policy";
import { installEnvoy } from "../../tools/envoy.ts";
import { buildPolicy } from "../oracle/build-policy.ts";
import type { SlowOptions } from "../oracle/slow-evaluator.ts";
import { type EnvoyListener, envoyBootstrap } from "./envoy-bootstrap.ts";
import { createPki } from "./envoy-pki.ts";
import { sendRequest } from "./send-request.ts";
import { startEnvoy } from "./start-envoy.ts";

const MODES: readonly PathNormalization[] = ["none", "base", "merge-slashes", "decode-and-merge-slashes"];
const FIRST_PORT = 22_500;
const envoy = installEnvoy() ?? "";

describe.skipIf(envoy === "")("paths", () => {
  test("are normalised, and matched by templates, as Envoy does it", async () => {
    const listeners = [...MODES.map((mode, index) => listenerOf(index, mode, [])), listenerOf(4, "none", ["/t/{*}"])];
    const directory = mkdtempSync(join(tmpdir(), "symbolon-envoy-"));
    const pki = createPki(directory);
    const stop = await startEnvoy(
      envoy,
      directory,
      envoyBootstrap(listeners, { kind: "http", keys: { ...pki, jwks: JSON.stringify(pki.jwks) } }),
    );
    const differences: string[] = [];
    const send = async (listener: EnvoyListener, path: string) => {
      const connection = {
        sourceAddress: "127.0.0.1",
        destinationAddress: listener.address,
        destinationPort: listener.port,
      };
      return sendRequest(connection, requestOf(path), { keys: undefined, token: undefined });
    };
    try {
      for (const [index, mode] of MODES.entries())
        for (const path of paths()) {
          const { status, headers } = await send(listeners[index] as EnvoyListener, path);
          const actual = status === 200 ? headers.get("x-path") : `${status}`;
          const wanted = normalizePath(path, mode) ?? "400";
          if (actual !== wanted) differences.push(`${mode} ${path}: Envoy ${actual}, ours ${wanted}`);
        }
      const template = listeners[4] as EnvoyListener;
      const compiled = compileAuthorization(template.policies, template.options);
      for (const path of segments()) {
        const { status } = await send(template, path);
        const ours = compiled
          .connection({ sourceAddress: "", destinationAddress: "", destinationPort: 0 })
          .decide(requestOf(path));
        if ((status === 200) !== (ours.outcome === "allow"))
          differences.push(`/t/{*} ${path}: Envoy ${status}, ours ${ours.outcome}`);
      }
    } finally {
      await stop();
      rmSync(directory, { recursive: true, force: true });
    }
    for (const difference of differences) console.log(difference);
    expect(differences.length).toBe(0);
  }, 600_000);
});

function listenerOf(index: number, pathNormalization: PathNormalization, templates: readonly string[]): EnvoyListener {
  const options: SlowOptions = {
    trustDomain: "cluster.local",
    trustDomainAliases: [],
    pathNormalization,
    providers: new Map(),
    allowSeveralProviders: false,
  };
  const policies = templates.length === 0 ? [] : [buildPolicy({ rules: [{ to: [{ paths: templates }] }] })];
  return { address: "127.0.0.9", port: FIRST_PORT + index, policies, options, verdicts: new Map() };
}

function requestOf(path: string): RequestAttributes {
  return { method: "GET", path, host: "foo", headers: new Map() };
}

function printable(): string[] {
  return Array.from({ length: 0xff - 0x20 }, (_, index) => String.fromCharCode(0x21 + index));
}

function escapes(): string[] {
  return Array.from({ length: 256 }, (_, index) => `%${index.toString(16).padStart(2, "0")}`);
}

/** Characters and escapes within a segment, and every short path over those that normalisation is about. */
function paths(): string[] {
  const parts = ["/", ".", "%2e", "%2F", "\\", "a"];
  const short = parts.flatMap((first) =>
    parts.flatMap((second) => parts.map((third) => `/x${first}${second}${third}y`)),
  );
  const plain = parts.flatMap((first) => parts.flatMap((second) => parts.map((third) => `/${first}${second}${third}`)));
  return [
    ...printable().map((character) => `/a${character}b`),
    ...escapes().map((escaped) => `/a${escaped}b`),
    ...short,
    ...plain,
  ];
}

function segments(): string[] {
  return [...printable().map((character) => `/t/a${character}b`), "/t/", "/t//", "/t/%41", "/t/a/b"];
}
