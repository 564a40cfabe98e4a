/**
 * The integration tests of the Rust crates `spiffe` and `spiffe-rustls` themselves, which their authors run against SPIRE and
 * mark as ignored elsewhere: unpatched, from the crates' sources, against our endpoint.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { startWorkloadEndpoint, type WorkloadEndpointFixture } from "../fakes/workload-endpoint-fixture.ts";

/** Two of the tests name this path themselves. */
const SOCKET = "/tmp/spire-agent/public/api.sock";
const CACHE = resolve(import.meta.dir, "../../.cache/clients");
const SUITES = [
  {
    crate: "spiffe",
    version: "0.19.0",
    args: ["--features", "x509-source,jwt-source,jwt,workload-api"],
    tests: ["workload_api_client", "x509_source", "jwt_source"],
    count: 60,
  },
  { crate: "spiffe-rustls", version: "0.11.0", args: [], tests: ["integration_mtls"], count: 1 },
] as const;

if (spawnSync("cargo", ["--version"]).status !== 0) test.skip("cargo is not installed", () => undefined);
else {
  let endpoint: WorkloadEndpointFixture;
  beforeAll(async () => {
    mkdirSync(dirname(SOCKET), { recursive: true });
    chmodSync(dirname(SOCKET), 0o700);
    endpoint = await startWorkloadEndpoint({ path: SOCKET, workloads: ["/myservice", "/myservice2"] });
  });
  afterAll(async () => {
    await endpoint.close();
    rmSync("/tmp/spire-agent", { recursive: true });
  });

  for (const { crate, version, args, tests, count } of SUITES) {
    test(`${count} of ${crate} ${version} pass`, async () => {
      const directory = crateSource(crate, version);
      const words = ["test", ...args, ...tests.flatMap((name) => ["--test", name])];
      // Compiled in the shared folder of the cache, before the time of the tests counts.
      const env = {
        ...process.env,
        CARGO_TARGET_DIR: join(CACHE, "crates/target"),
        SPIFFE_ENDPOINT_SOCKET: endpoint.socket,
      };
      const compiled = spawnSync("cargo", [...words, "--no-run", "--quiet"], { cwd: directory, env, encoding: "utf8" });
      expect({ status: compiled.status, stderr: compiled.status === 0 ? "" : compiled.stderr }).toEqual({
        status: 0,
        stderr: "",
      });
      // Not waited for in this thread: the endpoint lives in it.
      const run = Bun.spawn(["cargo", ...words, "--quiet", "--", "--ignored"], {
        cwd: directory,
        env,
        stdout: "pipe",
        stderr: "pipe",
      });
      const [output, status] = await Promise.all([new Response(run.stdout).text(), run.exited]);
      const passed = [...output.matchAll(/^test result: ok\. (\d+) passed; 0 failed/gm)];
      expect({ status, passed: passed.reduce((sum, [, number]) => sum + Number(number), 0) }).toEqual({
        status: 0,
        passed: count,
      });
    });
  }
}

/** A copy of the crate as its registry has it: cargo tests no crate inside its own store. */
function crateSource(crate: string, version: string): string {
  const target = join(CACHE, `crates/${crate}-${version}`);
  if (existsSync(target)) return target;
  const manifest = join(import.meta.dir, "rust/Cargo.toml");
  const lock = join(CACHE, "crates/manifest");
  mkdirSync(lock, { recursive: true });
  cpSync(dirname(manifest), lock, { recursive: true });
  const words = ["metadata", "--quiet", "--format-version", "1", "--manifest-path", join(lock, "Cargo.toml")];
  const { stdout, stderr, status } = spawnSync("cargo", words, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (status !== 0) throw new Error(`cargo metadata failed: ${stderr}`);
  const { packages } = JSON.parse(stdout) as { packages: { name: string; version: string; manifest_path: string }[] };
  const found = packages.find((candidate) => candidate.name === crate && candidate.version === version);
  if (!found) throw new Error(`cargo has no ${crate} ${version}`);
  const unfinished = `${target}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  cpSync(dirname(found.manifest_path), unfinished, { recursive: true });
  renameSync(unfinished, target);
  return target;
}
